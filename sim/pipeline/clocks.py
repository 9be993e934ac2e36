"""Local time for limits that reset on it: what turns a clock's reading into local seconds, and when that
changes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

HOUR_S = 3600.0
DAY_S = 86400.0
_AHEAD_DAYS = 400
"""A season is at most a year; no zone changes its clock twice in a day."""


@lru_cache(maxsize=64)  # a year's days are looked at
def offsets(zone: ZoneInfo, now_s: float, epoch_s: float) -> tuple[float, tuple[float, ...]]:
    """What to add to a clock's reading for seconds since the local midnight before `now_s`, and every change
    of that in the year ahead as (reading from when on, what to add from then on, ...).

    `epoch_s`: Unix time when the clock read 0.
    """
    start = int(epoch_s + now_s)
    from_utc_s = _from_utc_s(zone, start)
    midnight = (start + from_utc_s) // int(DAY_S) * int(DAY_S)
    changes: list[float] = []
    for before, after in pairwise(range(start, start + _AHEAD_DAYS * int(DAY_S), int(DAY_S))):
        if _from_utc_s(zone, before) != _from_utc_s(zone, after):
            at = _change_between(zone, before, after)
            changes += [at - epoch_s, epoch_s - midnight + _from_utc_s(zone, at)]
    return epoch_s - midnight + from_utc_s, tuple(changes)


def _from_utc_s(zone: ZoneInfo, unix_s: int) -> int:
    offset = datetime.fromtimestamp(unix_s, UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _change_between(zone: ZoneInfo, before: int, after: int) -> int:
    """The first second with the offset of `after`."""
    target = _from_utc_s(zone, after)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _from_utc_s(zone, middle) == target else (middle, after)
    return after
