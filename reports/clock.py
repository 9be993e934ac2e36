"""Where the ticks of a time axis fall: at whole steps of the local clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

STEPS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400, 172800, 604800)
DAYS_S = 2 * 86400.0
"""From here on ticks are dates."""


@dataclass(frozen=True)
class Tick:
    """A moment on the axis: seconds since its start, and its local time as words."""

    at_s: float
    text: str


def ticks(starts_at: datetime, lasts_s: float, most: int) -> list[Tick]:
    """At most `most` + 1 ticks within `lasts_s` from the local moment `starts_at`."""
    step_s = next((step for step in STEPS_S if step * most >= lasts_s), STEPS_S[-1])
    midnight = starts_at.replace(hour=0, minute=0, second=0, microsecond=0)
    into_day_s = (starts_at - midnight).total_seconds()
    first_s = -into_day_s % step_s
    form = "%m-%d" if lasts_s > DAYS_S else "%H:%M"
    found = []
    at_s = first_s
    while at_s <= lasts_s:
        found.append(Tick(at_s, (starts_at + timedelta(seconds=at_s)).strftime(form)))
        at_s += step_s
    return found
