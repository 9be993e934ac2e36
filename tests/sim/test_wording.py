"""Values in words: with units, and never reading like a limit that they are not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.wording import beside, told


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.0123, "duration", "12.3 ms"),
        (0.25, "duration", "250 ms"),
        (30.0, "duration", "30 s"),
        (2400.0, "duration", "2,400 s"),
        (math.inf, "duration", "never"),
        (math.nan, "share", "unknown"),
        (0.995, "share", "99.5 %"),
        (0.0, "share", "0 %"),
        (1234567.0, "count", "1,234,567 messages"),
    ],
)
def test_a_value_has_its_unit(value: float, kind, text: str) -> None:
    assert told(value, kind) == text


@pytest.mark.parametrize(
    ("value", "limit", "kind", "text"),
    [
        (0.98996, 0.99, "share", "98.996 %"),
        (0.2500004, 0.25, "duration", "250.0004 ms"),
        (0.99, 0.99, "share", "99 %"),
        (0.5, 0.99, "share", "50 %"),
    ],
)
def test_a_value_close_to_its_limit_has_the_digits_that_tell_them_apart(value, limit, kind, text) -> None:
    assert beside(value, limit, kind) == text


@given(st.floats(1e-6, 1e6), st.integers(1, 9), st.sampled_from(["duration", "share", "count"]))
def test_another_value_never_reads_like_the_limit(limit: float, power: int, kind) -> None:
    value = limit * (1.0 + 10.0**-power)
    assert beside(value, limit, kind) != told(limit, kind)
