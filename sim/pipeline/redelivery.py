"""What becomes of a service: it ends well, its worker crashes, or it outlasts the visibility time-out.

One law for both resolutions. A worker crashes at a rate while it serves and is away for its restart and its
start-up. What it had in hand comes again a visibility time-out after it was taken, at the end of its class;
without a time-out it is lost. A service that outlasts the time-out goes on: its message is visible again
meanwhile, and who asks first delivers it. What a provider takes once more is a duplicate.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenarios.faults import RegionLoss, WorkerLoss
from scenarios.pipeline import Workers
from scenarios.scenario import Scenario
from sim.pipeline.workers import mean_s, served_at, spread

Floats = npt.NDArray[np.float64]

NOTHING = 1e-12
"""A share of services that is none."""
_EVEN, _TAIL = 1980, 300
"""Service times that stand for the distribution up to its 99th percentile, and for what is above."""


@dataclass(frozen=True)
class Services:
    """Equally distributed `kept_s` (n,), ascending, seconds without a crash, and how likely each is to end
    well (`good`), after the time-out (`late`); the rest crash."""

    kept_s: Floats
    good: Floats
    late: Floats

    @property
    def late_share(self) -> float:
        """Of all services."""
        share = float(self.late.sum())
        return share if share > NOTHING else 0.0

    @property
    def lost_share(self) -> float:
        """Of all services: those that a crash ends."""
        return max(0.0, 1.0 - float(self.good.sum()) - float(self.late.sum()))


def crash_rate(workers: Workers) -> float:
    """Crashes per second of service."""
    return workers.crashes.rate if workers.crashes else 0.0


def away_s(workers: Workers) -> float:
    """Seconds from a crash until the worker serves again."""
    return workers.crashes.restart + workers.start_up if workers.crashes else 0.0


def away_for_bins(workers: Workers, bin_s: float) -> bool:
    """Whether who crashed is known bin by bin at cohort resolution: they are away for one at least."""
    return crash_rate(workers) > 0.0 and away_s(workers) >= bin_s


def services(scenario: Scenario) -> Services:
    """The services of a scenario's workers."""
    return services_of(scenario.pipeline.workers, scenario.pipeline.queue.visibility_timeout)


def services_of(workers: Workers, timeout_s: float | None) -> Services:
    """Those of workers before a queue with such a visibility time-out."""
    kept_s, likely = _kept(workers.model_copy(update={"count": 1}))
    ends = likely * np.exp(-crash_rate(workers) * kept_s)
    late = kept_s > (math.inf if timeout_s is None else timeout_s)
    return Services(kept_s, np.where(late, 0.0, ends), np.where(late, ends, 0.0))


def forgets(scenario: Scenario) -> bool:
    """Whether a message may ever be lost with its worker, or taken again."""
    pipeline = scenario.pipeline
    if crash_rate(pipeline.workers) > 0.0:
        return True
    fails = any(isinstance(fault, WorkerLoss | RegionLoss) for fault in scenario.faults)
    return pipeline.queue.visibility_timeout is not None and (fails or echoes(scenario))


def echoes(scenario: Scenario) -> bool:
    """Whether a message may be in hand twice."""
    if scenario.pipeline.queue.visibility_timeout is None:
        return False
    return services(scenario).late_share > 0.0


def points_of(kept_s: Floats, likely: Floats, points: int) -> Floats:
    """float64 (points,), ascending: equally probable values of `kept_s` that are so likely each, (n,)."""
    total = float(likely.sum())
    if total <= 0.0:
        return np.full(points, float(kept_s[-1]))
    below = (np.cumsum(likely) - 0.5 * likely) / total
    return np.interp((np.arange(points) + 0.5) / points, below, kept_s)


def ended_well(scenario: Scenario, points: int) -> Floats:
    """float64 (points,), ascending: equally probable seconds of services that ended well."""
    found = services(scenario)
    return points_of(found.kept_s, found.good, points)


def occupied(workers: Workers) -> tuple[float, float]:
    """Mean seconds for which a service keeps its worker, time away after a crash included, and their
    standard deviation / mean.

    Of c workers one that is away leaves c - 1: of the variance that crashes bring a c-th part counts, which
    is exact for one worker (who serves an M/G/1 queue) and holds for many.
    """
    if crash_rate(workers) == 0.0:
        return mean_s(workers), spread(workers)
    whole_s, own2, whole2 = _occupied(workers.model_copy(update={"count": 1}))
    return whole_s, math.sqrt(max(0.0, own2 + (whole2 - own2) / workers.count))


@functools.lru_cache(maxsize=64)
def _occupied(workers: Workers) -> tuple[float, float, float]:
    """Mean seconds as `occupied` has them, and variance / mean^2 without and with the time away."""
    rate, gone_s = crash_rate(workers), away_s(workers)
    kept_s, likely = _kept(workers)
    crashed = -np.expm1(-rate * kept_s)
    busy_s = crashed / rate
    both_s = busy_s - kept_s * (1.0 - crashed)  # of those that crash
    square = float(likely @ (2.0 * both_s / rate))
    one_s, share = float(likely @ busy_s), float(likely @ crashed)
    whole_s = one_s + gone_s * share
    whole = square + gone_s * (2.0 * float(likely @ both_s) + gone_s * share)
    if one_s == 0.0:
        return whole_s, 0.0, 0.0
    return whole_s, square / one_s**2 - 1.0, whole / whole_s**2 - 1.0


def up_share(workers: Workers) -> float:
    """Share of their time that workers who are never idle are there and serve."""
    return 1.0 / (1.0 + crash_rate(workers) * away_s(workers))


def carried_per_s(workers: Workers) -> float:
    """Messages/s that `count` workers take from the queue and serve, all busy and all batches full."""
    kept_s, _ = occupied(workers)
    likely = 1.0
    if crash_rate(workers):
        times_s, weights = _kept(workers.model_copy(update={"count": 1}))
        likely = float(weights @ np.exp(-crash_rate(workers) * times_s))
    return workers.count * workers.batch * likely / kept_s if kept_s else math.inf


@functools.lru_cache(maxsize=16)
def _kept(workers: Workers) -> tuple[Floats, Floats]:
    """Seconds that services keep their workers if nothing crashes, (n,) ascending, and how likely each is;
    finer in the tail, with the stalls counted one by one."""
    edges = np.concatenate(
        (np.linspace(0.0, 0.99, _EVEN + 1), 1.0 - np.logspace(-2, -13, _TAIL + 1)[1:], [1.0])
    )
    likely = np.diff(edges)
    times_s = served_at(workers, edges[:-1] + 0.5 * likely)
    if workers.stalls is None or workers.stalls.rate == 0.0:
        return times_s, likely
    means = workers.stalls.rate * times_s
    counts = np.arange(int(means[-1] + 10.0 * math.sqrt(means[-1]) + 12.0))
    factorials = np.array([math.lgamma(count + 1.0) for count in counts])
    chances = np.exp(np.outer(np.log(np.maximum(means, 1e-300)), counts) - means[:, None] - factorials)
    kept_s = np.add.outer(times_s, counts * workers.stalls.length).ravel()
    weights = (likely[:, None] * chances).ravel()
    order = np.argsort(kept_s, kind="stable")
    return kept_s[order], weights[order] / weights.sum()
