"""Kingman's law of heavy traffic within 10 %, at a utilisation of 0.8 and more."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sim import histogram
from tests.theory.closed_forms import kingman_wait_s
from tests.theory.stationary import (
    Interval,
    Queue,
    by_cohort,
    by_message,
    crew,
    interval,
    replications,
    sojourn_s,
)

WITHIN = 0.10
S = float(histogram.CENTRES[histogram.index([0.1])[0]])
SHORT_S = float(histogram.CENTRES[histogram.index([0.001])[0]])
"""A service so short that the queue forgets within a bin: what the cohort resolution is made for."""


@dataclass(frozen=True)
class Heavy:
    """One server. dispersion: of the arrivals' counts; variation: of the service times.

    messages: how many bring 3 % precision, over all replications; test_queues.py has a quick one of the kind.
    """

    load: float
    dispersion: float
    variation: float
    messages: float

    def queue(self, service_s: float) -> Queue:
        """The queue, its warm-up a good many of its relaxation times."""
        relaxation_s = service_s / (1.0 - self.load**0.5) ** 2
        workers = crew(1, service_s, "lognormal", self.variation)
        return Queue(self.load / service_s, workers, {}, 1e6, 5 + int(15 * relaxation_s), self.dispersion)

    def kingman_s(self, service_s: float) -> float:
        """The law's wait."""
        return kingman_wait_s(self.load, service_s, self.dispersion, self.variation)

    def found(self, service_s: float, n: int, messages: float) -> Interval:
        """Waits of `n` replications, `messages` over all of them."""
        run = by_message if service_s == S else by_cohort
        queue = self.queue(service_s)
        outcomes = replications(queue, n, int(messages / queue.rate_per_s / n) + 1, run)
        return interval([sojourn_s(outcome) - service_s for outcome in outcomes])


CASES = [
    Heavy(0.8, 1.0, 0.5, 1.4e6),
    Heavy(0.8, 1.0, 1.0, 2.5e6),
    Heavy(0.9, 1.0, 1.0, 8e6),
    Heavy(0.9, 1.5, 1.0, 9e6),
    Heavy(0.9, 0.7, 1.0, 6e6),
]


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("heavy", CASES, ids=str)
def test_waits_of_heavy_traffic_are_kingmans_within_ten_percent(heavy: Heavy) -> None:
    """All of the 99.9 % interval."""
    told, exact = heavy.found(S, 30, heavy.messages), heavy.kingman_s(S)
    assert abs(told.mean - exact) + told.half <= WITHIN * exact, f"{told}, Kingman {exact:.6g}"


@pytest.mark.parametrize("heavy", CASES[:3], ids=str)
def test_amounts_wait_as_kingman_says_where_the_queue_forgets_within_a_bin(heavy: Heavy) -> None:
    told, exact = heavy.found(SHORT_S, 12, 8e6), heavy.kingman_s(SHORT_S)
    assert abs(told.mean - exact) + told.half <= WITHIN * exact, f"{told}, Kingman {exact:.6g}"
