"""The cohort resolution against closed forms, where it claims to hold: queues that forget within a bin.

A queue forgets its state in about S / c / (1 - sqrt(load))^2, its relaxation time. Where that comes near a
bin, amounts know only a part of what the chance of service times adds up to; sim/README.md says so.
"""

from __future__ import annotations

import pytest

from sim import histogram
from tests.theory import closed_forms as theory
from tests.theory.stationary import Queue, by_cohort, crew, interval, replications, sojourn_s

S = float(histogram.CENTRES[histogram.index([0.0002])[0]])
WITHIN = 0.025


@pytest.mark.parametrize("load", [0.5, 0.8, 0.9])
@pytest.mark.parametrize(
    ("distribution", "variation"), [("deterministic", 0.0), ("exponential", 1.0), ("lognormal", 1.5)]
)
def test_amounts_wait_as_pollaczek_and_khinchine_say(
    load: float, distribution: str, variation: float
) -> None:
    own = variation if distribution == "lognormal" else None
    queue = Queue(load / S, crew(1, S, distribution, own), {})
    told = interval([sojourn_s(outcome) - S for outcome in replications(queue, 5, 1000, by_cohort)])
    assert told.mean == pytest.approx(theory.mg1_wait_s(load, S, variation), rel=WITHIN)


@pytest.mark.parametrize(("servers", "load"), [(3, 0.6), (10, 0.8), (40, 0.9)])
def test_amounts_wait_as_erlang_says(servers: int, load: float) -> None:
    queue = Queue(load * servers / S, crew(servers, S, "exponential"), {})
    told = interval([sojourn_s(outcome) - S for outcome in replications(queue, 5, 1000, by_cohort)])
    exact = theory.mmc_wait_s(servers, load * servers, S)
    assert told.mean == pytest.approx(exact, rel=WITHIN, abs=0.001 * S), "a delay is told to 0.3 %"


def test_a_queue_that_outlives_a_bin_is_told_from_arrivals_and_services_that_are_drawn() -> None:
    """Five workers of 100 ms at 1 s bins: with arrivals alone drawn it would be half the wait."""
    slow_s = float(histogram.CENTRES[histogram.index([0.1])[0]])
    queue = Queue(0.9 * 5 / slow_s, crew(5, slow_s, "exponential"), {}, warm_up_s=200)
    told = interval([sojourn_s(outcome) - slow_s for outcome in replications(queue, 20, 3000, by_cohort)])
    assert told.mean == pytest.approx(theory.mmc_wait_s(5, 0.9 * 5, slow_s), rel=0.2)
