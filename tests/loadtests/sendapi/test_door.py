"""The door's capacity, by arithmetic on a clock that stands still."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sendapi.door import Busy, Door, active, elapsed
from loadtests.sendapi.knobs import Knobs, Stall


def door(**knobs: object) -> Door:
    return Door(Knobs(**knobs), clock=lambda: 0.0)


def test_capacity_is_exactly_workers_over_service_time() -> None:
    four = door(service_time_s=0.02, workers=4)
    finishes = [four.book(0.0) for _ in range(100)]
    assert finishes[:5] == pytest.approx([0.02, 0.02, 0.02, 0.02, 0.04])
    assert finishes[-1] == pytest.approx(100 / (4 / 0.02))


def test_first_come_is_first_served() -> None:
    two = door(service_time_s=1.0, workers=2)
    finishes = [two.book(n * 0.1) for n in range(10)]
    assert finishes == sorted(finishes)


def test_an_idle_door_keeps_nobody_waiting() -> None:
    one = door(service_time_s=0.5, workers=1)
    assert [one.book(now_s) for now_s in (0.0, 2.0, 4.0)] == pytest.approx([0.5, 2.5, 4.5])


def test_late_timers_do_not_lower_the_capacity() -> None:
    one = door(service_time_s=0.001, workers=1)
    arrivals_s = [0.0] * 500 + [0.4] * 500
    assert [one.book(at_s) for at_s in arrivals_s][-1] == pytest.approx(1.0)


def test_a_request_that_would_wait_too_long_is_turned_away_and_holds_nothing() -> None:
    one = door(service_time_s=1.0, workers=1, wait_bound_s=1.5)
    assert [one.book(0.0), one.book(0.0)] == pytest.approx([1.0, 2.0])
    with pytest.raises(Busy) as busy:
        one.book(0.0)
    assert busy.value.retry_after_s == pytest.approx(2.0)
    assert one.book(0.5) == pytest.approx(3.0)


@pytest.mark.parametrize(("distribution", "variation"), [("exponential", 1.0), ("lognormal", 0.5)])
def test_service_times_vary_around_their_mean_as_stated(distribution: str, variation: float) -> None:
    wide = door(service_time_s=0.02, workers=1, distribution=distribution, variation=variation)
    times = [wide.book(1e6 * n) - 1e6 * n for n in range(20_000)]
    mean = sum(times) / len(times)
    deviation = math.sqrt(sum((t - mean) ** 2 for t in times) / len(times))
    assert mean == pytest.approx(0.02, rel=0.03)
    assert deviation / mean == pytest.approx(variation, rel=0.06)


def test_the_same_seed_gives_the_same_service_times() -> None:
    first, again, other = (
        [made.book(0.0) for _ in range(5)]
        for made in (door(service_time_s=1.0, distribution="lognormal", seed=seed) for seed in (7, 7, 8))
    )
    assert first == again != other


def test_a_stall_freezes_all_work_and_lets_it_go_on_afterwards() -> None:
    frozen = door(service_time_s=0.3, workers=1, stall=Stall(length_s=0.4, every_s=1.0))
    assert [frozen.book(0.0), frozen.book(0.0), frozen.book(0.0)] == pytest.approx([0.3, 1.0, 1.3])


def test_a_door_without_service_time_only_waits_for_the_end_of_a_stall() -> None:
    frozen = door(stall=Stall(length_s=0.4, every_s=1.0))
    assert [frozen.book(at_s) for at_s in (0.1, 0.7, 0.99, 1.2)] == pytest.approx([0.1, 1.0, 1.0, 1.2])


@given(st.floats(0.0, 1e5), st.floats(0.001, 0.9), st.floats(1.0, 100.0))
def test_work_time_is_inverted_at_the_end_of_the_stall_at_the_latest(
    at_s: float, share: float, every_s: float
) -> None:
    stall = Stall(length_s=share * every_s, every_s=every_s)
    back_s = elapsed(active(at_s, stall), stall)
    assert at_s - 1e-5 <= back_s <= at_s + stall.length_s + 1e-5
    assert active(back_s, stall) == pytest.approx(active(at_s, stall), abs=1e-5)
