"""Buyers and repeat purchases against customers who really buy."""

from __future__ import annotations

import numpy as np
import pytest

from sim.outcome import Customers
from sim.season.customers import PROPENSITY_SHAPE, REPEAT_SHARE, bought_before, customers


def buying(size: int, purchases: float) -> Customers:
    return customers(
        size, opens=0.0, clicks=0.0, purchases=purchases, unsubscribes=0.0, complaints=0.0, revenue=0.0
    )


def test_buyers_and_repeat_purchases_are_those_of_customers_of_gamma_propensity() -> None:
    rng, size, mean = np.random.default_rng(1), 400_000, 0.6
    propensity = rng.gamma(PROPENSITY_SHAPE, 1.0 / PROPENSITY_SHAPE, size)
    before, bought = rng.poisson(propensity * bought_before()), rng.poisson(propensity * mean)
    first_time = np.count_nonzero((before == 0) & (bought > 0))
    found = buying(size, float(bought.sum()))
    assert found.buyers == pytest.approx(np.count_nonzero(bought), rel=0.01)
    assert found.repeat_purchases == pytest.approx(bought.sum() - first_time, rel=0.01)


def test_the_first_purchases_of_a_season_are_repeat_purchases_by_c3() -> None:
    found = buying(10**9, 1000.0)
    assert found.repeat_purchases / 1000.0 == pytest.approx(REPEAT_SHARE, abs=1e-4)
    assert found.buyers == pytest.approx(1000.0, rel=1e-5)


def test_without_purchases_there_are_no_buyers() -> None:
    assert (buying(100, 0.0).buyers, buying(100, 0.0).repeat_purchases) == (0.0, 0.0)
