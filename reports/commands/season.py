"""The commands about a season alone: list, show, check, simulate."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.stages import simulate_stage
from loadtests.targets.behind import problems_of_profile
from loadtests.targets.target import Target, checks
from reports import listings
from reports.commands.runs import run_of
from reports.find import find
from reports.gathering import gather
from reports.judgement import exit_code
from reports.terminal import Screen
from scenarios.catalogue import load, summaries
from scenarios.checking import check_files
from scenarios.problems import UserError
from sim.experiments.executors import cluster
from sim.outcome import Resolution
from sim.season.demand import base_traffic
from sim.simulate import to_document


@dataclass(frozen=True)
class SimulateOptions:
    """The options of `simulate` as typed; None where not given."""

    settings: Sequence[str]
    resolution: Resolution
    seed: int | None
    replications: int
    cluster: str | None = None


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


def simulate(screen: Screen, source: str, options: SimulateOptions, command: str) -> int:
    """Simulate a season into a run of its own."""
    loaded = load(source, options.settings)
    seed = loaded.scenario.seed if options.seed is None else options.seed
    with cluster(options.cluster) if options.cluster else nullcontext((None, 1)) as (executor, _):
        run = run_of(loaded, seed, command)
        simulated = simulate_stage(
            loaded,
            run,
            screen,
            seed=seed,
            replications=options.replications,
            resolution=options.resolution,
            executor=executor,
        )
    run.end()
    document = to_document(simulated) | {"run": run.id}
    del simulated  # a week's traffic takes 100 MB, and what follows reads the run's
    findings = find(gather(run))
    assert findings.season is not None
    screen.result(document, listings.simulated(findings.season, findings.objectives))
    return exit_code(document["verdict"])
