"""The season's clock: seconds and bins from its start in UTC, and what the local clock shows meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario

MINUTE_S = 60.0


@dataclass(frozen=True)
class Timetable:
    """`duration_s` from `starts_at` (UTC) in bins of `bin_s`; the last bin may be cut short.

    All sums of moments are done in UTC: an aware local time plus a timedelta is wall-clock arithmetic and
    is an hour off across a change of the clocks.
    """

    starts_at: datetime
    duration_s: float
    bin_s: float
    zone: ZoneInfo

    @property
    def bins(self) -> int:
        """Whole bins that cover the season."""
        return _count(self.bin_s, self.duration_s)

    @cached_property
    def edges_s(self) -> npt.NDArray[np.float64]:
        """float64 (bins + 1,): where the bins begin and end; the last end is the season's."""
        return _edges(self.bin_s, self.duration_s)

    @cached_property
    def minute_edges_s(self) -> npt.NDArray[np.float64]:
        """float64 (minutes + 1,): the minutes from the start; the last one may be cut short."""
        return _edges(MINUTE_S, self.duration_s)

    @cached_property
    def second_edges_s(self) -> npt.NDArray[np.float64]:
        """float64 (seconds + 1,): the seconds from the start; the last one may be cut short."""
        return _edges(1.0, self.duration_s)

    @cached_property
    def second_lengths_s(self) -> npt.NDArray[np.float64]:
        """float64 (seconds,): 1, but for the last one that may be cut short."""
        return np.diff(self.second_edges_s)

    @cached_property
    def minute_of_second(self) -> npt.NDArray[np.int64]:
        """int64 (seconds,): the minute from the start that each lies in."""
        minutes = len(self.minute_edges_s) - 2
        return np.minimum(self.second_edges_s[:-1] // MINUTE_S, minutes).astype(np.int64)

    def seconds_to(self, moment: datetime) -> float:
        """Seconds from the season's start to an aware moment; negative before it."""
        return (moment.astimezone(UTC) - self.starts_at).total_seconds()

    @cached_property
    def local(self) -> npt.NDArray[np.int64]:
        """int64 (3, minutes): the local clock as each minute begins: days since the first, hour, minute."""
        begins = self.minute_edges_s[:-1].tolist()
        told = [(self.starts_at + timedelta(seconds=s)).astimezone(self.zone) for s in begins]
        first = told[0].date()
        return np.array([((t.date() - first).days, t.hour, t.minute) for t in told], dtype=np.int64).T


def _count(step_s: float, until_s: float) -> int:
    # ten bins of 0.1 s are a second, whatever binary fractions say
    return max(1, math.ceil(until_s / step_s - 1e-9))


def _edges(step_s: float, until_s: float) -> npt.NDArray[np.float64]:
    edges_s = np.arange(_count(step_s, until_s) + 1) * step_s
    edges_s[-1] = until_s
    return np.asarray(np.minimum(edges_s, until_s))


def timetable(scenario: Scenario) -> Timetable:
    """The scenario's clock."""
    return Timetable(
        starts_at=scenario.starts_at.astimezone(UTC),
        duration_s=scenario.duration,
        bin_s=scenario.bin,
        zone=ZoneInfo(scenario.timezone),
    )
