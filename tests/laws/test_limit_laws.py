"""Laws of every kind of limit: what it never passes, when it passes again, amounts as messages."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.limits import LimitWord
from scenarios.providers import limit_of, limit_table
from sim.pipeline import calllaws, deferrallaws, limitlaws, limits
from sim.pipeline.limiter import Limiter
from sim.pipeline.limits import law

EPOCH_S = datetime(2026, 11, 11, 9, 41, 30, tzinfo=UTC).timestamp()
NUMBERS = st.integers(1, 40)
gaps = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=80)


def limit(**table: Any) -> LimitWord:
    return limit_of(table)


def sized(kind: str, size: int) -> LimitWord:
    """A limit of some kind that passes `size`, with times of seconds."""
    times: dict[str, dict[str, Any]] = {
        "token bucket": {"burst": 3.0},
        "fixed window": {"window": "7s"},
        "clock hour": {},
        "refilled bucket": {"every": "7s", "phase": "2.5s"},
        "daily cap": {"timezone": "America/Los_Angeles"},
        "rolling quota": {"window": "20s"},
        "concurrency cap": {"call_duration": "1.5s"},
        "switch-off": {"window": "20s", "off": "25s"},
        "paced queue": {"queue": "4s"},
        "ip warm-up": {"schedule": [1.0, 2.0]},
    }
    key: dict[str, dict[str, Any]] = {
        "token bucket": {"rate": f"{size}/s"},
        "concurrency cap": {"calls": size},
        "paced queue": {"rate": f"{size}/s"},
        "ip warm-up": {"ips": size},
    }
    return limit(kind=kind, **times[kind], **key.get(kind, {"messages": size}))


KINDS = (
    "token bucket",
    "fixed window",
    "clock hour",
    "refilled bucket",
    "daily cap",
    "rolling quota",
    "concurrency cap",
    "switch-off",
    "paced queue",
    "ip warm-up",
)
"""The kinds whose law forgets what it refused; a reputation does not, so coming again changes it."""


def passed(word: LimitWord, spans: list[float], each: int = 3) -> list[float]:
    """When messages pass, asked `each` at a time after every gap."""
    limiter, moments = Limiter([word], epoch_s=EPOCH_S), []
    for now_s in accumulate(spans):
        moments += [now_s] * sum(limiter.admit(now_s) == 0.0 for _ in range(each))
    return moments


def most_in(moments: list[float], span_s: float) -> int:
    """The most moments in any [start, start + span_s)."""
    return max((sum(first <= m < first + span_s for m in moments) for first in moments), default=0)


@given(size=NUMBERS, spans=gaps)
def test_no_fixed_window_passes_more_than_its_messages(size: int, spans: list[float]) -> None:
    """Windows of 7 s that begin at multiples of 7 s of Unix time."""
    windows = [(EPOCH_S % 7.0 + moment) // 7.0 for moment in passed(sized("fixed window", size), spans)]
    assert all(windows.count(window) <= size for window in windows)


@given(size=NUMBERS, spans=st.lists(st.floats(0.0, 900.0), min_size=1, max_size=80))
def test_no_hour_of_the_clock_passes_more_than_its_messages(size: int, spans: list[float]) -> None:
    moments = passed(sized("clock hour", size), spans, each=9)
    hours = [datetime.fromtimestamp(EPOCH_S + moment, UTC).hour for moment in moments]
    days = [datetime.fromtimestamp(EPOCH_S + moment, UTC).day for moment in moments]
    told = list(zip(days, hours, strict=True))
    assert all(told.count(hour) <= size for hour in told)


@given(size=NUMBERS, spans=gaps)
def test_a_refilled_bucket_passes_no_more_than_its_messages_between_two_refills(
    size: int, spans: list[float]
) -> None:
    refills = [(moment - 2.5) // 7.0 for moment in passed(sized("refilled bucket", size), spans)]
    assert all(refills.count(refill) <= size for refill in refills)


DAY_ZONES = ("America/Los_Angeles", "America/Havana", "Asia/Kolkata", "Africa/Casablanca", "UTC")


@settings(deadline=None)
@given(
    size=st.integers(1, 12),
    spans=st.lists(st.floats(0.0, 40_000.0), min_size=1, max_size=60),
    zone=st.sampled_from(DAY_ZONES),
    day=st.integers(0, 364),
)
def test_no_local_day_passes_more_than_its_cap(size: int, spans: list[float], zone: str, day: int) -> None:
    """Also on days of 23 and 25 hours, and where the clock changes at midnight."""
    epoch_s = EPOCH_S + day * 86400.0
    limiter = Limiter([limit(kind="daily cap", messages=size, timezone=zone)], epoch_s=epoch_s)
    dates = []
    for now_s in accumulate(spans):
        date = datetime.fromtimestamp(epoch_s + now_s, ZoneInfo(zone)).date()
        dates += [date] * sum(limiter.admit(now_s) == 0.0 for _ in range(5))
    assert all(dates.count(date) <= size for date in dates)
    assert all(dates.count(date) >= min(size, 5) for date in dates), "every day starts anew"


@given(size=NUMBERS, spans=gaps)
def test_no_span_of_a_rolling_window_passes_more_than_the_quota(size: int, spans: list[float]) -> None:
    assert most_in(passed(sized("rolling quota", size), spans), 20.0) <= size


@given(size=st.integers(1, 12), spans=gaps)
def test_a_rolling_quota_holds_a_message_against_you_a_288th_of_the_window_longer_at_most(
    size: int, spans: list[float]
) -> None:
    """Whatever an exact window that is so much longer passes, passes."""
    limiter, moments = Limiter([sized("rolling quota", size)]), []
    for now_s in accumulate(spans):
        counted = sum(m > now_s - 20.0 * (1.0 + 1.0 / limits.ROLLING_SLOTS) - 1e-6 for m in moments)
        admitted = limiter.admit(now_s) == 0.0
        assert admitted or counted >= size
        moments += [now_s] * admitted


@given(size=NUMBERS, spans=gaps)
def test_no_more_calls_are_in_progress_than_the_cap(size: int, spans: list[float]) -> None:
    assert most_in(passed(sized("concurrency cap", size), spans), 1.5) <= size


@given(size=NUMBERS, spans=gaps)
def test_a_switch_that_is_exceeded_by_one_message_is_off_for_its_time(size: int, spans: list[float]) -> None:
    moments = passed(sized("switch-off", size), spans)
    assert most_in(moments, 20.0) <= size + 1
    for i in range(len(moments) - size - 1):
        if moments[i + size] - moments[i] < 20.0:  # the message that exceeds it
            assert moments[i + size + 1] - moments[i + size] >= 25.0


def test_a_switch_that_is_never_exceeded_refuses_nothing() -> None:
    limiter = Limiter([sized("switch-off", 10)])
    assert all(limiter.admit(2.1 * i) == 0.0 for i in range(500))


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(size=NUMBERS, start_s=st.floats(0.0, 1e7))
def test_coming_back_when_told_is_enough(kind: str, size: int, start_s: float) -> None:
    limiter = Limiter([sized(kind, size)], start_s, EPOCH_S)
    wait_s = 0.0
    for _ in range(200):
        wait_s = limiter.admit(start_s)
        if wait_s > 0.0:
            break
    assert 0.0 < wait_s < math.inf
    assert limiter.admit(start_s + wait_s) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_what_never_fits_is_told_to_wait_for_ever(kind: str) -> None:
    wait_s = Limiter([sized(kind, 5)], epoch_s=EPOCH_S).admit(0.0, 50)
    assert wait_s == (0.0 if kind == "switch-off" else math.inf) or kind == "ip warm-up"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "switch-off"])
@settings(deadline=None, max_examples=40)
@given(size=NUMBERS, more=NUMBERS, spans=gaps)
def test_a_greater_limit_has_passed_no_less_at_any_moment(
    kind: str, size: int, more: int, spans: list[float]
) -> None:
    """Not so for a switch: a greater one may go off later, and at a worse moment."""
    few, many = (passed(sized(kind, number), spans) for number in (size, size + more))
    assert len(few) <= len(many)
    assert all(early <= late for early, late in zip(many, few, strict=False))


def waited_out(word: LimitWord, offered: list[int], bin_s: float) -> list[int]:
    """Messages that have passed by the end of each bin: one by one, each asking again when it was told to."""
    limiter, now_s, waiting, total, by_end = Limiter([word], epoch_s=EPOCH_S), 0.0, 0, 0, []
    for i, came in enumerate(offered):
        now_s, waiting = max(now_s, i * bin_s), waiting + came
        while waiting and now_s < (i + 1) * bin_s - 1e-5:
            wait_s = limiter.admit(now_s)
            now_s, passes = now_s + wait_s, wait_s == 0.0
            waiting, total = waiting - passes, total + passes
        by_end.append(total)
    return by_end


def flowed(word: LimitWord, offered: list[int], bin_s: float) -> list[float]:
    """The same as amounts, by the very functions that the kernel compiles."""
    opened, take = {
        limits.BUCKET: (limitlaws.token_bucket_open, limitlaws.token_bucket_take),
        limits.WINDOW: (limitlaws.window_open, limitlaws.window_take),
        limits.ROLLING: (limitlaws.rolling_open, limitlaws.rolling_take),
        limits.SWITCH: (limitlaws.switch_open, limitlaws.switch_take),
        limits.PACED: (deferrallaws.paced_open, deferrallaws.paced_take),
        limits.WARM_UP: (deferrallaws.warm_up_open, deferrallaws.warm_up_take),
        limits.STARTED: (calllaws.started_open, calllaws.started_take),
    }[(fluid := law(word, 0.0, EPOCH_S).fluid).law]
    state, waiting, total, by_end = list(fluid.state), 0.0, 0.0, []
    for i, came in enumerate(offered):
        waiting += came
        passes = max(0.0, min(waiting, opened(state, fluid.figures, i * bin_s, bin_s)))
        take(state, fluid.figures, i * bin_s, passes)
        waiting, total = waiting - passes, total + passes
        by_end.append(total)
    return by_end


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(size=st.integers(3, 40), offered=st.lists(st.integers(0, 60), min_size=1, max_size=80))
def test_amounts_pass_a_limit_as_messages_do(kind: str, size: int, offered: list[int]) -> None:
    """By the end of every bin: to a message; concurrent calls to as many as there may be at once."""
    word = sized(kind, size)
    if kind in (
        "rolling quota",
        "switch-off",
    ):  # slots as long as the bin: shorter windows release a bin early
        word = word.model_copy(update={"window": 288.0})
        offered = offered * 8
    allowance = size + 1.0 if kind == "concurrency cap" else 1.0 + 1e-6
    pairs = zip(waited_out(word, offered, 1.0), flowed(word, offered, 1.0), strict=True)
    assert all(abs(one_by_one - amount) <= allowance for one_by_one, amount in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_reads_back_from_its_table(kind: str) -> None:
    word = sized(kind, 7)
    assert limit_of(limit_table(word)) == word


@pytest.mark.parametrize("kind", KINDS)
def test_a_scaled_limit_passes_in_proportion_and_at_least_one_message(kind: str) -> None:
    word = sized(kind, 1000)
    assert word.scaled(0.25).per_s == pytest.approx(word.per_s / 4.0)
    assert word.scaled(1e-9).at_once >= 1.0
