"""Objectives against measured sends: the contract's rules, one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scenarios.objectives import parse_objective
from sim.judging import Judged, Sends, evidence_of, judge


def sends(latency_s: list[float], every_s: float = 0.1, failed: set[int] = frozenset()) -> Sends:  # type: ignore[assignment]
    due_s = np.arange(len(latency_s)) * every_s
    mask = np.array([i in failed for i in range(len(latency_s))])
    return evidence_of(due_s, np.array(latency_s), mask, from_s=0.0, to_s=len(latency_s) * every_s)


def judged(text: str, evidence: Sends) -> Judged:
    return judge(parse_objective(text, "send api"), evidence)


def test_a_p99_within_its_limit_holds_and_one_beyond_is_missed() -> None:
    fast = sends([0.1] * 200)
    assert judged("p99<=250ms", fast).holds is True
    assert judged("p99<=50ms", fast).holds is False
    assert judged("p99<=50ms", fast).value == pytest.approx(0.1)


def test_the_sentence_has_units_and_tells_a_value_from_its_limit() -> None:
    fast = sends([0.1] * 200)
    assert judged("p99<=250ms", fast).because == "p99 is 100 ms, at most 250 ms asked: holds"
    lost = judged("p99<=250ms", sends([0.01] * 200, failed={3, 50, 120})).because
    assert lost == "p99 is never, at most 250 ms asked: missed"
    close = judged("goodput_share>=99%", sends([0.1] * 2001, failed=set(range(21)))).because
    assert close == "goodput_share is 98.95 %, at least 99 % asked: missed"


def test_a_request_that_failed_is_slow_whatever_its_latency() -> None:
    result = judged("p99<=250ms", sends([0.01] * 200, failed={3, 50, 120}))
    assert result.holds is False
    assert result.value == math.inf


def test_a_request_that_never_ended_is_slow() -> None:
    assert judged("p50<=250ms", sends([math.nan] * 3 + [0.1])).value == math.inf


def test_too_few_requests_for_a_quantile_are_neither_good_nor_bad() -> None:
    result = judged("p99<=250ms", sends([0.1] * 99))
    assert result.holds is None
    assert "too little data" in result.because
    assert judged("p99<=250ms", sends([0.1] * 100)).holds is True
    assert judged("p999<=250ms", sends([0.1] * 999)).holds is None


def test_windows_are_cut_by_due_time_and_the_asked_share_of_them_must_be_good() -> None:
    slow = [0.1] * 100 + [9.0] * 100 + [0.1] * 200
    assert judged("p99<=250ms over 10s, 75%", sends(slow)).holds is True
    assert judged("p99<=250ms over 10s", sends(slow)).holds is False
    assert judged("p99<=250ms over 10s, 75%", sends(slow)).value == pytest.approx(0.1)
    assert judged("p99<=250ms over 10s", sends(slow)).value == pytest.approx(9.0)


def test_only_full_windows_count() -> None:
    assert judged("p99<=250ms over 10s", sends([0.1] * 100 + [9.0] * 99)).holds is True
    nothing_full = judged("p99<=250ms over 10s", sends([0.1] * 99))
    assert (nothing_full.holds, "no full window" in nothing_full.because) == (None, True)


def test_warm_up_is_left_out() -> None:
    due_s, failed = np.arange(400) * 0.1, np.zeros(400, dtype=bool)
    latency_s = np.where(due_s < 10.0, 9.0, 0.1)
    warm = evidence_of(due_s, latency_s, failed, from_s=10.0, to_s=40.0)
    assert judged("p99<=250ms over 10s", warm).holds is True
    assert judged("p99<=250ms", warm).holds is True


def test_a_window_with_too_little_data_is_not_good_but_breaks_nothing_by_itself() -> None:
    due_s = np.concatenate((np.arange(100) * 0.1, [10.5], 20.0 + np.arange(100) * 0.1))
    evidence = evidence_of(due_s, np.full(201, 0.1), np.zeros(201, dtype=bool), from_s=0.0, to_s=30.0)
    assert judged("p99<=250ms over 10s", evidence).holds is None
    assert judged("p99<=250ms over 10s, 60%", evidence).holds is True
    assert judged("p99<=50ms over 10s, 60%", evidence).holds is False


def test_error_share_and_goodput_share_count_requests_and_messages() -> None:
    due_s, failed = np.arange(4.0), np.array([False, True, False, False])
    evidence = evidence_of(
        due_s,
        np.full(4, 0.1),
        failed,
        from_s=0.0,
        to_s=4.0,
        messages=[10, 10, 10, 70],
        accepted=[10, 0, 5, 70],
    )
    assert judged("error_share<=25%", evidence).value == 0.25
    assert judged("goodput_share>=90%", evidence).value == pytest.approx(0.85)
    assert judged("goodput_share>=90%", evidence).holds is False


def test_records_may_come_in_any_order() -> None:
    rng = np.random.default_rng(1)
    due_s, latency_s = np.arange(1000) * 0.02, rng.exponential(0.1, 1000)
    order = rng.permutation(1000)
    fine = np.zeros(1000, dtype=bool)
    sorted_ = evidence_of(due_s, latency_s, fine, from_s=0.0, to_s=20.0)
    shuffled = evidence_of(due_s[order], latency_s[order], fine, from_s=0.0, to_s=20.0)
    text = "p95<=250ms over 5s, 50%"
    assert judged(text, sorted_) == judged(text, shuffled)


def test_nothing_due_is_unknown() -> None:
    nothing = evidence_of(np.array([]), np.array([]), np.array([], dtype=bool), from_s=0.0, to_s=10.0)
    assert judged("error_share<=1%", nothing).holds is None
    assert judged("p50<=1s", nothing).holds is None
