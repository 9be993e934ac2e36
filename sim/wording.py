"""Measured values in words, with their units, and with as many digits as tell a value from its limit."""

from __future__ import annotations

import math

from scenarios.objectives import Kind

DIGITS = 3
DIGITS_MAX = 15
NEVER = "never"


def told(value: float, kind: Kind, digits: int = DIGITS) -> str:
    """12.3 ms, 1.23 s, 99.5 %, 1,234 messages; `never` for an infinite time, `unknown` for NaN."""
    if math.isnan(value):
        return "unknown"
    if kind == "count":
        return f"{_number(value, max(digits, len(f'{abs(value):.0f}')))} messages"
    if kind == "share":
        return f"{_number(100.0 * value, digits)} %"
    if math.isinf(value):
        return NEVER
    return f"{_number(value * 1e3, digits)} ms" if abs(value) < 1.0 else f"{_number(value, digits)} s"


def beside(value: float, limit: float, kind: Kind) -> str:
    """The value as `told`, with more digits where it would read like a limit that it is not."""
    digits = DIGITS
    while value != limit and digits < DIGITS_MAX and told(value, kind, digits) == told(limit, kind, digits):
        digits += 1
    return told(value, kind, digits)


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value) or value == 0.0:
        return f"{value:g}"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
