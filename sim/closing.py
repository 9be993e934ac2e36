"""From an engine's ledger to an Outcome: both engines close their books here."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from sim.ledger import ATTEMPTS, LIMITED, QUANTITIES, Ledger
from sim.outcome import Customers, Outcome, Resolution
from sim.pipeline.providers import carriers, open_per
from sim.traffic import Traffic

Floats = npt.NDArray[np.float64]


class Stopwatch:
    """Wall and CPU seconds since it was made, without what was spent compiling."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()
        self.compile_s = 0.0
        self._compile_cpu_s = 0.0

    def compiled(self) -> None:
        """All that passed until now was compilation."""
        self.compile_s = time.perf_counter() - self._wall_s
        self._compile_cpu_s = time.process_time() - self._cpu_s

    def wall_s(self) -> float:
        """Wall seconds, with compilation: what the user waited."""
        return time.perf_counter() - self._wall_s

    def cpu_s(self) -> float:
        """CPU seconds of this process, without compilation."""
        return time.process_time() - self._cpu_s - self._compile_cpu_s


@dataclass(frozen=True)
class Books:
    """What an engine ends with. delay_counts: float64 (streams, BINS); worker_share: float64 (bins,)."""

    resolution: Resolution
    seed: int
    ledger: Ledger
    delay_counts: Floats
    worker_share: Floats
    customers: Customers
    watch: Stopwatch


def close(scenario: Scenario, traffic: Traffic, books: Books) -> Outcome:
    """The Outcome of `traffic` (triggered sends included)."""
    ledger = books.ledger
    names, busy_share = _stages(scenario, traffic, books)
    counts = {name: ledger.counts[row] for row, name in enumerate(QUANTITIES)}
    return Outcome(
        streams=traffic.streams,
        starts_at=traffic.starts_at,
        bin_s=traffic.bin_s,
        resolution=books.resolution,
        seed=books.seed,
        scenario=traffic.scenario,
        planned=traffic.planned,
        suppressed=traffic.suppressed,
        **counts,
        backlog=ledger.backlog,
        under_way=ledger.under_way,
        totals=ledger.totals,
        delay_counts=books.delay_counts,
        stages=names,
        busy_share=busy_share,
        customers=books.customers,
        wall_s=books.watch.wall_s(),
        cpu_s=books.watch.cpu_s(),
        compile_s=books.watch.compile_s,
    )


def _stages(
    scenario: Scenario, traffic: Traffic, books: Books
) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """Workers, then every provider with limits: what it admitted of what its limits let pass in a bin, or the
    share of what was asked that it refused, if that is greater.

    A burst can admit more than the rate for a while; the share stays at 1 then.
    """
    carrier = np.array(carriers(scenario, traffic.streams), dtype=np.int64)
    names, rows = ["workers"], [books.worker_share]
    counts = books.ledger.counts
    for index, provider in enumerate(scenario.providers):
        open_per_bin = open_per(provider, traffic.bin_s)
        if np.isfinite(open_per_bin):
            own = carrier == index
            asked, refused = counts[ATTEMPTS, own].sum(axis=0), counts[LIMITED, own].sum(axis=0)
            names.append(f"provider:{provider.name}")
            rows.append(np.maximum((asked - refused) / open_per_bin, refused / np.maximum(asked, 1e-9)))
    return tuple(names), np.clip(np.array(rows), 0.0, 1.0).astype(np.float32)
