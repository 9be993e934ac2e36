"""Stationary queues as seasons: replications without their warm-up, drained, and intervals of their means."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from scenarios.catalogue import Loaded
from sim import cohort, histogram, message
from sim.outcome import Outcome
from sim.progress import SILENT
from sim.traffic import Traffic
from tests.sim.pipelines import scenario, stream, traffic

CONFIDENCE = 0.999
DRAIN_S = 20
MEASURED = 1
"""The second stream is measured; the first one's messages only bring the queue to its usual state."""

Floats = npt.NDArray[np.float64]
Run = Callable[[Loaded, Traffic, int], Outcome]


def crew(count: int, service_s: float, distribution: str, variation: float | None = None) -> dict[str, Any]:
    """Workers as in a scenario's file."""
    told = {"count": count, "service_time": f"{service_s!r}s", "distribution": distribution}
    return told | ({} if variation is None else {"variation": variation})


@dataclass(frozen=True)
class Queue:
    """A queue that is asked for a stationary figure.

    parts: of the pipeline beside its workers, and the providers, as in a scenario's file. warm_up_s: many
    relaxation times of the queue. dispersion: variance over mean of the messages in a bin; 1 is Poisson.
    """

    rate_per_s: float
    workers: dict[str, Any]
    parts: dict[str, Any]
    freshness_s: float = 1e6
    warm_up_s: int = 10
    dispersion: float = 1.0


@dataclass(frozen=True)
class Interval:
    """Mean over replications and the half-width of its two-sided 99.9 % interval."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{self.mean:.6g} +- {self.half:.2g} ({self.half / self.mean:.2%})"


def interval(found: Sequence[float]) -> Interval:
    """Student's interval of independent replications."""
    values = np.asarray(found, dtype=np.float64)
    t = float(stdtrit(len(values) - 1, (1.0 + CONFIDENCE) / 2.0))
    return Interval(float(values.mean()), t * float(values.std(ddof=1)) / math.sqrt(len(values)))


def season(queue: Queue, measured_s: int, seed: int) -> tuple[Loaded, Traffic]:
    """Warm-up, the time that is measured, and time for the rest to leave."""
    bins = queue.warm_up_s + measured_s + DRAIN_S
    counts = np.zeros((2, bins), dtype=np.int64)
    due = arrivals(queue, queue.warm_up_s + measured_s, np.random.default_rng(seed))
    counts[0, : queue.warm_up_s] = due[: queue.warm_up_s]
    counts[MEASURED, queue.warm_up_s : -DRAIN_S] = due[queue.warm_up_s :]
    streams = [stream(name, freshness_s=queue.freshness_s) for name in ("warm-up", "measured")]
    return scenario(bins, queue.workers, **queue.parts), traffic(streams, counts)


def arrivals(queue: Queue, bins: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """int64 (bins,): Poisson, or negative binomial (more varied) or binomial (less) with the same mean."""
    mean, varied = queue.rate_per_s, queue.dispersion
    if varied == 1.0:
        return random.poisson(mean, bins)
    if varied > 1.0:
        return random.negative_binomial(mean / (varied - 1.0), 1.0 / varied, bins)
    return random.binomial(round(mean / (1.0 - varied)), 1.0 - varied, bins)


def by_message(loaded: Loaded, due: Traffic, seed: int) -> Outcome:
    """The message resolution."""
    return message.run(loaded, due, seed, SILENT)[1]


def by_cohort(loaded: Loaded, due: Traffic, seed: int) -> Outcome:
    """The cohort resolution."""
    return cohort.run(loaded, due, seed, SILENT)[1]


def replications(queue: Queue, n: int, measured_s: int, run: Run = by_message) -> tuple[Outcome, ...]:
    """Seeds are 0 to n - 1, chosen before the first run."""
    return tuple(run(*season(queue, measured_s, seed), seed) for seed in range(n))


def sojourn_s(outcome: Outcome) -> float:
    """Mean of delivered - due."""
    return histogram.mean(outcome.delay_counts[MEASURED])
