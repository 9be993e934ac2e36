"""Limits: what passes, when it is worth asking again, all or nothing over several."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.limits import TokenBucket
from sim.pipeline.limiter import Limiter
from sim.pipeline.limitlaws import token_bucket_open
from sim.pipeline.limits import law


def bucket(rate: str, burst: float) -> TokenBucket:
    return TokenBucket.model_validate({"rate": rate, "burst": burst})


def test_a_full_bucket_admits_its_burst_at_once_and_then_only_its_rate() -> None:
    limiter = Limiter([bucket("10/s", 5)])
    assert [limiter.admit(0.0) for _ in range(5)] == [0.0] * 5
    assert limiter.admit(0.0) == pytest.approx(0.1, abs=1e-5)
    assert limiter.admit(0.1) == 0.0
    assert limiter.admit(0.1) == pytest.approx(0.1, abs=1e-5)


def test_a_refused_send_takes_nothing() -> None:
    limiter = Limiter([bucket("10/s", 5)])
    assert limiter.admit(0.0, 4) == 0.0
    assert limiter.admit(0.0, 3) == pytest.approx(0.2, abs=1e-5)
    assert limiter.admit(0.0, 1) == 0.0


def test_more_messages_than_the_burst_can_never_pass() -> None:
    assert Limiter([bucket("10/s", 5)]).admit(0.0, 6) == math.inf


def test_two_limits_pass_both_or_take_from_none() -> None:
    limiter = Limiter([bucket("1/s", 10), bucket("100/s", 2)])
    assert limiter.admit(0.0, 2) == 0.0
    assert limiter.admit(0.0, 2) == pytest.approx(0.02, abs=1e-5), "the second limit refuses"
    assert limiter.admit(0.02001, 2) == 0.0
    assert limiter.admit(10.0, 8) == math.inf, "never more at once than the smaller burst"
    assert limiter.admit(10.0, 2) == 0.0, "the first limit lost nothing to refusals"


def test_without_limits_everything_passes() -> None:
    assert Limiter([]).admit(0.0, 10**9) == 0.0


def test_a_clock_that_starts_late_or_steps_back_earns_no_tokens() -> None:
    limiter = Limiter([bucket("10/s", 1)], now_s=1e6)
    assert limiter.admit(1e6) == 0.0
    assert limiter.admit(1e6 - 5.0) == pytest.approx(0.1, abs=1e-5)
    assert limiter.admit(1e6 + 0.05) == pytest.approx(0.05, abs=1e-5)


def test_a_large_clock_reading_costs_no_rate() -> None:
    limiter = Limiter([bucket("1M/s", 100)], now_s=1e7)
    admitted = sum(limiter.admit(1e7 + i * 5e-7) == 0.0 for i in range(200_000))
    assert admitted == pytest.approx(100_100, abs=20)


gaps = st.lists(st.floats(0.0, 3.0), min_size=1, max_size=120)


@given(rate=st.floats(0.1, 1e4), burst=st.floats(1.0, 50.0), gaps=gaps)
def test_no_span_passes_more_than_burst_and_rate_times_its_length(
    rate: float, burst: float, gaps: list[float]
) -> None:
    limiter, now_s, admitted = Limiter([TokenBucket(rate=f"{rate!r}/s", burst=burst)]), 0.0, []
    for gap in gaps:
        now_s += gap
        admitted += [now_s] * sum(limiter.admit(now_s) == 0.0 for _ in range(3))
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            span_s = admitted[last] - admitted[first]
            assert last - first + 1 <= (burst + rate * span_s) * (1.0 + 1e-9)


@given(rate=st.floats(0.1, 1e4), burst=st.floats(1.0, 50.0), messages=st.integers(1, 40))
def test_asking_again_after_the_told_wait_is_enough(rate: float, burst: float, messages: int) -> None:
    limiter = Limiter([TokenBucket(rate=f"{rate!r}/s", burst=burst)])
    while limiter.admit(0.0) == 0.0:
        pass
    wait_s = limiter.admit(0.0, messages)
    if messages <= burst:
        assert limiter.admit(wait_s, messages) == 0.0
    else:
        assert wait_s == math.inf


def test_a_span_is_open_for_its_tokens_and_what_falls_in_meanwhile() -> None:
    made = law(bucket("10/s", 5))
    state = list(made.state)
    assert token_bucket_open(state, made.figures, 0.0, 2.0) == pytest.approx(25.0)
    made.take(state, made.figures, 0.0, 25.0)
    assert token_bucket_open(state, made.figures, 2.0, 1.0) == pytest.approx(10.0)
