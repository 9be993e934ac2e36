"""Every kind of limit in both resolutions: as many messages arrive by the end of every minute."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scenarios.catalogue import Loaded
from sim import cohort, message
from sim.outcome import Outcome
from sim.pipeline.calllaws import blocked_share
from sim.progress import SILENT
from sim.traffic import Traffic
from tests.sim.pipelines import poisson, scenario, stream, traffic

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


@pytest.mark.parametrize(
    ("calls", "call_s", "workers", "service_s", "within"),
    [(59, 0.547, 13, 0.095, 0.01), (3, 0.215, 6, 0.19, 0.03), (10, 0.9, 40, 0.18, 0.01)],
)
def test_calls_stand_idle_until_a_crew_of_equal_services_comes_round_to_them(
    calls: int, call_s: float, workers: int, service_s: float, within: float
) -> None:
    """All are busy; they ask at the same moments of every service, which those at which they got busy set."""
    cap = {"kind": "concurrency cap", "calls": calls, "call_duration": f"{call_s}s"}
    crew = {"count": workers, "service_time": f"{service_s}s", "distribution": "deterministic"}
    loaded = scenario(40, crew, provider=_by(cap), retries={"attempts": 1})
    carried = workers / service_s
    calm = min(0.72 * carried, 0.9 * calls / call_s)
    due = traffic([stream("sale")], [np.where(np.arange(40) < 5, round(calm), round(1.8 * carried))])
    one, other = (taken - 5.0 * round(calm) for taken in _taken(loaded, due, range(870, 886)))
    assert one < calls / call_s * 35.0, "some stand idle"
    assert other == pytest.approx(one, rel=within)


@pytest.mark.parametrize("call_s", [0.3, 2.5])
def test_a_cap_on_calls_with_a_tenth_to_spare_refuses_by_chance_what_erlang_says(call_s: float) -> None:
    calls = math.ceil(60.0 * call_s / 0.9)
    cap = {"kind": "concurrency cap", "calls": calls, "call_duration": f"{call_s}s"}
    loaded = scenario(600, {"count": 30, "service_time": "50ms"}, provider=_by(cap), retries={"attempts": 1})
    refused = []
    for seed in range(3):
        due = traffic([stream("sale")], [poisson(60.0, 600, seed)])
        outcomes = (engine.run(loaded, due, seed, SILENT)[1] for engine in (message, cohort))
        refused.append([float(outcome.limited.sum()) for outcome in outcomes])
    one, other = np.mean(refused, axis=0)
    assert one == pytest.approx(blocked_share(float(calls), 60.0 * call_s) * 600 * 60.0, rel=0.2), "chance"
    assert other == pytest.approx(one, rel=0.1)


@pytest.mark.parametrize(
    ("calls", "call_s", "load"), [(6, 1.0, 0.5), (6, 0.5, 0.3), (12, 1.0, 0.7), (3, 0.5, 0.3)]
)
def test_of_few_calls_as_many_are_refused_as_erlang_says(calls: int, call_s: float, load: float) -> None:
    """Who asks is not among the others whom he meets; counted as one of them twice as many were refused."""
    bins, idle = 3000, {"count": 400, "service_time": "10ms", "distribution": "exponential"}
    limit = {"kind": "concurrency cap", "calls": calls, "call_duration": f"{call_s}s"}
    provider = {"name": "p", "channels": ["email"], "limits": [limit]}
    loaded = scenario(bins, idle, provider=[provider], retries={"attempts": 1})
    due = traffic([stream("a")], [poisson(load * calls / call_s, bins, 3)])
    outcome = cohort.run(loaded, due, 1, SILENT)[1]
    refused = float(outcome.limited.sum() / outcome.attempts.sum())
    assert refused == pytest.approx(blocked_share(float(calls), load * calls), abs=0.008)


@pytest.mark.parametrize(("calls", "call_s", "rate"), [(6, 0.5, 26.0), (9, 1.5, 14.0)])
def test_retries_that_come_back_by_chance_meet_each_other_at_few_calls(
    calls: int, call_s: float, rate: float
) -> None:
    """Nobody is due but in the first 40 s; from 90 s on few retries are left at a time."""
    bins, idle = 240, {"count": 40, "service_time": "20ms", "distribution": "exponential"}
    limit = {"kind": "concurrency cap", "calls": calls, "call_duration": f"{call_s}s"}
    retries = {"attempts": 30, "backoff": "4s", "cap": "24s", "jitter": 0.5}
    loaded = scenario(bins, idle, provider=_by(limit), retries=retries)
    refused = []
    for seed in range(8):
        due = traffic([stream("sale")], [poisson(rate, bins, seed) * (np.arange(bins) < 40)])
        outcomes = (engine.run(loaded, due, seed, SILENT)[1] for engine in (message, cohort))
        refused.append([float(outcome.limited[:, 90:].sum()) for outcome in outcomes])
    one, other = np.mean(refused, axis=0)
    assert other == pytest.approx(one, rel=0.35), "a fifth by chance; told as newcomers are, half or less"


@pytest.mark.parametrize(
    "word",
    [
        {"kind": "refilled bucket", "messages": 450, "every": "8.6s", "phase": "3.7s"},
        {"kind": "switch-off", "messages": 700, "window": "144s", "off": "5.8s"},
    ],
    ids=lambda word: str(word["kind"]),
)
def test_who_asks_before_a_limit_opens_within_the_bin_is_refused(word: dict[str, Any]) -> None:
    loaded = scenario(90, {"count": 20, "service_time": "50ms"}, provider=_by(word), retries={"attempts": 1})
    due = traffic([stream("sale")], [np.full(90, 100)])
    one, other = (9000.0 - taken for taken in _taken(loaded, due, range(870, 873)))
    assert one > 1000.0
    assert other == pytest.approx(one, rel=0.01)


def _by(limit: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": "p", "channels": ["email"], "limits": [limit]}]


def _taken(loaded: Loaded, due: Traffic, seeds: Iterable[int]) -> tuple[float, float]:
    """What the provider takes: the mean of seasons message by message, and as amounts."""
    one, other = (
        [float(outcome.attempts.sum() - outcome.limited.sum()) for outcome in outcomes]
        for outcomes in zip(
            *([engine.run(loaded, due, seed, SILENT)[1] for engine in (message, cohort)] for seed in seeds),
            strict=True,
        )
    )
    return float(np.mean(one)), float(np.mean(other))


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


def test_batches_before_a_cap_on_calls_come_to_find_room_for_all_or_none() -> None:
    """Calls of a second that began together end together: a batch's first, the codes, soon have little before
    the others. They begin one by one, before there is too much."""
    cap = {"kind": "concurrency cap", "calls": 60, "call_duration": "1s"}
    provider, crew = (
        {"name": "p", "channels": ["email"], "limits": [cap]},
        {"count": 4, "service_time": "30ms"},
    )
    loaded = scenario(100, {**crew, "batch": 3}, provider=[provider], retries={"attempts": 1})
    streams = [stream("sale"), stream("code", priority="transactional")]
    due = traffic(streams, [[25] * 10 + [600] * 90, [30] * 100])
    found, exact = (
        float(np.mean([_codes_taken(run(loaded, due, seed, SILENT)[1]) for seed in range(870, 876)]))
        for run in (cohort.run, message.run)
    )
    assert 1.1 < exact < 1.7, "2.5 if calls ended one by one"
    assert found == pytest.approx(exact, rel=0.1)


def _codes_taken(outcome: Outcome) -> float:
    """Of codes, against all messages: the share of calls that the bucket passes."""
    asked, refused = outcome.attempts.sum(axis=1), outcome.limited.sum(axis=1)
    return float((1.0 - refused[1] / asked[1]) / (1.0 - refused.sum() / asked.sum()))


@pytest.mark.parametrize(
    "workers",
    [
        {"count": 16, "service_time": "64ms", "distribution": "deterministic"},
        {"count": 4, "service_time": "64ms", "distribution": "exponential", "batch": 4},
    ],
    ids=["longer gaps of equal services", "the first of batches"],
)
def test_mailboxes_defer_less_of_the_higher_class_where_it_asks_at_other_moments(workers: Any) -> None:
    deferring = {"kind": "mailbox deferral", "rate": "75/s", "burst": 60, "fall": 0.0}
    loaded = scenario(30, workers, provider=[{"name": "p", "channels": ["email"], "limits": [deferring]}])
    streams = [stream("sale"), stream("code", priority="transactional")]
    due = traffic(streams, [np.full(30, 230), np.random.default_rng(1).poisson(50.0, 30)])
    found = _codes_delivered(cohort.run(loaded, due, 1, SILENT)[1])
    exact = [_codes_delivered(message.run(loaded, due, seed, SILENT)[1]) for seed in range(870, 886)]
    assert np.mean(exact) > 1.4
    assert found == pytest.approx(np.mean(exact), rel=0.08), (
        "gaps are those of the first moments: 4 % by chance"
    )


def _codes_delivered(outcome: Outcome) -> float:
    """Of codes, against all messages that mailboxes took or deferred: the share that they took."""
    asked, taken = outcome.attempts.sum(axis=1), outcome.delivered.sum(axis=1)
    return float(taken[1] / asked[1] / (taken.sum() / asked.sum()))
