"""The command `serve --as`: a provider, played in the foreground."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from loadtests.rig import api_key
from loadtests.standin import server
from loadtests.standin.settings import settings_of
from loadtests.targets.behind import Behind
from loadtests.targets.behind_soundness import limit_complaints
from reports.judgement import EXIT_DONE
from reports.terminal import Screen
from scenarios.complaints import Complaint, complaints
from scenarios.problems import Problem, UserError

NAMED = {"stand_in": "--as"}
"""Options that are not called as the words of `[behind]` are."""


@dataclass(frozen=True)
class Options:
    """The options as typed; None where not given."""

    stand_in: str
    profile: str | None
    limit: str | None
    stall: str | None
    error_share: str | None
    outage: str | None
    record: Path | None


def serve(screen: Screen, options: Options, of_the_queue: Mapping[str, object], host: str, port: int) -> int:
    """Play the provider until told to stop. `of_the_queue`: options that only the reference API knows."""
    behind = _behind(options, of_the_queue)
    settings = msgspec.structs.replace(
        settings_of(behind),
        host=host,
        port=port,
        key=api_key(),
        records="" if options.record is None else str(options.record),
    )
    server.serve(settings, screen.show)
    return EXIT_DONE


def _behind(options: Options, of_the_queue: Mapping[str, object]) -> Behind:
    """The options read as `[behind]` is. Raises UserError with every problem."""
    problems = [
        Problem("", name, str(value), "a stand-in has no queue and no workers of its own")
        for name, value in of_the_queue.items()
        if value is not None
    ]
    table: dict[str, Any] = {"stand_in": options.stand_in, "port": 1}
    table |= {name: value for name, value in _plain(options).items() if value is not None}
    table |= _pairs(options, problems)
    try:
        behind = Behind.model_validate(table)
        found = list(limit_complaints(behind))
    except ValidationError as error:
        found = complaints(Behind, table, error)
    problems += [_problem(complaint, table) for complaint in found]
    if problems:
        raise UserError(problems)
    return behind


def _plain(options: Options) -> dict[str, str | None]:
    return {"profile": options.profile, "limit": options.limit, "error_share": options.error_share}


def _pairs(options: Options, problems: list[Problem]) -> dict[str, dict[str, str]]:
    """`D/every D` and `D/after D` as the tables that they stand for."""
    found = {}
    for name, text, word in (("stall", options.stall, "every"), ("outage", options.outage, "after")):
        if text is None:
            continue
        match = re.fullmatch(rf"\s*([^/]+?)\s*/\s*{word}\s+(.+?)\s*", text)
        if match is None:
            problems.append(Problem("", f"--{name}", text, "cannot be read", f'"2s/{word} 30s"'))
        else:
            found[name] = {"lasts": match[1], word: match[2]}
    return found


def _problem(complaint: Complaint, table: Mapping[str, Any]) -> Problem:
    name = str(complaint.path[0])
    option = NAMED.get(name, f"--{name.replace('_', '-')}")
    value = table.get(name, "")
    for part in complaint.path[1:]:
        value = value.get(part, "") if isinstance(value, dict) else value
    return Problem("", option, str(value), complaint.message, complaint.allowed, complaint.nearest)
