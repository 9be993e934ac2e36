"""Every kind of limit in both resolutions: as many messages arrive by the end of every minute."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scenarios.catalogue import Loaded
from sim import cohort, message
from sim.outcome import Outcome
from sim.progress import SILENT
from tests.sim.pipelines import scenario, stream, traffic

BINS = 180
CHECK_BINS = (49, 109, 179)
"""Away from the moments at which windows open: there the resolutions may differ by a bin."""
CALLS = 40
"""By how much a cap on concurrent calls may differ: amounts have no single ends of calls."""
CAP = {"kind": "concurrency cap", "calls": 25, "call_duration": "316ms"}
SEEDS = (881, 882, 883)
KINDS: dict[str, list[dict[str, Any]]] = {
    "fixed windows": [
        {"kind": "fixed window", "messages": 15, "window": "1s"},
        {"kind": "fixed window", "messages": 500, "window": "1min"},
    ],
    "clock hour": [{"kind": "clock hour", "messages": 1000}],
    "refilled bucket": [{"kind": "refilled bucket", "messages": 450, "every": "1min", "phase": "12s"}],
    "daily cap": [{"kind": "daily cap", "messages": 900, "timezone": "Asia/Shanghai"}],
    "rolling quota": [{"kind": "rolling quota", "messages": 400, "window": "72s"}],
    "concurrency cap": [{"kind": "concurrency cap", "calls": CALLS, "call_duration": "4s"}],
    "switch-off": [{"kind": "switch-off", "messages": 600, "window": "144s", "off": "80s"}],
}


def season(limits: list[dict[str, Any]], **provider: Any) -> Loaded:
    told = [{"name": "p", "channels": ["email"], "limits": limits, **provider}]
    retries = {"attempts": 100, "backoff": "2s", "cap": "8s"}
    return scenario(BINS, {"count": 20, "service_time": "50ms"}, provider=told, retries=retries)


def arrived(loaded: Loaded, seed: int = 1) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Messages delivered by the end of each bin: message by message, and as amounts."""
    rates = np.where(np.arange(BINS) < 120, 12.0, 0.0)
    due = traffic([stream("sale")], [np.random.default_rng(seed).poisson(rates)])
    outcomes = [engine.run(loaded, due, seed, SILENT)[1] for engine in (message, cohort)]
    one, other = (np.cumsum(outcome.delivered[0], dtype=np.float64) for outcome in outcomes)
    return one, other


@pytest.mark.parametrize("kind", KINDS)
def test_both_resolutions_pass_as_many_through_every_kind_of_limit(kind: str) -> None:
    one, other = arrived(season(KINDS[kind]))
    assert one[-1] > 500, "there is something to compare"
    calls = CALLS if "calls" in KINDS[kind][0] else 0
    for at in CHECK_BINS:
        assert other[at] == pytest.approx(one[at], abs=calls + max(10.0, 0.03 * one[at]))


def test_what_fails_inside_an_accepted_request_is_lost_in_both_resolutions() -> None:
    one, other = arrived(season([], partial_failure=0.2))
    due = 12.0 * 120
    assert one[-1] == pytest.approx(0.8 * due, rel=0.08)
    assert other[-1] == pytest.approx(one[-1], rel=0.05)


def test_workers_that_are_away_after_a_crash_leave_no_call_idle_meanwhile() -> None:
    """Those who are there ask as often as before: only their services vary, not who is away."""
    calls = [{"name": "p", "channels": ["email"], "limits": [CAP]}]
    crashes = {"crashes": {"rate": "0.01/s", "restart": "12s"}}
    queue, retries = {"visibility_timeout": "14s"}, {"attempts": 14, "backoff": "1.7s", "cap": "3.6s"}
    workers = {"count": 4, "service_time": "22ms", "variation": 1.2, **crashes}
    loaded = scenario(300, workers, queue=queue, provider=calls, retries=retries)
    due = traffic([stream("sale")], [np.where(np.arange(300) < 100, 95, 0)])
    one, other = (
        np.mean([engine.run(loaded, due, seed, SILENT)[1].delivered[0, :100].sum() for seed in SEEDS])
        for engine in (message, cohort)
    )
    assert other == pytest.approx(one, rel=0.02)


def test_codes_from_workers_of_equal_services_find_what_opened_in_the_longer_gaps() -> None:
    """All are busy, and a bucket passes three of ten; the gaps are those of the season's first moments."""
    bucket = [{"name": "p", "channels": ["email"], "limits": [{"rate": "75/s", "burst": 5}]}]
    workers = {"count": 16, "service_time": "64ms", "distribution": "deterministic"}
    streams = [stream("sale"), stream("code", priority="transactional")]
    loaded = scenario(30, workers, provider=bucket, retries={"attempts": 1})
    due = traffic(streams, [np.full(30, 230), np.random.default_rng(1).poisson(50.0, 30)])
    found = _codes_taken(cohort.run(loaded, due, 1, SILENT)[1])
    exact = [_codes_taken(message.run(loaded, due, seed, SILENT)[1]) for seed in range(870, 886)]
    assert np.mean(exact) > 1.3
    assert abs(found - np.mean(exact)) < 2.0 * np.std(exact) / 4.0


def _codes_taken(outcome: Outcome) -> float:
    """Of codes, against all messages: the share of calls that the bucket passes."""
    asked, refused = outcome.attempts.sum(axis=1), outcome.limited.sum(axis=1)
    return float((1.0 - refused[1] / asked[1]) / (1.0 - refused.sum() / asked.sum()))
