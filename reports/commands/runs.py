"""A run for a command: made from what is run, told where it lies."""

from __future__ import annotations

from typing import Any

from scenarios.catalogue import Loaded
from sim.runs import Run, create_run


def run_of(loaded: Loaded, seed: int, command: str) -> Run:
    """A run of a scenario; it remembers where the scenario lies, because its history lies beside it."""
    run = create_run(loaded.name, seed=seed, scenario_sha256=loaded.sha256, command=command)
    run.note(scenario_path=str(loaded.path.resolve()))
    return run


def run_without_season(name: str, seed: int | None, command: str) -> Run:
    """A run that loads a target without a season."""
    return create_run(name, seed=seed, scenario_sha256="", command=command)


def named(run: Run) -> dict[str, Any]:
    """What every JSON document says of the run it comes from: its id and its seed."""
    return {"run": run.id, "seed": run.manifest().get("seed")}
