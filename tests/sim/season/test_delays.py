"""Delays drawn and delays on bins are one law."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.season import Delay
from sim.season.delays import EARLY_SHARE, Drawn, points, spread


def delay(median: str, sigma: float = 0.0) -> Delay:
    return Delay.model_validate({"median": median, "sigma": sigma})


SUMS = [
    (delay("20s", 0.5),),
    (delay("48min", 1.6), delay("4min", 1.0), delay("20s", 0.5)),
    (delay("3.85h", 2.23), delay("30min", 0.6)),
    (delay("5min"), delay("1s", 1.0)),
]


@pytest.mark.parametrize("delays", SUMS)
def test_what_is_drawn_and_what_is_laid_on_bins_differ_by_less_than_the_early_share(
    delays: tuple[Delay, ...],
) -> None:
    rng = np.random.default_rng(1)
    draw = Drawn(delays, iter(rng.standard_normal(100_000).tolist()))
    drawn = rng.random(20_000) + np.array([draw() for _ in range(20_000)])
    laid = spread(delays, 1.0)
    arrived = np.concatenate(([0.0], np.cumsum(laid.shares)))
    exact = np.searchsorted(np.sort(drawn), laid.lags) / len(drawn)
    assert np.abs(arrived - exact).max() < EARLY_SHARE + 0.01


def test_between_the_breakpoints_the_spread_is_near_the_law_as_well() -> None:
    delays = (delay("5min", 1.5),)
    laid = spread(delays, 1.0)
    lags = np.arange(1, int(laid.lags[-1]))
    arrived = np.interp(lags, laid.lags, np.concatenate(([0.0], np.cumsum(laid.shares))))
    exact = np.searchsorted(np.sort(points(delays)), lags) / len(points(delays))
    assert np.abs(arrived - exact).max() < 0.015


def test_a_fixed_delay_lands_where_it_belongs() -> None:
    whole, part = spread((delay("5s"),), 1.0), spread((delay("5.25s"),), 1.0)
    assert whole.lags[0] == part.lags[0] == 5
    assert whole.shares[0] == pytest.approx(1.0)
    assert part.shares[:2].tolist() == pytest.approx([0.75, 0.25])


def test_a_delay_below_a_bin_waits_for_the_next_one() -> None:
    laid = spread((delay("10ms"),), 1.0)
    assert (laid.lags[0], laid.shares.sum()) == (1, pytest.approx(1.0))


def test_nothing_is_lost_between_the_lags() -> None:
    for delays in SUMS:
        laid = spread(delays, 1.0)
        assert laid.shares.sum() == pytest.approx(1.0)
        assert (laid.shares >= 0.0).all()
        assert laid.jumps.sum() == pytest.approx(0.0, abs=1e-15)


def test_no_delay_at_all_is_drawn_as_zero() -> None:
    assert Drawn((delay("0s"), delay("0s", 1.0)), iter([]))() == 0.0
