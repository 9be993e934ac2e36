"""From a season to an empty ledger, and from a full one to an Outcome: both engines open and close their
books here."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from sim.costs import costs
from sim.ledger import Ledger
from sim.outcome import Customers, Outcome, Resolution, description, row_names
from sim.outcomefile import FileShelf
from sim.parquet import metadata
from sim.pipeline.redelivery import forgets
from sim.shelf import Memory, Shelf
from sim.stages import Stages
from sim.tenants import Group
from sim.traffic import Traffic

Floats = npt.NDArray[np.float64]


class Stopwatch:
    """Wall and CPU seconds since it was made, without what was spent compiling."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()
        self.compile_s = 0.0
        self.compile_cpu_s = 0.0

    def compiled(self) -> None:
        """All that passed until now was compilation."""
        self.compile_s = time.perf_counter() - self._wall_s
        self.compile_cpu_s = time.process_time() - self._cpu_s

    def wall_s(self) -> float:
        """Wall seconds, with compilation: what the user waited."""
        return time.perf_counter() - self._wall_s

    def cpu_s(self) -> float:
        """CPU seconds of this process, without compilation."""
        return time.process_time() - self._cpu_s - self.compile_cpu_s


@dataclass(frozen=True)
class Books:
    """What an engine ends with. delay_counts: float64 (streams, BINS)."""

    resolution: Resolution
    seed: int
    ledger: Ledger
    delay_counts: Floats
    customers: Customers
    watch: Stopwatch
    groups: tuple[Group, ...] = ()


def open_books(scenario: Scenario, traffic: Traffic, keep: Path | None = None) -> Ledger:
    """An empty ledger for a season; its pages go into the file `keep`, into memory without one."""
    stages, bins = Stages(scenario, traffic.streams, traffic.bin_s), traffic.counts.shape[1]
    rows = row_names(traffic.streams, stages.names, again=forgets(scenario))
    shelf: Shelf = FileShelf(keep, rows, bins) if keep else Memory({q: len(n) for q, n in rows.items()}, bins)
    return Ledger(len(traffic.streams), shelf, stages.busy_share)


def close(scenario: Scenario, traffic: Traffic, books: Books) -> Outcome:
    """The Outcome of `traffic` (triggered sends included)."""
    ledger = books.ledger
    shelf = ledger.closed()
    outcome = Outcome(
        streams=traffic.streams,
        starts_at=traffic.starts_at,
        bin_s=traffic.bin_s,
        resolution=books.resolution,
        seed=books.seed,
        scenario=traffic.scenario,
        planned=traffic.planned,
        suppressed=traffic.suppressed,
        totals=ledger.totals,
        delay_counts=books.delay_counts,
        stages=Stages(scenario, traffic.streams, traffic.bin_s).names,
        customers=books.customers,
        groups=books.groups,
        wall_s=books.watch.wall_s(),
        cpu_s=books.watch.cpu_s() - shelf.cpu_s,
        compile_s=books.watch.compile_s,
        series=Memory({}, 0),
        costs=costs(scenario, traffic.streams, ledger.totals),
    )
    series = shelf.series(lambda: metadata(description(outcome)))
    return replace(
        outcome,
        series=series,
        file_cpu_s=shelf.cpu_s,
        compile_cpu_s=books.watch.compile_cpu_s,
    )
