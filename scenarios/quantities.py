"""Text with units to seconds, rates per second, shares, counts and bytes.

A bare number is refused wherever a unit is needed: `500` could be per second or per minute.
The parsers raise BadValueError with what was found, what is allowed and the nearest right text; the readers
add the place. All results are finite, not negative, and within the limits named here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from scenarios.problems import BadValueError, nearest

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "week": 604800.0}
MAGNITUDES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "bn": 10**9}
BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
DURATION_S_MAX = 366 * 86400.0
RATE_PER_S_MAX = 1e12
COUNT_MAX = 10**15

DURATION_ALLOWED = '"250ms", "1.5s", "1h 30min" or "7d"'
RATE_ALLOWED = '"900/s", "54k/min" or "11.6M/min"'
SIZE_ALLOWED = '"50MB", "1GiB" or "512KiB"'
SHARE_ALLOWED = '0.05 or "5 %", from 0 to 1'
COUNT_ALLOWED = 'a whole number or "12M", "250k"'

_NUMBER = r"(\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)"
_DURATION_PART = re.compile(rf"\s*{_NUMBER}\s*([^\W\d_]*)\s*", re.ASCII)
_RATE = re.compile(rf"\s*{_NUMBER}\s*(k|K|M|B|bn)?\s*/\s*(\S+)\s*", re.ASCII)
_RATE_SPOKEN = re.compile(rf"\s*{_NUMBER}\s*(k|K|M|B|bn)?\s*(?:rps|qps|tps|(?:r|q|t)pm|mps|per)\b", re.ASCII)
_COUNT = re.compile(rf"\s*{_NUMBER}\s*(k|K|M|B|bn)?\s*", re.ASCII)
_SIZE = re.compile(rf"\s*{_NUMBER}\s*({'|'.join(BYTES)})\s*", re.ASCII)
_SHARE = re.compile(rf"\s*{_NUMBER}\s*(%)?\s*", re.ASCII)
_UNITS_SPOKEN = {
    **dict.fromkeys(("sec", "secs", "second", "seconds", "S"), "s"),
    **dict.fromkeys(("m", "mn", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours", "H"), "h"),
    **dict.fromkeys(("day", "days", "D"), "d"),
    **dict.fromkeys(("w", "wk", "weeks"), "week"),
    **dict.fromkeys(("msec", "millis", "milliseconds"), "ms"),
}


@dataclass(frozen=True)
class Allowed:
    """What may be written for a quantity, for error messages and the reference."""

    text: str


def parse_duration(value: Any) -> float:
    """Seconds from "250ms", "1h 30min", "7d". Raises BadValueError."""
    text = _text(value, "a duration", DURATION_ALLOWED)
    total, at = 0.0, 0
    while at < len(text):
        part = _DURATION_PART.match(text, at)
        if part is None:
            raise BadValueError(f"{_quoted(text)} is not a duration", DURATION_ALLOWED)
        if not part[2]:
            raise BadValueError(f"{part[1]} in {_quoted(text)} has no unit", DURATION_ALLOWED)
        total += _float(part[1]) * _unit_s(text, part[2], DURATION_ALLOWED)
        at = part.end()
    return _at_most(total, DURATION_S_MAX, f"{_quoted(text)} is longer than a year", DURATION_ALLOWED)


def parse_rate(value: Any) -> float:
    """Messages per second from "900/s", "54k/min", "68B/week". Raises BadValueError."""
    text = _text(value, "a rate", RATE_ALLOWED)
    match = _RATE.fullmatch(text)
    if match is None:
        spoken = _RATE_SPOKEN.match(text)
        near = f"{spoken[1]}{spoken[2] or ''}/{'min' if 'pm' in text else 's'}" if spoken else ""
        raise BadValueError(f"{_quoted(text)} is not a rate", RATE_ALLOWED, near)
    rate = _float(match[1]) * MAGNITUDES[match[2] or ""] / _unit_s(text, match[3], RATE_ALLOWED)
    return _at_most(rate, RATE_PER_S_MAX, f"{_quoted(text)} is more than 10^12 a second", RATE_ALLOWED)


def parse_rates(value: Any) -> tuple[float, ...]:
    """One rate or several in turn, messages per second: "100/s,200/s,400/s". Raises BadValueError."""
    text = _text(value, "a rate", RATE_ALLOWED)
    return tuple(parse_rate(part.strip()) for part in text.split(","))


def parse_count(value: Any) -> int:
    """A whole number from 12_000_000, "12M" or "250k". Raises BadValueError."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise BadValueError(f"{_quoted(value)} is not a count", COUNT_ALLOWED)
    match = _COUNT.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, str) and match is None:
        raise BadValueError(f"{_quoted(value)} is not a count", COUNT_ALLOWED)
    number = Decimal(value if match is None else match[1].replace("_", ""))
    number *= MAGNITUDES[(match[2] or "") if match else ""]
    if number < 0:
        raise BadValueError(f"{_quoted(value)} is below 0", COUNT_ALLOWED)
    if number > COUNT_MAX:
        raise BadValueError(f"{_quoted(value)} is more than 10^15", COUNT_ALLOWED)
    if number != int(number):
        raise BadValueError(f"{_quoted(value)} is not a whole number", COUNT_ALLOWED)
    return int(number)


def parse_size(value: Any) -> int:
    """Bytes from "50MB" or "1GiB". Raises BadValueError."""
    text = _text(value, "a size", SIZE_ALLOWED)
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadValueError(f"{_quoted(text)} is not a size", SIZE_ALLOWED)
    size = Decimal(match[1].replace("_", "")) * BYTES[match[2]]
    if size > COUNT_MAX:
        raise BadValueError(f"{_quoted(text)} is more than 10^15 bytes", SIZE_ALLOWED)
    return int(size)


def parse_share(value: Any) -> float:
    """A share 0-1 from 0.05 or "5 %". Raises BadValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadValueError(f"{_quoted(value)} is not a share", SHARE_ALLOWED)
    match = _SHARE.fullmatch(str(value))
    if match is None:
        below = str(value).strip().startswith("-")
        raise BadValueError(f"{_quoted(value)} is {'below 0' if below else 'not a share'}", SHARE_ALLOWED)
    share = _float(match[1]) / (100.0 if match[2] else 1.0)
    near = f"{match[1]} %" if not match[2] and share <= 100.0 else ""
    if share > 1.0:
        raise BadValueError(f"{_quoted(value)} is above 1", SHARE_ALLOWED, near)
    return share


def _text(value: Any, what: str, allowed: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise BadValueError(f"{value!r} has no unit", allowed)
    if not isinstance(value, str) or not value.strip():
        raise BadValueError(f"{_quoted(value)} is not {what}", allowed)
    if value.strip().startswith("-"):
        raise BadValueError(f"{_quoted(value)} is below 0", allowed)
    return value


def _quoted(value: Any) -> str:
    """The value as TOML would have it, shortened."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    text = text if len(text) <= 40 else text[:39] + "…"
    return f'"{text}"' if isinstance(value, str) else text


def _unit_s(text: str, unit: str, allowed: str) -> float:
    if unit in SECONDS:
        return SECONDS[unit]
    near = _UNITS_SPOKEN.get(unit) or nearest(unit, tuple(SECONDS))
    at = text.rfind(unit)
    meant = text[:at] + near + text[at + len(unit) :] if near else ""
    raise BadValueError(f'unknown unit "{unit[:20]}"', allowed, meant.strip())


def _float(number: str) -> float:
    return float(number.replace("_", ""))


def _at_most(number: float, limit: float, message: str, allowed: str) -> float:
    if not number <= limit:
        raise BadValueError(message, allowed)
    return number


def _number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise BadValueError(f"{_quoted(value)} is not a number", "a number")
    return value


def _quantity(parse: Callable[[Any], Any], allowed: str, schema: dict[str, Any]) -> tuple[Any, ...]:
    return BeforeValidator(parse), Allowed(allowed), WithJsonSchema(schema)


_DURATION_PATTERN = r"^\s*(\d[\d_]*(\.\d+)?\s*(us|ms|s|min|h|d|week)\s*)+$"
_RATE_PATTERN = r"^\s*\d[\d_]*(\.\d+)?\s*(k|K|M|B|bn)?\s*/\s*(us|ms|s|min|h|d|week)\s*$"
_COUNT_PATTERN = r"^\s*\d[\d_]*(\.\d+)?\s*(k|K|M|B|bn)?\s*$"
_SHARE_PATTERN = r"^\s*\d[\d_]*(\.\d+)?\s*%?\s*$"


def _text_schema(pattern: str, example: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, "examples": [example]}


Seconds = Annotated[
    float, *_quantity(parse_duration, DURATION_ALLOWED, _text_schema(_DURATION_PATTERN, "1h 30min"))
]
PerSecond = Annotated[float, *_quantity(parse_rate, RATE_ALLOWED, _text_schema(_RATE_PATTERN, "54k/min"))]
Count = Annotated[
    int,
    *_quantity(
        parse_count, COUNT_ALLOWED, {"anyOf": [{"type": "integer"}, _text_schema(_COUNT_PATTERN, "12M")]}
    ),
]
Share = Annotated[
    float,
    *_quantity(
        parse_share, SHARE_ALLOWED, {"anyOf": [{"type": "number"}, _text_schema(_SHARE_PATTERN, "5 %")]}
    ),
]
Number = Annotated[float, BeforeValidator(_number), Allowed("a number")]
"""A plain number inside a list, where true and "3" must not pass for one."""
