"""Numbers as a reader sees them: thousands, per second and per minute, durations, percent."""

from __future__ import annotations

import math

from scenarios.objectives import Kind
from sim import wording

_KINDS: dict[str, Kind] = {"s": "duration", "share": "share"}
UNKNOWN = "unknown"
_LARGE = ((1e9, "bn"), (1e6, "M"))
_LONG = ((86400.0, "d", 3600.0, "h"), (3600.0, "h", 60.0, "min"), (60.0, "min", 1.0, "s"))


_NOTHING = 1e-6
"""Below this a figure is a rounding error, not a message."""


_BEYOND = 1e300
"""No figure of a run is as large; formatting stays clear of overflow."""


def _known(value: float | None) -> bool:
    return value is not None and abs(value) < _BEYOND


def significant(value: float, digits: int = 3) -> str:
    """`digits` significant digits with thousands separated, never in powers of ten: 0.0123, 12.3, 1,230."""
    if abs(value) < _NOTHING:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded_up(value: float, digits: int = 2) -> float:
    """The next number with `digits` significant digits: what one would ask for."""
    if value <= 0.0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return math.ceil(value / step - 1e-9) * step


def count(value: float | None) -> str:
    """Messages, requests: 9,876, 123,456, 12.3 M, 68.2 bn."""
    if value is None or not _known(value):
        return UNKNOWN
    for size, name in _LARGE:
        if abs(value) >= size:
            return f"{significant(value / size)} {name}"
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else significant(value)


def rate(per_s: float | None) -> str:
    """Messages per second: 0.42/s, 1,234/s, 1.16 M/s."""
    return UNKNOWN if not _known(per_s) else f"{count(per_s)}/s"


def rate_per_min(per_s: float | None) -> str:
    """Messages per minute: 1.2 M/min."""
    return UNKNOWN if per_s is None or not _known(per_s) else f"{count(per_s * 60.0)}/min"


def duration(seconds: float | None) -> str:
    """3.2 ms, 250 ms, 1.5 s, 5 min 30 s, 2 h 5 min, 3 d 4 h."""
    if seconds is None or not _known(seconds):
        return UNKNOWN
    if abs(seconds) < 1.0:
        return "0 s" if seconds == 0.0 else f"{significant(seconds * 1000.0)} ms"
    if abs(seconds) < 59.95:
        return f"{significant(seconds)} s"
    return _long(seconds)


def _long(seconds: float) -> str:
    for size, name, part, part_name in _LONG:
        if abs(round(seconds / part)) * part >= size:
            whole, rest = divmod(round(seconds / part), round(size / part))
            return f"{whole} {name} {rest} {part_name}" if rest else f"{whole} {name}"
    return "1 min"


def percent(share: float | None, *, sign: bool = False) -> str:
    """12.3 %, 0.04 %, 99.915 %: of a whole, the nines count; with `sign`, a difference, +12.3 %, +99.9 %."""
    if share is None or not _known(share):
        return UNKNOWN
    value = share * 100.0
    text = significant(value, 2 if abs(value) < 10.0 else 3)
    if not sign and 99.0 < abs(value) < 100.0:
        text = f"{math.floor(value * 1000.0) / 1000.0:g}"
    return f"{'+' if sign and value > 0 else ''}{text} %"


def times(factor: float) -> str:
    """x1.25"""
    return f"x{significant(factor)}"


def by_unit(value: float | None, unit: str) -> str:
    """A value in the unit that a table or an objective names."""
    if unit == "s":
        return duration(value)
    if unit == "share":
        return percent(value)
    if value is None or not _known(value):
        return UNKNOWN
    return f"{count(value)} {unit}".rstrip()


def against(value: float | None, bound: float, unit: str) -> str:
    """A value as `by_unit`, with more digits where it would read like a bound that it is not."""
    text = by_unit(value, unit)
    if value is None or value == bound or text != by_unit(bound, unit):
        return text
    return wording.beside(value, bound, _KINDS.get(unit, "count"))
