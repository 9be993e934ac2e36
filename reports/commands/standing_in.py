"""The command `serve --as`: a provider, played in the foreground."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
SHARED = ("limit", "stall", "webhook")
"""Options of the reference send API that a stand-in knows too."""
Typed = Mapping[str, str | int | None]


def serve(screen: Screen, played: Typed, of_the_api: Typed, host: str, port: int) -> int:
    """Play the provider until told to stop. Options as typed, by name; None where not given."""
    typed = dict(played) | {name: of_the_api.get(name) for name in SHARED}
    behind = _behind(typed, {name: value for name, value in of_the_api.items() if name not in SHARED})
    settings = msgspec.structs.replace(
        settings_of(behind), host=host, port=port, key=api_key(), records=str(typed["record"] or "")
    )
    server.serve(settings, screen.show)
    return EXIT_DONE


def _behind(typed: Typed, unknown: Typed) -> Behind:
    """The options read as `[behind]` is. Raises UserError with every problem."""
    problems = [
        Problem("", f"--{name}", str(value), "only the reference send API knows this, not a stand-in")
        for name, value in unknown.items()
        if value is not None
    ]
    words = {"profile": typed["profile"], "limit": typed["limit"], "error_share": typed["error-share"]}
    words |= {"webhook": typed["webhook"]}
    table: dict[str, Any] = {"stand_in": typed["as"], "port": 1}
    table |= {name: value for name, value in words.items() if value is not None}
    table |= _pairs(typed, problems)
    try:
        behind = Behind.model_validate(table)
        found = list(limit_complaints(behind))
    except ValidationError as error:
        found = complaints(Behind, table, error)
    problems += [_problem(complaint, table) for complaint in found]
    if problems:
        raise UserError(problems)
    return behind


def _pairs(typed: Typed, problems: list[Problem]) -> dict[str, dict[str, str]]:
    """`D/every D` and `D/after D` as the tables that they stand for."""
    found = {}
    for name, word in (("stall", "every"), ("outage", "after")):
        text = typed[name]
        if text is None:
            continue
        match = re.fullmatch(rf"\s*([^/]+?)\s*/\s*{word}\s+(.+?)\s*", str(text))
        if match is None:
            problems.append(Problem("", f"--{name}", str(text), "cannot be read", f'"2s/{word} 30s"'))
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
