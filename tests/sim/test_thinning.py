"""Who of several streams a provider refuses is drawn, as varied as message by message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim import cohort, message
from sim.outcome import Outcome
from sim.progress import SILENT
from tests.sim.pipelines import poisson, scenario, stream, traffic

BINS, FROM = 400, 60
STREAMS = [
    stream("sale"),
    stream("codes", priority="transactional"),
    stream("alerts", priority="transactional"),
]
WINDOW = [
    {
        "name": "p",
        "channels": ["email"],
        "limits": [{"kind": "fixed window", "messages": 120, "window": "1s"}],
    }
]
PATIENT = {"attempts": 20, "backoff": "2s", "cap": "8s", "jitter": 0.5}
RATES = (110.0, 9.0, 4.0)


def season(run: Any, seed: int, count: int = 1000) -> Outcome:
    due = traffic(STREAMS, [poisson(rate, BINS, 10 * seed + i) for i, rate in enumerate(RATES)])
    crew = {"count": count, "service_time": "20ms", "distribution": "exponential"}
    outcome: Outcome = run(scenario(BINS, crew, provider=WINDOW, retries=PATIENT), due, seed, SILENT)[1]
    return outcome


def refused(outcome: Outcome) -> Any:
    """float64 (streams, bins)"""
    return np.array([outcome.total("limited", [i]) for i in range(len(STREAMS))], dtype=np.float64)[:, FROM:]


def test_of_small_streams_as_many_are_refused_and_as_varied_as_message_by_message() -> None:
    by_message, as_cohorts = (
        np.concatenate([refused(season(run, seed)) for seed in (1, 2)], axis=1)
        for run in (message.run, cohort.run)
    )
    assert as_cohorts.mean(axis=1)[1:] == pytest.approx(by_message.mean(axis=1)[1:], rel=0.1)
    assert as_cohorts.var(axis=1)[1:] == pytest.approx(by_message.var(axis=1)[1:], rel=0.25)


def test_what_passes_of_all_is_no_chance() -> None:
    """No window lets more through, and while more than that ask none lets less through."""
    outcome = season(cohort.run, 3)
    passing = np.asarray(
        outcome.total("attempts", [0, 1, 2]) - outcome.total("limited", [0, 1, 2]), np.float64
    )
    assert passing.max() <= 120.0 * (1.0 + 1e-6)
    full = refused(outcome).sum(axis=0) > 1.0
    assert passing[FROM:][full] == pytest.approx(120.0, rel=1e-5)


def test_who_is_alone_before_a_limit_is_refused_what_the_limit_refuses() -> None:
    due = traffic([stream("sale")], [np.full(60, 150)])
    loaded = scenario(60, {"count": 1000, "service_time": "20ms"}, provider=WINDOW, retries={"attempts": 1})
    outcome = cohort.run(loaded, due, 1, SILENT)[1]
    assert np.asarray(outcome.total("failed", [0]))[1:-1] == pytest.approx(30.0, rel=1e-6)
