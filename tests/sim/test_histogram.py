"""The histogram against numpy's own quantiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import histogram

TIMES = st.lists(st.floats(1e-6, 8.6e5), min_size=1, max_size=200)
SHARES = st.floats(0.0, 1.0)


@given(TIMES, SHARES)
def test_every_quantile_is_within_0_3_percent_of_the_exact_one(times: list[float], q: float) -> None:
    exact = float(np.percentile(times, q * 100.0, method="inverted_cdf"))
    assert histogram.quantile(histogram.count(times), q) == pytest.approx(exact, rel=0.003)


@given(TIMES)
def test_the_mean_is_within_0_3_percent(times: list[float]) -> None:
    assert histogram.mean(histogram.count(times)) == pytest.approx(float(np.mean(times)), rel=0.003)


@given(TIMES, TIMES)
def test_two_histograms_add_up_to_that_of_all_values(one: list[float], other: list[float]) -> None:
    added = histogram.count(one) + histogram.count(other)
    assert added.tolist() == histogram.count(one + other).tolist()


@given(TIMES, st.floats(1e-6, 8.6e5))
def test_the_share_below_a_time_is_right_outside_that_times_own_bin(times: list[float], at: float) -> None:
    counts = histogram.count(times)
    uncertain = counts[histogram.index([at])[0]] / len(times)
    exact = float(np.mean(np.array(times) <= at))
    assert abs(histogram.share_below(counts, at) - exact) <= uncertain + 1e-12


@given(st.floats(0.0, 1e7))
def test_a_value_lies_between_the_edges_of_its_bin(value: float) -> None:
    at = int(histogram.index([value])[0])
    assert histogram.EDGES[at] * (1 - 1e-9) <= value <= histogram.EDGES[at + 1] * (1 + 1e-9)


def test_zero_and_less_fall_into_the_first_bin_and_infinity_into_the_last() -> None:
    assert histogram.index([0.0, -1.0, 1e-9, math.inf]).tolist() == [0, 0, 0, histogram.BINS - 1]
    assert histogram.quantile(histogram.count([0.0, math.inf]), 0.5) == 0.0
    assert histogram.quantile(histogram.count([0.0, math.inf]), 0.51) == math.inf


def test_weights_count_instead_of_values() -> None:
    counts = histogram.count([1.0, 2.0], weights=[0.25, 0.75])
    assert counts.sum() == 1.0
    assert histogram.quantile(counts, 0.2) == pytest.approx(1.0, rel=0.003)
    assert histogram.quantile(counts, 0.3) == pytest.approx(2.0, rel=0.003)


def test_an_empty_histogram_knows_nothing() -> None:
    empty = np.zeros(histogram.BINS)
    assert math.isnan(histogram.quantile(empty, 0.5))
    assert math.isnan(histogram.mean(empty))
    assert math.isnan(histogram.share_below(empty, 1.0))


def test_a_time_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        histogram.index([1.0, math.nan])
