"""The command about what would do: a grid, the least that is enough, what the headline hangs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reports import planwords
from reports.terminal import Screen
from scenarios.catalogue import Loaded, load
from scenarios.problems import Problem, UserError
from sim.experiments import document
from sim.experiments.axis import axis_of
from sim.experiments.executors import cluster, cores, processes
from sim.experiments.find import find
from sim.experiments.sensitivity import ranges_of, sensitivity
from sim.experiments.trials import Laboratory, seeds_of
from sim.experiments.vary import grid_of, vary

EXIT_NOT_FOUND = 1

Experiment = Callable[[Loaded, "PlanOptions", Laboratory], tuple[dict[str, Any], str]]


@dataclass(frozen=True)
class PlanOptions:
    """The options of `plan` as typed; None where not given."""

    vary: Sequence[str] | None
    find: str | None
    sensitivity: bool
    points: int
    settings: Sequence[str] | None
    seed: int | None
    replications: int
    probability: float
    cluster: str | None


def plan(screen: Screen, source: str, options: PlanOptions) -> int:
    """A grid, a search or a sensitivity; 1 where nothing meets the objectives."""
    if (options.find and (options.vary or options.sensitivity)) or not (
        options.find or options.vary or options.sensitivity
    ):
        message = "give one of --vary KEY=A,B,C, --find KEY, --sensitivity --vary KEY=LOW,HIGH"
        raise UserError(Problem("", "plan", "", message))
    if options.points & (options.points - 1):
        raise UserError(
            Problem("", "--points", str(options.points), "is no power of two", "32, 64, 128, ...")
        )
    loaded = load(source, options.settings or ())
    head = {"scenario": loaded.name, "seed": seeds_of(loaded, options.seed, 1)[0]}
    head |= {"replications": options.replications, "probability": options.probability}
    with _laboratory(screen, options.cluster) as laboratory:
        told, text = _experiment(options)(loaded, options, laboratory)
    screen.result(head | told, text)
    if options.sensitivity:
        return 0
    met = told.get("found", True) and any(row["verdict"] == "ready" for row in told.get("rows", [told]))
    return 0 if met else EXIT_NOT_FOUND


def _experiment(options: PlanOptions) -> Experiment:
    if options.sensitivity:
        return _sensitivity
    return _find if options.find else _vary


def _vary(loaded: Loaded, options: PlanOptions, laboratory: Laboratory) -> tuple[dict[str, Any], str]:
    seeds = seeds_of(loaded, options.seed, options.replications)
    rows = vary(loaded, grid_of(options.vary or ()), seeds, laboratory)
    return document.grid_document(rows, options.probability), planwords.grid(rows, options.probability)


def _find(loaded: Loaded, options: PlanOptions, laboratory: Laboratory) -> tuple[dict[str, Any], str]:
    seeds = seeds_of(loaded, options.seed, options.replications)
    found = find(loaded, axis_of(loaded, options.find or ""), seeds, options.probability, laboratory)
    text = planwords.found(found, options.replications, options.probability)
    return document.found_document(found, options.probability), text


def _sensitivity(loaded: Loaded, options: PlanOptions, laboratory: Laboratory) -> tuple[dict[str, Any], str]:
    seeds = seeds_of(loaded, options.seed, options.replications)
    found = sensitivity(
        loaded, ranges_of(loaded, grid_of(options.vary or ())), seeds, options.points, laboratory
    )
    return document.sensitivity_document(found), planwords.sensitivity(found)


@contextmanager
def _laboratory(screen: Screen, url: str | None) -> Iterator[Laboratory]:
    """Processes of this machine, or a cluster; they are gone when the experiment is over."""
    if url is None:
        with processes() as pool:
            yield Laboratory(executor=pool, watcher=screen, width=cores())
        return
    with cluster(url) as (executor, width):
        yield Laboratory(executor=executor, watcher=screen, width=width)
