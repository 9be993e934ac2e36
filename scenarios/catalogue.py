"""Scenarios by name or path: what ships, loading with settings, checking files."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.files import read_text
from scenarios.history import History
from scenarios.problems import Problem, UserError, listed, nearest
from scenarios.reading import parse
from scenarios.resolving import resolve
from scenarios.scenario import Scenario

SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class Loaded:
    """A scenario ready to run.

    `scenario` has the settings applied and the calendar's campaigns among its own; `history` is without the
    campaigns that they replace. `toml` is the scenario as resolved and reads back to an equal one; a
    history's path in it is relative to the folder of `path`. `sha256` is of `toml`.
    """

    scenario: Scenario
    history: History | None
    name: str
    path: Path
    toml: str
    sha256: str


@dataclass(frozen=True)
class Summary:
    """One line about a shipped scenario."""

    name: str
    title: str
    description: str


def names() -> tuple[str, ...]:
    """The shipped scenarios' names, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def summaries() -> tuple[Summary, ...]:
    """What the shipped scenarios are about, by name."""
    return tuple(_summary(name) for name in names())


def load(name_or_path: str | Path, settings: Sequence[str] = ()) -> Loaded:
    """A shipped scenario by name, or a file by path, with settings `KEY=VALUE` applied.

    Raises UserError with every problem of the scenario, its settings, its history and its calendar at once.
    """
    path = find(name_or_path)
    file = path.name if path.parent == SHIPPED else str(name_or_path)
    return load_text(read_text(path, file), path, file, settings)


def load_text(text: str, path: Path, file: str = "", settings: Sequence[str] = ()) -> Loaded:
    """A scenario from its text, as if it stood in the file `path`: so is a run's scenario.toml read."""
    resolved = resolve(parse(text, file or path.name), text, path.parent, settings)
    if resolved.scenario is None:
        raise UserError(resolved.problems)
    digest = hashlib.sha256(resolved.toml.encode()).hexdigest()
    return Loaded(resolved.scenario, resolved.history, path.stem, path, resolved.toml, digest)


def find(name_or_path: str | Path) -> Path:
    """The file of a shipped name or a path. Raises UserError where there is none."""
    text = str(name_or_path)
    if text in names():
        return SHIPPED / f"{text}.toml"
    path = Path(name_or_path)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    raise _unknown(text)


def _unknown(name: str) -> UserError:
    known = names()
    allowed = f"{listed(known)}, or the path of a file"
    return UserError(
        Problem("", "", name, "there is no scenario of that name", allowed, nearest(name, known))
    )


def _summary(name: str) -> Summary:
    table = tomllib.loads((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))
    return Summary(name, str(table["title"]), str(table.get("description", "")))
