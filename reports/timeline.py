"""The season over time as tables: demand and delivery in readable steps; campaigns."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from reports.findings import Cell, Column, Table
from scenarios.scenario import Scenario
from sim.outcome import Outcome

MAX_ROWS = 1440
"""A day by the minute: more points than a picture has pixels say no more."""
SHORT_ROWS = 200
"""A season shorter than hours is shown in this many steps or a few more, not second by second."""
STEPS_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0)


Floats = npt.NDArray[np.float64]


def demand(outcome: Outcome, timezone: str) -> Table:
    """The season over time: offered, accepted, delivered messages per minute; backlog at the step's end."""
    wide = _step_bins(outcome.bins, outcome.bin_s)
    step_s = wide * outcome.bin_s
    offered, accepted, delivered = (  # float64: a float32 sum of millions would lose messages
        _summed(outcome.total(counts), wide) * 60.0 / step_s
        for counts in ("offered", "accepted", "delivered")
    )
    waiting = _last(outcome.total("backlog"), wide)
    clocks = _clocks(outcome.starts_at, timezone, step_s, len(offered))
    columns = (
        Column("local time"),
        Column("since start", "s"),
        Column("offered", "messages/min"),
        Column("accepted", "messages/min"),
        Column("delivered", "messages/min"),
        Column("backlog", "messages"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            clock,
            i * step_s,
            *(round(float(series[i]), 3) for series in (offered, accepted, delivered, waiting)),
        )
        for i, clock in enumerate(clocks)
    )
    return Table(
        "demand",
        "Demand and delivery over the season",
        "SIMULATED",
        columns,
        rows,
        f"local time is {timezone}",
    )


def campaigns(scenario: Scenario, outcome: Outcome) -> Table:
    """When each campaign begins and ends at the target's doors, and how many messages it offers."""
    columns = (
        Column("campaign"),
        Column("channel"),
        Column("begins", "s"),
        Column("ends", "s"),
        Column("offered", "messages"),
    )
    rows = [_campaign(i, outcome) for i, stream in enumerate(outcome.streams) if stream.cause == "campaign"]
    found = tuple(row for row in rows if row is not None)
    return Table("campaigns", f"Campaigns of {scenario.title}", "SIMULATED", columns, found)


def _campaign(index: int, outcome: Outcome) -> tuple[Cell, ...] | None:
    stream, offered = outcome.streams[index], outcome.total("offered", [index])
    busy = np.flatnonzero(offered > 0.0)
    if not busy.size:
        return None
    begins, ends = float(busy[0] * outcome.bin_s), float((busy[-1] + 1) * outcome.bin_s)
    return (stream.campaign, stream.channel, begins, ends, float(offered.sum(dtype=np.float64)))


def _step_bins(bins: int, bin_s: float) -> int:
    """How many bins make a step: whole steps that a reader knows, a minute for all of a day."""
    lasts_s = bins * bin_s
    least_s = max(bin_s, lasts_s / MAX_ROWS, min(60.0, lasts_s / SHORT_ROWS))
    step_s = next((step for step in STEPS_S if step >= least_s - 1e-9), least_s)
    return max(1, round(step_s / bin_s))


def _summed(series: Floats, wide: int) -> Floats:
    return np.asarray(np.add.reduceat(series, np.arange(0, len(series), wide)), dtype=np.float64)


def _last(series: Floats, wide: int) -> Floats:
    ends = np.minimum(np.arange(wide, len(series) + wide, wide), len(series)) - 1
    return np.asarray(series[ends], dtype=np.float64)


def _clocks(starts_at: datetime, timezone: str, step_s: float, steps: int) -> list[str]:
    local = starts_at.astimezone(ZoneInfo(timezone))
    return [(local + timedelta(seconds=i * step_s)).strftime("%Y-%m-%d %H:%M:%S") for i in range(steps)]
