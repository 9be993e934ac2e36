"""The command about what would do: a grid of what-ifs, or the least that meets every objective."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from sim.experiments.trials import Laboratory, seeds_of
from sim.experiments.vary import grid_of, vary

EXIT_NOT_FOUND = 1


@dataclass(frozen=True)
class PlanOptions:
    """The options of `plan` as typed; None or empty where not given."""

    vary: Sequence[str]
    find: str | None
    settings: Sequence[str]
    seed: int | None
    replications: int
    probability: float
    cluster: str | None


def plan(screen: Screen, source: str, options: PlanOptions) -> int:
    """A grid or a search; 1 where nothing meets the objectives."""
    if bool(options.vary) == bool(options.find):
        raise UserError(Problem("", "plan", "", "give either --vary KEY=A,B,C or --find KEY"))
    loaded = load(source, options.settings)
    head = {"scenario": loaded.name, "seed": seeds_of(loaded, options.seed, 1)[0]}
    head |= {"replications": options.replications, "probability": options.probability}
    with _laboratory(screen, options.cluster) as laboratory:
        told, text = (_find if options.find else _vary)(loaded, options, laboratory)
    screen.result(head | told, text)
    met = told.get("found", True) and any(row["verdict"] == "ready" for row in told.get("rows", [told]))
    return 0 if met else EXIT_NOT_FOUND


def _vary(loaded: Loaded, options: PlanOptions, laboratory: Laboratory) -> tuple[dict[str, Any], str]:
    seeds = seeds_of(loaded, options.seed, options.replications)
    rows = vary(loaded, grid_of(options.vary), seeds, laboratory)
    return document.grid_document(rows, options.probability), planwords.grid(rows, options.probability)


def _find(loaded: Loaded, options: PlanOptions, laboratory: Laboratory) -> tuple[dict[str, Any], str]:
    seeds = seeds_of(loaded, options.seed, options.replications)
    found = find(loaded, axis_of(loaded, options.find or ""), seeds, options.probability, laboratory)
    return document.found_document(found, options.probability), planwords.found(found, options.replications)


@contextmanager
def _laboratory(screen: Screen, url: str | None) -> Iterator[Laboratory]:
    """Processes of this machine, or a cluster; they are gone when the experiment is over."""
    if url is None:
        with processes() as pool:
            yield Laboratory(executor=pool, watcher=screen, width=cores())
        return
    with cluster(url) as (executor, width):
        yield Laboratory(executor=executor, watcher=screen, width=width)
