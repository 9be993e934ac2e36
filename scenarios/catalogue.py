"""Scenarios by name or path: shipped names, loading with settings."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.history import History
from scenarios.scenario import Scenario

SHIPPED = Path(__file__).parent


@dataclass(frozen=True)
class Loaded:
    """A scenario ready to run. `toml` is the scenario as resolved, settings included; `sha256` is of `toml`."""

    scenario: Scenario
    history: History | None
    name: str
    path: Path
    toml: str
    sha256: str


def names() -> tuple[str, ...]:
    """The shipped scenarios' names, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def load(name_or_path: str | Path, settings: Sequence[str] = ()) -> Loaded:
    """A shipped scenario by name, or a file by path."""
    path = SHIPPED / f"{name_or_path}.toml" if str(name_or_path) in names() else Path(name_or_path)
    text = path.read_text(encoding="utf-8")
    scenario = Scenario.model_validate(tomllib.loads(text))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Loaded(scenario, None, path.stem, path, text, digest)
