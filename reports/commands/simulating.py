"""The command `simulate`: a season into a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from loadtests.stages import simulate_stage
from reports import listings
from reports.commands.runs import run_of
from reports.find import find
from reports.gathering import gather
from reports.judgement import exit_code
from reports.terminal import Screen
from scenarios.catalogue import load
from sim.experiments.executors import cluster
from sim.outcome import Resolution
from sim.simulate import to_document


@dataclass(frozen=True)
class SimulateOptions:
    """The options of `simulate` as typed; None where not given."""

    settings: Sequence[str]
    resolution: Resolution
    seed: int | None
    replications: int
    cluster: str | None = None


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
    told = listings.simulated(findings.season, findings.objectives, findings.table("tenants"))
    screen.result(document, told)
    return exit_code(document["verdict"])
