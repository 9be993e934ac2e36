"""Crashes and visibility time-outs against closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest

from scenarios.catalogue import Loaded
from sim import cohort, histogram, message
from sim.outcome import Outcome
from sim.pipeline.redelivery import carried_per_s, occupied, services, up_share
from sim.progress import SILENT
from tests.sim.pipelines import block, scenario, stream, traffic

BINS, OFFERED_BINS = 400, 300
S, TIMEOUT_S = 0.5, 1.0
"""Mean service and visibility time-out."""
LATE = math.exp(-TIMEOUT_S / S)
"""Of exponential services, those that outlast the time-out."""
CRASH_PER_S, CRASHED = 0.5, 0.5 / (0.5 + 1.0 / S)
"""Crashes a second of service, and the share of exponential services that they end."""
MANY: dict[str, Any] = {"count": 2000, "service_time": f"{S}s", "distribution": "exponential"}

both = pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])


def season(workers: dict[str, Any], timeout_s: float | None) -> Loaded:
    queue = {"visibility_timeout": f"{timeout_s}s"} if timeout_s else {}
    return scenario(BINS, workers, queue=queue)


def found(run: Any, loaded: Loaded, rate: float = 150.0) -> Outcome:
    due = traffic([stream("a")], [block(rate, 0, OFFERED_BINS, BINS, 3)])
    outcome: Outcome = run(loaded, due, 5, SILENT)[1]
    return outcome


def each(outcome: Outcome, quantity: str) -> float:
    """By message offered."""
    return float(outcome.rows(quantity).sum(dtype=float) / outcome.offered.sum(dtype=float))


def first_of_all_s() -> float:
    """Mean seconds until the first of a message's workers is done, where every one starts a time-out after
    the last: the k-th is not done by t with the chance exp(-(t - k V) / S)."""
    mean_s = 0.0
    for n in range(8):
        so_far = math.exp(TIMEOUT_S * n * (n + 1) / 2.0 / S)
        ends = [math.exp(-(n + 1) * edge * TIMEOUT_S / S) for edge in (n, n + 1)]
        mean_s += S / (n + 1) * so_far * (ends[0] - ends[1])
    return mean_s


@both
def test_a_message_has_a_duplicate_for_every_service_that_outlasts_the_time_out(run: Any) -> None:
    """Services of one message until one is in time are geometric."""
    outcome = found(run, season(MANY, TIMEOUT_S))
    assert each(outcome, "duplicates") == pytest.approx(LATE / (1.0 - LATE), rel=0.04)
    assert each(outcome, "redelivered") == pytest.approx(LATE / (1.0 - LATE), rel=0.04)
    assert each(outcome, "delivered") == pytest.approx(1.0)


@both
def test_the_first_of_a_messages_workers_delivers_it(run: Any) -> None:
    outcome = found(run, season(MANY, TIMEOUT_S))
    off = 0.01 if run is message.run else 0.05  # as much of a bin, within which all this happens
    assert histogram.mean(outcome.delay_counts[0]) == pytest.approx(first_of_all_s(), rel=off)


@both
def test_a_message_is_taken_until_no_crash_ends_its_service(run: Any) -> None:
    """Geometric again; what ends well lasts exp(1/S + rate)."""
    loaded = season(MANY | {"crashes": {"rate": f"{CRASH_PER_S}/s", "restart": "3s"}}, 7.0)
    outcome = found(run, loaded)
    again = CRASHED / (1.0 - CRASHED)
    assert each(outcome, "redelivered") == pytest.approx(again, rel=0.04)
    delay_s = again * 7.0 + 1.0 / (1.0 / S + CRASH_PER_S)
    assert histogram.mean(outcome.delay_counts[0]) == pytest.approx(delay_s, rel=0.04)
    assert each(outcome, "duplicates") == pytest.approx(0.0, abs=1e-5), "exp(-14) of services last so long"


@both
def test_without_a_time_out_what_a_crashed_worker_had_is_lost(run: Any) -> None:
    outcome = found(run, season(MANY | {"crashes": {"rate": f"{CRASH_PER_S}/s", "restart": "3s"}}, None))
    assert each(outcome, "failed") == pytest.approx(CRASHED, rel=0.04)
    assert each(outcome, "redelivered") == each(outcome, "dead_lettered") == 0.0


@both
def test_workers_that_crash_carry_what_is_left_of_their_time(run: Any) -> None:
    """Ten workers, all busy: away 4 s once in 8 s of service, so that two thirds of them are there."""
    told = {"count": 10, "service_time": "50ms", "crashes": {"rate": "0.125/s", "restart": "4s"}}
    loaded = season(told, 30.0)
    workers = loaded.scenario.pipeline.workers
    assert up_share(workers) == pytest.approx(2.0 / 3.0)
    outcome = found(run, loaded, 400.0)
    served = float((outcome.attempts - outcome.limited)[0, 40:240].sum(dtype=float)) / 200.0
    assert served == pytest.approx(carried_per_s(workers), rel=0.04)
    assert outcome.busy_share[0, 40:240].mean() == pytest.approx(1.0, abs=0.01)


@both
def test_the_time_away_after_a_crash_is_not_counted_as_service(run: Any) -> None:
    told = MANY | {"count": 400, "crashes": {"rate": f"{CRASH_PER_S}/s", "restart": "2s"}}
    outcome = found(run, season(told, 9.0))
    busy_s = 150.0 / (1.0 - CRASHED) / (1.0 / S + CRASH_PER_S)
    away = busy_s * CRASH_PER_S * 2.0
    assert outcome.busy_share[0, 100:290].mean() == pytest.approx(busy_s / (400.0 - away), rel=0.02)


def test_one_worker_that_crashes_is_an_m_g_1_queue() -> None:
    """Each take keeps it for a service and, after a crash, for its restart; what comes again is one more
    Poisson stream, for it comes long after."""
    told = {"count": 1, "service_time": "100ms", "distribution": "deterministic"}
    loaded = scenario(
        9_000,
        told | {"crashes": {"rate": "0.5/s", "restart": "400ms"}},
        queue={"visibility_timeout": "100s"},
    )
    crashed = -math.expm1(-0.05)
    due = traffic([stream("a")], [block(5.0, 0, 8_500, 9_000, 8)])
    outcome = message.run(loaded, due, 5, SILENT)[1]
    kept_s, variation = occupied(loaded.scenario.pipeline.workers)
    load = 5.0 / (1.0 - crashed) * kept_s
    wait_s = load * kept_s * (1.0 + variation**2) / 2.0 / (1.0 - load)
    delay_s = (wait_s + crashed * 100.0) / (1.0 - crashed) + 0.1
    assert kept_s == pytest.approx(crashed * 2.0 + crashed * 0.4), "mean of min(S, crash), and the restart"
    assert histogram.mean(outcome.delay_counts[0]) == pytest.approx(delay_s, rel=0.04)


def test_the_shares_of_services_are_those_of_their_distribution() -> None:
    told = services(
        season(MANY | {"crashes": {"rate": f"{CRASH_PER_S}/s", "restart": "1s"}}, TIMEOUT_S).scenario
    )
    assert told.lost_share == pytest.approx(CRASHED, rel=1e-3)
    assert told.late_share == pytest.approx(
        (1.0 - CRASHED) * math.exp(-TIMEOUT_S * (1.0 / S + 0.5)), rel=2e-3
    )


def test_the_chance_of_a_long_stall_is_told_however_small() -> None:
    """A service of 10 ms stalls once for 60 s with the chance 1e-6; only the second stall is too long."""
    told = {"count": 1, "service_time": "10ms", "distribution": "deterministic"}
    stalls = {"rate": "0.0001/s", "length": "60s"}
    assert services(season({**told, "stalls": stalls}, 30.0).scenario).late_share == pytest.approx(
        1e-6, rel=1e-3
    )
    assert services(season({**told, "stalls": stalls}, 90.0).scenario).late_share == 0.0, "5e-13 is none"
