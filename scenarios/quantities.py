"""Text with units to seconds, rates per second, shares and counts.

A bare number is refused wherever a unit is needed: `500` could be per second or per minute.
The parsers raise ValueError with what was found, what is allowed; the readers add the place.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "week": 604800.0}
MAGNITUDES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9}
DURATION_ALLOWED = '"250ms", "1.5s", "1h 30min", "7d"'
RATE_ALLOWED = '"900/s", "54k/min" or "11.6M/min"'
SHARE_ALLOWED = '0.05 or "5 %", from 0 to 1'
COUNT_ALLOWED = 'a whole number or "12M", "250k"'

_NUMBER = r"(\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)"
_DURATION_PART = re.compile(rf"\s*{_NUMBER}\s*([A-Za-z]+)\s*")
_RATE = re.compile(rf"^\s*{_NUMBER}\s*(k|K|M|B|bn)?\s*/\s*([A-Za-z]+)\s*$")
_COUNT = re.compile(rf"^\s*{_NUMBER}\s*(k|K|M|B|bn)?\s*$")
_SHARE = re.compile(rf"^\s*{_NUMBER}\s*(%)?\s*$")


def _text(value: Any, allowed: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} has no unit; write {allowed}")
    return value


def parse_duration(value: Any) -> float:
    """Seconds from "250ms", "1h 30min", "7d". Raises ValueError."""
    text = _text(value, DURATION_ALLOWED)
    total, at = 0.0, 0
    while at < len(text):
        part = _DURATION_PART.match(text, at)
        if part is None:
            raise ValueError(f"{text!r} is not a duration; write {DURATION_ALLOWED}")
        if part[2] not in SECONDS:
            raise ValueError(f"unknown unit {part[2]!r}; write {DURATION_ALLOWED}")
        total += float(part[1].replace("_", "")) * SECONDS[part[2]]
        at = part.end()
    if not text.strip():
        raise ValueError(f"an empty text is not a duration; write {DURATION_ALLOWED}")
    return total


def parse_rate(value: Any) -> float:
    """Messages per second from "900/s", "54k/min", "68B/week". Raises ValueError."""
    text = _text(value, RATE_ALLOWED)
    match = _RATE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a rate; write {RATE_ALLOWED}")
    if match[3] not in SECONDS:
        raise ValueError(f"unknown unit {match[3]!r}; write {RATE_ALLOWED}")
    return float(match[1].replace("_", "")) * MAGNITUDES[match[2] or ""] / SECONDS[match[3]]


def parse_count(value: Any) -> int:
    """A whole number from 12_000_000, "12M" or "250k". Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a count; write {COUNT_ALLOWED}")
    match = _COUNT.match(str(value))
    if match is None:
        raise ValueError(f"{value!r} is not a count; write {COUNT_ALLOWED}")
    number = float(match[1].replace("_", "")) * MAGNITUDES[match[2] or ""]
    if number != round(number):
        raise ValueError(f"{value!r} is not a whole number; write {COUNT_ALLOWED}")
    return round(number)


def parse_share(value: Any) -> float:
    """A share 0-1 from 0.05 or "5 %". Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a share; write {SHARE_ALLOWED}")
    match = _SHARE.match(str(value))
    if match is None:
        raise ValueError(f"{value!r} is not a share; write {SHARE_ALLOWED}")
    share = float(match[1].replace("_", "")) / (100.0 if match[2] else 1.0)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"{value!r} is outside 0 to 1; write {SHARE_ALLOWED}")
    return share


def _quantity(parse: Any, pattern: str, example: str) -> Any:
    def read(value: Any, _parse: Any = parse) -> Any:
        return _parse(value)

    schema = {"type": "string", "pattern": pattern, "examples": [example]}
    return BeforeValidator(read), WithJsonSchema(schema)


_DURATION_PATTERN = r"^\s*(\d[\d_]*(\.\d+)?\s*(us|ms|s|min|h|d|week)\s*)+$"
_RATE_PATTERN = r"^\s*\d[\d_]*(\.\d+)?\s*(k|K|M|B|bn)?\s*/\s*(us|ms|s|min|h|d|week)\s*$"

Seconds = Annotated[float, *_quantity(parse_duration, _DURATION_PATTERN, "1h 30min")]
PerSecond = Annotated[float, *_quantity(parse_rate, _RATE_PATTERN, "54k/min")]
Count = Annotated[
    int,
    BeforeValidator(parse_count),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": _COUNT.pattern}]}),
]
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": _SHARE.pattern}]}),
]
