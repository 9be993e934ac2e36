"""Numbers as a reader sees them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (3.0, "3"), (2.5, "2.5"), (9876.0, "9,876"), (123456.4, "123,456"),
        (999_999.0, "999,999"), (12_345_678.0, "12.3 M"), (68.2e9, "68.2 bn"), (2.9e-11, "0"),
        (0.042, "0.042"), (None, "unknown"), (math.nan, "unknown"), (math.inf, "unknown"),
    ],
)  # fmt: skip
def test_counts_have_thousands_or_three_digits(value: float | None, text: str) -> None:
    assert units.count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"), (0.0032, "3.2 ms"), (0.25, "250 ms"), (1.5, "1.5 s"), (59.97, "1 min"), (60.0, "1 min"),
        (330.0, "5 min 30 s"), (3600.0, "1 h"), (7500.0, "2 h 5 min"), (273600.0, "3 d 4 h"),
        (3599.9, "1 h"), (86399.0, "1 d"), (None, "unknown"),
    ],
)  # fmt: skip
def test_durations_take_the_two_largest_units(seconds: float | None, text: str) -> None:
    assert units.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.123, "12.3 %"),
        (0.0004, "0.04 %"),
        (1.0, "100 %"),
        (0.99996, "99.996 %"),
        (None, "unknown"),
    ],
)
def test_shares_are_percents_and_almost_all_is_never_shown_as_all(share: float | None, text: str) -> None:
    assert units.percent(share) == text


def test_a_headroom_carries_its_sign() -> None:
    assert units.percent(0.338, sign=True) == "+33.8 %"
    assert units.percent(-0.2, sign=True) == "-20 %"
    assert units.percent(0.99915, sign=True) == "+99.9 %"


def test_rates_say_per_what() -> None:
    assert units.rate(1234.0) == "1,234/s"
    assert units.rate_per_min(20_000.0) == "1.2 M/min"


@given(st.floats(1e-3, 1e9), st.integers(1, 4))
def test_what_one_asks_for_is_never_less_than_what_is_needed(value: float, digits: int) -> None:
    asked = units.rounded_up(value, digits)
    assert value * (1.0 - 1e-6) <= asked <= value * (1.0 + 10.0 ** (1 - digits) + 1e-6)


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none())
def test_no_number_breaks_a_formatter(value: float | None) -> None:
    told = (units.count(value), units.duration(value), units.percent(value), units.rate(value))
    assert all(text and "e+" not in text and "nan" not in text for text in told)
