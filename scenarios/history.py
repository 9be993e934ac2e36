"""Last year's sends, shifted to this year's season: messages per minute and stream."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from scenarios import cells
from scenarios.columns import LISTED_MAX, Faults, Parsed, Table, by_row, parsed, problems_of
from scenarios.problems import Problem, UserError, user_error
from scenarios.scenario import Scenario, zone_of
from scenarios.season import Demand
from scenarios.streams import stream_name
from scenarios.tables import read_table
from scenarios.words import Channel, Priority

Integers = npt.NDArray[np.int64]

CELLS_MAX = 300_000_000
"""Streams x minutes: 2.4 GB of float64."""


@dataclass(frozen=True)
class HistoryStream:
    """One (channel, campaign) of the history. `name` is unique among the history's streams."""

    name: str
    channel: Channel
    campaign: str
    priority: Priority
    freshness_s: float


@dataclass(frozen=True)
class History:
    """Last year's messages on this year's clock, before growth.

    minutes: float64 (streams, minutes), messages in each minute from `starts_at`, the scenario's own start,
    to its end. messages_outside: those of the file that fall before or after the season.
    """

    streams: tuple[HistoryStream, ...]
    starts_at: datetime
    minutes: npt.NDArray[np.float64]
    messages_outside: float = 0.0

    def without(self, campaigns: Collection[str]) -> History:
        """The history without the streams of these campaigns."""
        kept = [index for index, stream in enumerate(self.streams) if stream.campaign not in campaigns]
        return replace(self, streams=tuple(self.streams[i] for i in kept), minutes=self.minutes[kept])

    def scaled(self, scale: float) -> History:
        """The same history with every count multiplied."""
        return replace(self, minutes=self.minutes * scale, messages_outside=self.messages_outside * scale)


def read_history(scenario: Scenario, path: Path, file: str) -> History:
    """The history at `path` on the scenario's clock; `file` is how messages call it.

    A timestamp without offset is local to the scenario's time zone (see `cells.moment_in`). The day of the
    earliest timestamp becomes the day of `starts_at` and the clock stays as it was, so that 20:00 last year
    is 20:00 this year; with `history_starts_at` that moment becomes `starts_at`. Seconds are cut off: rows of
    one minute add up. Raises UserError with every bad row: unreadable values, unknown channels, rows with too
    few or too many fields, rows that say the same (timestamp, channel, campaign) twice.
    """
    zone = zone_of(scenario.timezone) or ZoneInfo("UTC")
    rows = _rows(scenario.demand, zone, path, file)
    minute = _minutes_from_start(scenario, zone, rows.moments)
    return _laid_out(scenario, file, minute, rows.channels, rows.campaigns, by_row(rows.counts, np.nan))


def check_history(scenario: Scenario, path: Path, file: str) -> None:
    """Raises UserError with every bad row, as `read_history` does; the season may be unknown."""
    _rows(scenario.demand, zone_of(scenario.timezone) or ZoneInfo("UTC"), path, file)


@dataclass(frozen=True)
class _Rows:
    moments: Parsed[datetime]
    channels: Parsed[Channel]
    campaigns: Parsed[str]
    counts: Parsed[float]


def _rows(demand: Demand, zone: ZoneInfo, path: Path, file: str) -> _Rows:
    """The history's columns, all of whose rows are good. Raises UserError with every one that is not."""
    wanted = {
        name: getattr(demand.columns, name) for name in ("timestamp", "channel", "campaign", "messages")
    }
    table = read_table(path, file, wanted, "demand.columns")
    moments = parsed(table, "timestamp", partial(cells.moment_in, zone))
    channels = parsed(table, "channel", cells.channel)
    campaigns = parsed(table, "campaign", cells.name)
    counts = parsed(table, "messages", cells.messages)
    twice = _twice(table, moments, channels, campaigns)
    if problems := problems_of(table, (moments, channels, campaigns, counts), twice):
        raise UserError(problems)
    return _Rows(moments, channels, campaigns, counts)


def _twice(
    table: Table, moments: Parsed[datetime], channels: Parsed[Channel], campaigns: Parsed[str]
) -> Faults:
    """One problem for each row that repeats the timestamp, channel and campaign of an earlier one."""
    good = np.flatnonzero(moments.good & channels.good & campaigns.good)
    instants = np.array(
        [0 if m is None else round(m.timestamp() * 1e6) for m in moments.values], dtype=np.int64
    )
    first_code = channels.meaning * len(campaigns.values) + campaigns.meaning
    order = good[np.lexsort((good, first_code[good], instants[moments.codes[good]]))]
    keys = np.stack((instants[moments.codes[order]], first_code[order]))
    is_new = np.concatenate(([True], (keys[:, 1:] != keys[:, :-1]).any(axis=0)))[: len(order)]
    starts, repeats = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    firsts = order[starts[np.searchsorted(starts, repeats, side="right") - 1]]
    pairs = sorted(zip(order[repeats].tolist(), firsts.tolist(), strict=True))
    told = tuple(_repeat(table, moments, row, first) for row, first in pairs[:LISTED_MAX])
    return Faults(told, len(pairs) - len(told))


def _repeat(table: Table, moments: Parsed[datetime], row: int, first: int) -> Problem:
    return Problem(
        table.where(row, "timestamp"),
        table.headers["timestamp"],
        str(moments.texts[moments.codes[row]]),
        f"says the same timestamp, channel and campaign as {table.where(first, 'timestamp')}",
        "one row a timestamp, channel and campaign; where the clock is set back, timestamps with offset",
    )


def _minutes_from_start(scenario: Scenario, zone: ZoneInfo, moments: Parsed[datetime]) -> Integers:
    """int64 (rows,): whole minutes from the season's start, last year's clock time on this year's day."""
    start_s = scenario.starts_at.timestamp()
    shift = _shift(scenario, zone, min(moment for moment in moments.values if moment is not None))
    minutes = [
        0 if moment is None else math.floor((_shifted(moment, shift, zone).timestamp() - start_s) / 60.0)
        for moment in moments.values
    ]
    return np.array(minutes, dtype=np.int64)[moments.codes]


def _shift(scenario: Scenario, zone: ZoneInfo, first: datetime) -> timedelta:
    starts = scenario.starts_at.astimezone(zone).replace(tzinfo=None)
    given = scenario.demand.history_starts_at
    if given is None:
        return timedelta(days=(starts.date() - first.date()).days)
    return starts - cells.moment_in(zone, given).replace(tzinfo=None)


def _shifted(moment: datetime, shift: timedelta, zone: ZoneInfo) -> datetime:
    return (moment.replace(tzinfo=None) + shift).replace(tzinfo=zone, fold=moment.fold)


def _laid_out(
    scenario: Scenario,
    file: str,
    minute: Integers,
    channels: Parsed[Channel],
    campaigns: Parsed[str],
    counts: npt.NDArray[np.float64],
) -> History:
    length = math.ceil(scenario.duration / 60.0)
    pair = channels.meaning * len(campaigns.values) + campaigns.meaning
    pairs, stream = np.unique(pair, return_inverse=True)
    if len(pairs) * length > CELLS_MAX:
        raise user_error(
            f"{len(pairs):,} streams over {length:,} minutes are too many",
            where=file,
            allowed=f"{CELLS_MAX:,} stream minutes",
        )
    inside = (minute >= 0) & (minute < length)
    if not inside.any():
        raise _all_outside(scenario, file, minute)
    cell = stream[inside] * length + minute[inside]
    laid = np.bincount(cell, weights=counts[inside], minlength=len(pairs) * length).astype(np.float64)
    named = [
        (channels.values[p // len(campaigns.values)], campaigns.values[p % len(campaigns.values)])
        for p in pairs.tolist()
    ]
    streams = _streams(scenario.demand, [(c, n) for c, n in named if c is not None and n is not None])
    return History(
        streams, scenario.starts_at, laid.reshape(len(pairs), length), float(counts[~inside].sum())
    )


def _all_outside(scenario: Scenario, file: str, minute: Integers) -> UserError:
    first, last = int(minute.min()) / 1440.0, int(minute.max()) / 1440.0
    return user_error(
        f"no row falls into the season: this year they lie {first:+.1f} to {last:+.1f} days from its start",
        where=file,
        key="demand.history",
        allowed=f"rows within {scenario.duration / 86400.0:g} days; [demand] history_starts_at shifts them",
    )


def _streams(demand: Demand, pairs: Sequence[tuple[Channel, str]]) -> tuple[HistoryStream, ...]:
    """Streams named after their campaign; by campaign and channel where a campaign uses several channels."""
    uses = Counter(campaign for _, campaign in pairs)
    taken: Counter[str] = Counter()
    streams: list[HistoryStream] = []
    for channel, campaign in pairs:
        name = stream_name(campaign if uses[campaign] == 1 else f"{campaign}-{channel}")
        taken[name] += 1
        urgent = campaign in demand.transactional
        streams.append(
            HistoryStream(
                name if taken[name] == 1 else f"{name}~{taken[name]}",
                channel,
                campaign,
                "transactional" if urgent else "marketing",
                demand.transactional_freshness if urgent else demand.freshness,
            )
        )
    return tuple(streams)
