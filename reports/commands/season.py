"""The commands about a season that simulate nothing: list, show, check."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from loadtests.targets.behind import problems_of_profile
from loadtests.targets.target import Target, checks
from reports import listings
from reports.terminal import Screen
from scenarios.catalogue import load, summaries
from scenarios.checking import check_files
from scenarios.problems import UserError
from sim.season.demand import base_traffic


def scenarios(screen: Screen) -> int:
    """The shipped scenarios."""
    found = summaries()
    screen.result({"scenarios": [asdict(s) for s in found]}, listings.scenario_list(found))
    return 0


def show(screen: Screen, source: str, settings: Sequence[str]) -> int:
    """A season in words; triggered sends are known once it is simulated."""
    loaded = load(source, settings)
    traffic = base_traffic(loaded, loaded.scenario.seed)
    text = listings.season(loaded, traffic, shutil.get_terminal_size().columns)
    screen.result(
        {"scenario": loaded.name, "sha256": loaded.sha256, "seed": loaded.scenario.seed, "text": text}, text
    )
    return 0


def check(screen: Screen, files: Sequence[Path]) -> int:
    """Every problem of the files."""
    problems = check_files([str(f) for f in files], Target, checks)
    problems += [problem for file in files for problem in problems_of_profile(file)]
    document = {"files": [str(f) for f in files], "problems": [asdict(p) for p in problems]}
    if problems:
        screen.result(document)
        return screen.problems(UserError(problems))
    screen.result(document, "\n".join(f"{file}: no problems" for file in files))
    return 0
