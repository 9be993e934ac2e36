"""The search against targets whose truth is known."""

from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.ceiling.search import GROWTH, Found, Next, Plan, step
from loadtests.ceiling.shown import Tried, Verdict, believed_per_s, interval, reported

OVERHEAD_S = 0.2


def saturating(truth: float, ahead: Next, noise: float, burst_s: float = 0.05) -> Tried:
    """A token bucket: its burst passes first, then its rate; the rest drains afterwards."""
    rate, held_s = ahead.rate_per_s, ahead.duration_s
    over = rate - truth
    full_s = burst_s * truth / over if over > 0 else math.inf
    limited_share = min(1.0, max(0.0, (held_s - max(full_s, held_s / 2)) / (held_s / 2)))
    carried = (min(rate, truth) * limited_share + rate * (1 - limited_share)) * (1 + noise)
    verdict: Verdict = "breaks" if carried < 0.983 * rate else "holds"
    drain_s = max(0.0, over) * held_s / truth
    return Tried(rate, held_s, verdict, carried, held_s + drain_s + OVERHEAD_S)


def sharp(truth: float, ahead: Next) -> Tried:
    """Latency breaks above the truth while everything is still carried."""
    verdict: Verdict = "breaks" if ahead.rate_per_s > truth else "holds"
    return Tried(ahead.rate_per_s, ahead.duration_s, verdict, ahead.rate_per_s, ahead.duration_s + OVERHEAD_S)


@settings(max_examples=150)
@given(truth=st.floats(60.0, 5e4), hint=st.floats(0.2, 4.0), seed=st.integers(0, 999))
def test_it_finds_a_sharp_ceiling_within_its_interval_and_its_budget(
    truth: float, hint: float, seed: int
) -> None:
    plan, tried = Plan(40.0, hint_per_s=hint * truth), list[Tried]()
    while isinstance(ahead := step(plan, tried), Next):
        tried.append(sharp(truth, ahead))
    assert isinstance(ahead, Found)
    assert ahead.low_per_s <= truth < ahead.high_per_s
    assert ahead.low_per_s <= ahead.point_per_s <= ahead.high_per_s
    assert sum(trial.took_s for trial in tried) <= plan.budget_s + 1e-9
    assert abs(ahead.point_per_s / truth - 1) < 0.1


@settings(max_examples=150)
@given(truth=st.floats(200.0, 5e4), hint=st.floats(0.3, 1.2), seed=st.integers(0, 999))
def test_what_a_saturated_target_carries_gives_the_ceiling_to_4_percent(
    truth: float, hint: float, seed: int
) -> None:
    """Mostly to 1: a short trial some percent above may be carried by the burst."""
    chance = random.Random(seed)
    plan, tried = Plan(25.0, hint_per_s=hint * truth), list[Tried]()
    while isinstance(ahead := step(plan, tried), Next):
        tried.append(saturating(truth, ahead, chance.uniform(-0.006, 0.006)))
    assert abs(ahead.point_per_s / truth - 1) < 0.04


@given(truth=st.floats(60.0, 5e4), hint=st.floats(0.05, 1.0))
def test_it_never_runs_on_past_a_breach(truth: float, hint: float) -> None:
    plan, tried = Plan(60.0, hint_per_s=hint * truth), list[Tried]()
    while isinstance(ahead := step(plan, tried), Next):
        lowest_broken = min((t.rate_per_s for t in tried if t.verdict == "breaks"), default=math.inf)
        assert ahead.rate_per_s <= lowest_broken
        assert ahead.rate_per_s <= max(GROWTH * truth, plan.hint_per_s) * (1 + 1e-9)
        tried.append(sharp(truth, ahead))


def test_a_trial_is_never_shorter_than_its_verdict_needs() -> None:
    ahead = step(Plan(300.0, hint_per_s=20.0, batch=10, requests_min=120), [])
    assert isinstance(ahead, Next)
    assert ahead.duration_s * ahead.rate_per_s / 10 >= 120


def test_nothing_that_breaks_below_the_greatest_rate_is_a_lower_bound() -> None:
    plan, tried = Plan(60.0, hint_per_s=500.0, max_per_s=1000.0), list[Tried]()
    while isinstance(ahead := step(plan, tried), Next):
        assert ahead.rate_per_s <= 1000.0
        tried.append(sharp(1e9, ahead))
    assert (ahead.stopped_by, ahead.low_per_s, ahead.high_per_s) == ("max rate", 1000.0, math.inf)
    assert ahead.point_per_s == 1000.0


def test_an_invalid_trial_is_repeated_once_and_ends_the_search_the_second_time() -> None:
    plan = Plan(60.0, hint_per_s=100.0)
    first = step(plan, [])
    assert isinstance(first, Next)
    invalid = Tried(first.rate_per_s, first.duration_s, "invalid", None, first.duration_s)
    again = step(plan, [invalid])
    assert isinstance(again, Next)
    assert again.rate_per_s == first.rate_per_s
    ended = step(plan, [invalid, invalid])
    assert isinstance(ended, Found)
    assert ended.stopped_by == "invalid"


def test_a_target_that_accepts_nothing_is_left_alone_after_two_trials() -> None:
    nothing = [Tried(rate, 1.0, "breaks", 0.0, 1.0) for rate in (100.0, 50.0)]
    ended = step(Plan(60.0), nothing)
    assert isinstance(ended, Found)
    assert ended.stopped_by == "nothing carried"


def test_a_break_below_a_rate_that_held_was_a_disturbance() -> None:
    tried = [Tried(90.0, 5.0, "breaks"), Tried(100.0, 5.0, "holds"), Tried(120.0, 5.0, "breaks")]
    assert interval(tried) == (100.0, 120.0)


def test_a_short_hold_above_what_the_saturated_target_carries_does_not_count() -> None:
    tried = [
        Tried(50.0, 1.0, "holds"),
        Tried(103.0, 1.0, "holds", 103.0),
        Tried(210.0, 1.0, "breaks", 100.0),
    ]
    assert believed_per_s(tried) == 100.0
    assert interval(tried) == (50.0, 210.0)
    long = [*tried, Tried(103.0, 10.0, "holds", 103.0)]
    assert interval(long) == (103.0, 210.0)


def test_a_hold_that_outlasts_any_burst_counts_beside_saturated_trials_that_were_disturbed() -> None:
    """A target of 240/s on a busy machine, as it was measured."""
    tried = [
        Tried(205.4, 0.784, "holds", 207.3),
        Tried(410.7, 0.784, "breaks", 242.1),
        Tried(240.1, 1.666, "holds", 239.4),
        Tried(253.3, 1.666, "breaks", 226.2),
        Tried(246.1, 1.666, "breaks", 232.0),
    ]
    assert reported(tried) == (239.4, 246.1, 239.4)


def test_a_rate_that_held_by_a_hair_vouches_for_what_got_through() -> None:
    """A target of 120/s: 124.8/s were within what a short trial tolerates."""
    tried = [
        Tried(119.4, 1.666, "holds", 116.8),
        Tried(126.1, 1.666, "breaks", 119.8),
        Tried(124.8, 1.666, "holds", 120.1),
    ]
    assert reported(tried) == (120.1, 126.1, 120.1)


def test_a_break_that_nothing_else_speaks_for_is_tried_again() -> None:
    """The first of these was disturbed; twice what held is found to hold after all."""
    tried = [
        Tried(500.0, 2.0, "breaks", 450.0, 2.2),
        Tried(446.0, 4.0, "holds", 446.0, 4.2),
        Tried(463.0, 4.0, "holds", 463.0, 4.2),
    ]
    again = step(Plan(60.0), tried)
    assert isinstance(again, Next)
    assert again.rate_per_s == 500.0
    after = step(Plan(60.0), [*tried, Tried(500.0, 4.0, "holds", 500.0, 4.2)])
    assert isinstance(after, Next)
    assert after.rate_per_s == 1000.0
