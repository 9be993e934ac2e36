"""Text with units: what is read, what is refused, what is proposed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.problems import BadValueError
from scenarios.quantities import (
    COUNT_MAX,
    DURATION_S_MAX,
    RATE_PER_S_MAX,
    SECONDS,
    parse_count,
    parse_duration,
    parse_rate,
    parse_share,
)

PARSERS: tuple[Callable[[Any], float], ...] = (parse_duration, parse_rate, parse_count, parse_share)
JUNK = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
    st.from_regex(
        r"\s*-?[0-9][0-9_]{0,4}(\.[0-9]+)?(e[+-]?[0-9]{1,4})?\s*(k|M|bn)?\s*/?\s*[a-zA-Z%]{0,8}",
        fullmatch=True,
    ),
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("1h 30min", 5400.0),
        ("1h30min", 5400.0),
        ("7d", 604800.0),
        ("1_000us", 0.001),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "per_s"),
    [
        ("900/s", 900.0),
        ("54k/min", 900.0),
        ("11.6M/min", 11.6e6 / 60),
        ("68B/week", 68e9 / 604800),
        ("2bn / d", 2e9 / 86400),
    ],
)
def test_a_rate_is_messages_per_second(text: str, per_s: float) -> None:
    assert parse_rate(text) == pytest.approx(per_s, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "count"), [(12, 12), ("12M", 12_000_000), ("1.5k", 1500), ("999999999999999", 999999999999999)]
)
def test_a_count_is_exact(value: Any, count: int) -> None:
    assert parse_count(value) == count


@pytest.mark.parametrize(
    ("value", "share"), [(0.05, 0.05), ("5 %", 0.05), ("0.1%", 0.001), (1, 1.0), (0, 0.0)]
)
def test_a_share_lies_between_0_and_1(value: Any, share: float) -> None:
    assert parse_share(value) == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize(
    ("parse", "value", "message", "near"),
    [
        (parse_rate, 500, "500 has no unit", ""),
        (parse_rate, "500", "is not a rate", ""),
        (parse_rate, "500 rps", "is not a rate", "500/s"),
        (parse_rate, "900/x", 'unknown unit "x"', ""),
        (parse_rate, "54k/minute", 'unknown unit "minute"', "54k/min"),
        (parse_rate, "-3/s", "is below 0", ""),
        (parse_rate, "1e999/s", "more than 10^12", ""),
        (parse_duration, "1h30", '30 in "1h30" has no unit', ""),
        (parse_duration, "5 minutes", 'unknown unit "minutes"', "5 min"),
        (parse_duration, 250, "250 has no unit", ""),
        (parse_duration, True, "true is not a duration", ""),
        (parse_duration, "", "is not a duration", ""),
        (parse_duration, "9999d", "longer than a year", ""),
        (parse_count, True, "true is not a count", ""),
        (parse_count, -1, "is below 0", ""),
        (parse_count, "1.5", "is not a whole number", ""),
        (parse_count, 1.0, "is not a count", ""),
        (parse_share, 50, "is above 1", "50 %"),
        (parse_share, math.nan, "is not a share", ""),
        (parse_share, -0.1, "is below 0", ""),
        (parse_share, True, "true is not a share", ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_nearest_right_text(
    parse: Callable[[Any], float], value: Any, message: str, near: str
) -> None:
    with pytest.raises(BadValueError) as caught:
        parse(value)
    assert message in caught.value.message
    assert caught.value.nearest == near
    assert caught.value.allowed


@given(st.sampled_from(PARSERS), JUNK)
def test_whatever_is_written_is_read_within_limits_or_refused(
    parse: Callable[[Any], float], value: Any
) -> None:
    limits = {
        parse_duration: DURATION_S_MAX,
        parse_rate: RATE_PER_S_MAX,
        parse_count: COUNT_MAX,
        parse_share: 1.0,
    }
    allowed, read = "", 0.0
    try:
        read = parse(value)
    except BadValueError as error:
        allowed = error.allowed
    assert allowed or 0.0 <= read <= limits[parse]


@given(st.sampled_from(PARSERS), JUNK)
def test_a_proposed_text_can_be_read(parse: Callable[[Any], float], value: Any) -> None:
    try:
        parse(value)
    except BadValueError as error:
        if error.nearest:
            parse(error.nearest)


@given(st.integers(0, 10**6), st.sampled_from(sorted(SECONDS)))
def test_a_rate_times_its_unit_is_the_number_written(number: int, unit: str) -> None:
    if number / SECONDS[unit] <= RATE_PER_S_MAX:
        assert parse_rate(f"{number}/{unit}") * SECONDS[unit] == pytest.approx(number)
