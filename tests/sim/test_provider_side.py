"""Providers in both resolutions: what can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.catalogue import Loaded
from scenarios.deferrals import IpWarmUp, MailboxDeferral
from scenarios.providers import limit_of
from sim import cohort, histogram, message
from sim.ledger import DEAD_LETTERED, DELIVERED, EXPIRED, FAILED
from sim.outcome import Outcome
from sim.pipeline import breakerlaws, deferrallaws
from sim.pipeline.limiter import Limiter
from sim.pipeline.limits import law
from sim.pipeline.spreading import laid_evenly, laid_from_causes
from sim.progress import SILENT
from sim.traffic import Traffic
from tests.sim.pipelines import STARTS_AT, poisson, scenario, stream, traffic

Run = Callable[..., tuple[Traffic, Outcome]]
both = pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
FAST = {"count": 1000, "service_time": "1ms", "distribution": "deterministic"}


def season(bins: int, provider: dict[str, Any], **parts: Any) -> Loaded:
    told = {"name": "p", "channels": ["email"], **provider}
    return scenario(bins, FAST, provider=[told, *parts.pop("others", [])], **parts)


def at_once(bins: int, first: int, messages: int) -> Traffic:
    counts = np.zeros((1, bins), dtype=np.int64)
    counts[0, first] = messages
    return traffic([stream("a")], counts)


def arrived(outcome: Outcome) -> npt.NDArray[np.float64]:
    return np.cumsum(outcome.delivered[0], dtype=np.float64)


def fault(kind: str, begins_s: float, lasts: str, **more: Any) -> dict[str, Any]:
    begins = (STARTS_AT + timedelta(seconds=begins_s)).isoformat()
    return {"kind": kind, "provider": "p", "from": begins, "for": lasts, **more}


@both
def test_a_paced_queue_takes_all_at_once_and_sends_on_at_its_rate(run: Run) -> None:
    """Deterministic fluid: a blast of 1000 in bin 10 leaves at 20/s until bin 60."""
    loaded = season(90, {"limits": [{"kind": "paced queue", "rate": "20/s"}]})
    outcome = run(loaded, at_once(90, 10, 1000), 1, SILENT)[1]
    assert outcome.limited.sum() == 0.0
    for bin_ in (20, 35, 55):
        assert arrived(outcome)[bin_] == pytest.approx(20.0 * (bin_ - 10), abs=25.0)
    assert outcome.under_way[0, 15] > 850, "nothing of it is our backlog"
    assert outcome.backlog.max() <= 1.0
    assert arrived(outcome)[-1] == pytest.approx(1000.0, abs=0.1)


@both
def test_what_would_wait_longer_than_its_validity_expires(run: Run) -> None:
    """In 10 s of 20/s 200 have their turn, and those of the blast's own second."""
    loaded = season(60, {"limits": [{"kind": "paced queue", "rate": "20/s", "validity": "10s"}]})
    outcome = run(loaded, at_once(60, 10, 1000), 1, SILENT)[1]
    assert outcome.totals[DELIVERED, 0] == pytest.approx(220.0, abs=3.0)
    assert outcome.totals[EXPIRED, 0] == pytest.approx(780.0, abs=3.0)


@both
def test_new_addresses_pass_each_hour_what_their_day_allows(run: Run) -> None:
    """Every hour its own sum: 40 in each of the last two hours of day 0, then 56 an hour."""
    limit = {"kind": "ip warm-up", "ips": 2, "day": 22 / 24, "schedule": [20, 28]}
    bins = 5 * 3600
    loaded = season(bins, {"limits": [limit], "deferred_retry": "1min"})
    outcome = run(loaded, at_once(bins, 100, 1000), 1, SILENT)[1]
    by_hour = outcome.delivered[0].reshape(5, 3600).sum(axis=1)
    assert by_hour == pytest.approx([40.0, 40.0, 56.0, 56.0, 56.0], abs=1.0)


def test_the_schedule_that_ships_sums_up_to_what_is_published() -> None:
    limit = limit_of({"kind": "ip warm-up", "ips": 1})
    assert isinstance(limit, IpWarmUp)
    assert [limit.of_day(day) for day in (0, 3, 7, 12, 18, 30)] == [20, 55, 211, 1000, 8583, 484029]
    limiter = Limiter([limit], now_s=31 * 86400.0)
    assert sum(limiter.admit(31 * 86400.0) == 0.0 for _ in range(30)) == 20, "days count from the start"
    assert Limiter([limit.model_copy(update={"day": 31.0})]).admit(0.0, 10**9) == 0.0, "warm"


def test_a_reputation_falls_by_what_is_deferred_and_rises_by_what_is_taken() -> None:
    limit = limit_of(
        {
            "kind": "mailbox deferral",
            "rate": "10/s",
            "burst": 10,
            "review": "10s",
            "fall": 0.4,
            "recovery": 0.1,
        }
    )
    assert isinstance(limit, MailboxDeferral)
    limiter = Limiter([limit])
    taken = sum(limiter.admit(0.5 + 0.01 * i) == 0.0 for i in range(20))
    assert taken == 11
    _, state, _ = limiter.rows()[0]
    limiter.admit(10.1)
    assert state[deferrallaws.REPUTATION] == pytest.approx(1.0 - 0.4 * 9 / 20 + 0.1 * 11 / 20)
    limiter.admit(200.0)
    assert state[deferrallaws.REPUTATION] == 1.0, "forgiven with time"


@both
def test_what_is_deferred_is_tried_again_a_retry_later_give_or_take_a_tenth(run: Run) -> None:
    """Of 80/s for five minutes 40/s pass: sums of one and two even times of 13.5 to 16.5 s."""
    limit = {"kind": "mailbox deferral", "rate": "40/s", "burst": 40, "review": "1h"}
    loaded = season(400, {"limits": [limit], "deferred_retry": "15s", "deferred_expiry": "1h"})
    due = traffic([stream("a")], [np.where(np.arange(400) < 300, 80, 0)])
    outcome = run(loaded, due, 1, SILENT)[1]
    waited_s, counts = histogram.CENTRES[1:-1], outcome.delay_counts[0][1:-1]
    for times in (1, 2):
        own = np.where(abs(waited_s - 15.0 * times) < 7.5, counts, 0.0)
        mean = own @ waited_s / own.sum()
        assert mean == pytest.approx(15.0 * times, abs=0.1)
        spread_s = np.sqrt(own @ (waited_s - mean) ** 2 / own.sum())
        assert spread_s == pytest.approx(np.sqrt(times * 0.75), rel=0.05)


@given(least=st.floats(0.01, 400.0), wider=st.floats(0.001, 300.0))
def test_an_even_delay_on_bins_ends_once_and_keeps_its_mean_and_its_spread(
    least: float, wider: float
) -> None:
    most = least + wider
    jumps = laid_evenly(least, most)
    level, ended = np.zeros(3), np.zeros(3)
    for lag in range(1, int(jumps[-1, 0]) + 1):
        level = np.array([level[0], level[1] + level[0], level[2] + 2.0 * level[1] + level[0]])
        level += jumps[jumps[:, 0] == lag, 1:].sum(axis=0)
        ended += level
    square = (most**2 + most * least + least**2) / 3.0
    assert ended == pytest.approx([1.0, (least + most) / 2.0, square], rel=1e-6)
    assert level == pytest.approx([0.0, 0.0, 0.0], abs=1e-7 * most**2)


def test_what_comes_back_from_a_backoff_is_as_old_as_its_waits_and_not_as_whole_bins() -> None:
    """Of 80/s 60/s pass, the rest 1.5 to 2.1 s and a service later: by fifths of a second."""
    crew = {"count": 20, "service_time": "100ms", "distribution": "deterministic"}
    limits = [{"rate": "60/s", "burst": 60}]
    retries = {"attempts": 2, "backoff": "1.8s", "jitter": 0.16}
    loaded = scenario(
        120, crew, provider=[{"name": "p", "channels": ["email"], "limits": limits}], retries=retries
    )
    due = traffic([stream("a")], [poisson(80.0, 120, 1)])
    exact, told = (engine.run(loaded, due, 1, SILENT)[1].delay_counts[0] for engine in (message, cohort))
    late = histogram.CENTRES > 0.5
    assert told[late].sum() > 500
    for delay_s in (1.6, 1.75, 1.9, 2.05, 2.2):
        found, own = (1.0 - histogram.share_below(counts * late, delay_s) for counts in (told, exact))
        assert found == pytest.approx(own, abs=0.04), "500 messages"


@given(least=st.floats(0.01, 40.0), wider=st.floats(0.001, 30.0))
def test_causes_in_every_bin_end_with_a_wait_that_has_its_mean_and_spread(least: float, wider: float) -> None:
    """What ends in a bin comes from causes of many bins, and has the waits of all."""
    most, level, ended = least + wider, np.zeros(3), np.zeros(3)
    jumps = laid_from_causes(least, most)
    for lag in range(1, int(jumps[-1, 0]) + 1):
        level += jumps[jumps[:, 0] == lag, 1:].sum(axis=0)
        share, before, squares = level
        ended += (share, lag * share - before, lag * lag * share - 2.0 * lag * before + squares)
    square = (most**2 + most * least + least**2) / 3.0
    assert ended == pytest.approx([1.0, (least + most) / 2.0, square], rel=1e-6)


def test_a_breaker_that_always_fails_is_open_all_but_a_probe_of_each_turn() -> None:
    """Duty cycle: after the first window one call every `open` seconds."""
    state, figures = list(breakerlaws.CLOSED), (0.5, 10.0, 5.0, 30.0, 3.0)
    calls = []
    for i in range(4000):
        now_s = 0.1 * i
        if breakerlaws.breaker_wait(state, figures, now_s) == 0.0:
            breakerlaws.breaker_note(state, figures, now_s, 1.0, 1.0)
            calls.append(now_s)
    assert sum(call < 10.0 for call in calls) == 100
    later = [call for call in calls if call >= 10.0]
    assert later[0] == pytest.approx(40.0, abs=0.11)
    assert np.diff(later) == pytest.approx(30.0, abs=0.21)


def test_a_breaker_closes_after_its_probes_and_below_its_share_stays_closed() -> None:
    state, figures = list(breakerlaws.CLOSED), (0.5, 10.0, 5.0, 30.0, 3.0)
    breakerlaws.breaker_note(state, figures, 1.0, 10.0, 4.0)
    assert breakerlaws.breaker_wait(state, figures, 10.0) == 0.0
    breakerlaws.breaker_note(state, figures, 11.0, 10.0, 6.0)
    assert breakerlaws.breaker_wait(state, figures, 20.0) == pytest.approx(30.0, abs=1e-3)
    for _ in range(3):
        assert breakerlaws.breaker_wait(state, figures, 50.1) == 0.0
        breakerlaws.breaker_note(state, figures, 50.1, 1.0, 0.0)
    assert state[breakerlaws.TO_PASS] == 0.0


@both
def test_in_an_outage_an_open_breaker_spares_the_provider_and_the_standby_takes_over(run: Run) -> None:
    loaded = season(
        200,
        {},
        others=[{"name": "q", "channels": ["email"], "standby": True}],
        breaker={"share": 0.5, "window": "5s", "calls": 5, "open": "20s", "probes": 2},
        fault=[fault("provider-outage", 50, "100s")],
    )
    due = traffic([stream("a")], [np.full(200, 10)])
    outcome = run(loaded, due, 1, SILENT)[1]
    assert outcome.totals[DELIVERED, 0] == pytest.approx(2000.0, abs=2.0)
    assert outcome.backlog.max() <= 1.0
    asked_in_vain = outcome.limited[0].sum()
    assert 45 <= asked_in_vain <= 65, "one window, then a probe every 20 s"


@both
def test_a_bucket_behind_a_breaker_is_full_when_it_opens_and_not_fuller(run: Run) -> None:
    """Every 15 s, 12.6 s after the last window: a burst and 2.4 s of its rate pass, then the window failed.

    Who asks in the bin in which it opens is let in by time, whatever the class, though workers take batches.
    """
    limits = [{"kind": "token bucket", "rate": "100/s", "burst": 100}]
    breaker = {"share": 0.5, "window": "5s", "calls": 20, "open": "12.6s", "probes": 3}
    told = {"name": "p", "channels": ["email"], "limits": limits}
    crew = {**FAST, "count": 4, "batch": 3}
    loaded = scenario(305, crew, provider=[told], breaker=breaker, retries={"attempts": 1})
    streams = [stream("sale"), stream("code", priority="transactional")]
    due = traffic(streams, [np.full(305, 240), np.full(305, 60)])
    outcome = run(loaded, due, 1, SILENT)[1]
    taken = outcome.delivered.sum(axis=0)
    assert taken[:5].sum() == pytest.approx(600.0, abs=2.0)
    cycles = taken[5:].reshape(20, 15).sum(axis=1)
    assert cycles.max() <= 340.0 + 2.0
    assert cycles.mean() == pytest.approx(340.0, abs=2.0)
    asked = outcome.rows("attempts")[1, 5:].reshape(20, 15)[:, 12]
    assert asked.sum() == pytest.approx(20 * 0.4 * 60, abs=60.0)


@both
@pytest.mark.parametrize("fixed_wait", [True, False])
def test_who_was_told_to_wait_backs_off_from_that_moment_on(run: Run, fixed_wait: bool) -> None:
    """400 in bin 1, 100 of which pass each 7.5 s: those told to wait ask 1.8 s to 2.2 s after its end."""
    limits = [{"kind": "fixed window", "messages": 100, "window": "7.5s"}]
    jitter = 0.0 if fixed_wait else 0.1
    loaded = season(
        40,
        {"limits": limits, "retry_after": True},
        retries={"attempts": 9, "backoff": "2s", "cap": "2s", "jitter": jitter},
    )
    asked = run(loaded, at_once(40, 1, 400), 1, SILENT)[1].rows("attempts")[0]
    assert asked[1] == pytest.approx(400.0)
    assert asked[9] == pytest.approx(300.0)
    assert asked[16] + asked[17] == pytest.approx(200.0)
    assert asked[17] == pytest.approx(200.0 if fixed_wait else 100.0, abs=30.0)
    assert asked.sum() == pytest.approx(1000.0)


@both
def test_attempts_used_up_and_retries_beyond_the_budget_are_dead_letters(run: Run) -> None:
    loaded = season(
        120,
        {"limits": [{"rate": "1/h", "burst": 10}], "partial_failure": 0.5},
        retries={"attempts": 3, "backoff": "2s", "jitter": 0.0, "budget": 0.1, "budget_saved": 20},
    )
    outcome = run(loaded, at_once(120, 5, 1000), 1, SILENT)[1]
    assert outcome.totals[DEAD_LETTERED, 0] == pytest.approx(990.0, abs=0.1), "no budget for more"
    assert outcome.totals[FAILED, 0] == pytest.approx(995.0, abs=5.0)
    assert outcome.attempts.sum() == pytest.approx(1000 + 120, abs=2.0), "a tenth, and what was saved"


@both
def test_a_wait_that_a_429_tells_saves_the_calls_in_vain(run: Run) -> None:
    limits = [{"kind": "fixed window", "messages": 100, "window": "1min"}]
    retries = {"attempts": 50, "backoff": "2s", "cap": "2s"}
    asked = []
    for tells in (False, True):
        loaded = season(150, {"limits": limits, "retry_after": tells}, retries=retries)
        outcome = run(loaded, at_once(150, 5, 200), 1, SILENT)[1]
        assert outcome.totals[DELIVERED, 0] == pytest.approx(200.0, abs=0.1)
        asked.append(outcome.attempts.sum())
    assert asked[1] == pytest.approx(300.0, abs=1.0)
    assert asked[0] > 1500.0


@both
def test_faults_last_as_long_as_they_are_said_to(run: Run) -> None:
    due = traffic([stream("a")], [np.full(120, 40)])
    slow = season(120, {"delay": {"median": "2s"}}, fault=[fault("slow-provider", 30, "20s", factor=5)])
    late = run(slow, due, 1, SILENT)[1]
    assert late.delivered[0, 33:38].sum() == pytest.approx(0.0, abs=1.0)
    assert late.delay_counts[0].sum() == pytest.approx(118 * 40, abs=82.0)
    halved = season(
        120,
        {"limits": [{"rate": "60/s", "burst": 60}]},
        fault=[fault("halved-limit", 30, "20s")],
        retries={"attempts": 100, "backoff": "1s", "cap": "2s"},
    )
    cut = run(halved, due, 1, SILENT)[1]
    assert cut.delivered[0, 34:50].mean() == pytest.approx(30.0, abs=0.6)
    out = season(120, {}, fault=[fault("provider-outage", 30, "20s")], retries={"attempts": 100, "cap": "2s"})
    down = run(out, due, 1, SILENT)[1]
    assert down.delivered[0, 30:50].sum() == pytest.approx(0.0, abs=1.0), "but one in service"
    assert down.totals[DELIVERED, 0] == pytest.approx(120 * 40, abs=10.0)


def test_a_limit_that_changes_keeps_what_was_used() -> None:
    for table in (
        {"kind": "fixed window", "messages": 100, "window": "1h"},
        {"kind": "rolling quota", "messages": 100, "window": "1h"},
        {"kind": "concurrency cap", "calls": 100, "call_duration": "1h"},
        {"kind": "paced queue", "rate": "100/h", "queue": "1h"},
    ):
        limit = limit_of(table)
        limiter = Limiter([limit])
        assert sum(limiter.admit(1.0) == 0.0 for _ in range(30)) == 30
        limiter.change([limit.scaled(0.5)], 2.0)
        assert sum(limiter.admit(3.0) == 0.0 for _ in range(100)) == 20, table
        limiter.change([limit], 4.0)
        assert sum(limiter.admit(5.0) == 0.0 for _ in range(100)) == 50, table


def test_the_laws_of_deferral_are_the_ones_of_the_reference_api() -> None:
    made = law(limit_of({"kind": "mailbox deferral", "rate": "10/s"}))
    assert made.refuse is deferrallaws.reputation_refuse
