"""Messages due at the target's doors, before any limit: counts per (stream, bin).

traffic.parquet, FORMAT in its metadata, one row per stream and bin with a message due (zeros are left out):
    stream    int16   index into the metadata's `streams`
    bin       int32   bin_s seconds each, from the metadata's `starts_at`
    messages  int64
The key `peakday` of the file's metadata is one JSON object: format, streams (name, channel, campaign,
priority, freshness_s, cause, tenant, operation, planned, suppressed), starts_at, bin_s, bins, seed, scenario.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scenarios.words import Channel, Priority
from sim.parquet import metadata, opened, writer

FORMAT = "peakday traffic 1"
MINUTE_S = 60.0

Cause = Literal["campaign", "background", "trigger", "history"]
EVERY_TENANT = "all"
"""Whose messages a stream's are that is not one tenant's own."""


@dataclass(frozen=True)
class Stream:
    """Messages alike in all that the send path can see. `name` is unique within a scenario; `tenant` is the
    rank of the one whose messages all are, or EVERY_TENANT."""

    name: str
    channel: Channel
    campaign: str
    priority: Priority
    freshness_s: float
    cause: Cause
    tenant: str = EVERY_TENANT
    operation: str = "send"


@dataclass(frozen=True)
class Traffic:
    """What the season asks of the target.

    counts:     int64 (streams, bins), messages due in each bin.
    planned:    int64 (streams,), before consent, caps and hygiene.
    suppressed: int64 (streams,), taken out by them; planned - suppressed = offered = counts.sum(axis=1).
    starts_at:  UTC moment of bin 0. bin_s: seconds a bin.
    """

    streams: tuple[Stream, ...]
    starts_at: datetime
    bin_s: float
    counts: npt.NDArray[np.int64]
    planned: npt.NDArray[np.int64]
    suppressed: npt.NDArray[np.int64]
    seed: int
    scenario: str

    @property
    def duration_s(self) -> float:
        """From bin 0 to the last bin's end."""
        return float(self.counts.shape[1] * self.bin_s)

    def per_bin(self) -> npt.NDArray[np.int64]:
        """int64 (bins,): messages of all streams due in each bin."""
        return np.asarray(self.counts.sum(axis=0))


def whole(expected: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Expected counts (…, bins) as whole messages: rounded where cumulated: totals are right to 0.5."""
    cumulated = np.rint(np.cumsum(expected, axis=-1)).astype(np.int64)
    return np.diff(cumulated, axis=-1, prepend=0)


def with_triggered(
    traffic: Traffic, rows: Sequence[int], triggered: npt.NDArray[np.integer[Any]], *, in_place: bool = False
) -> Traffic:
    """The traffic with sends (rows, bins) of the streams `rows` that an engine found triggered.

    None of them is suppressed. in_place: in the same counts, for a week's take 100 MB.
    """
    counts = traffic.counts if in_place else traffic.counts.copy()
    planned = traffic.planned.copy()
    for row, added in zip(rows, triggered, strict=True):
        counts[row] += added
        planned[row] += added.sum()
    return replace(traffic, counts=counts, planned=planned)


def at_door(traffic: Traffic, rows: Sequence[int], offered: Callable[[int], npt.NDArray[Any]]) -> Traffic:
    """The traffic when it reaches the door, where stages hold up the streams `rows`: `offered` says what of
    one is at the door, (bins,). Its counts are changed in place: a week's take 100 MB.

    What they held up until after the season's end is not planned for it either.
    """
    planned = traffic.planned.copy()
    for row in rows:
        traffic.counts[row] = whole(np.asarray(offered(row), dtype=np.float64))
        planned[row] = traffic.counts[row].sum() + traffic.suppressed[row]
    return replace(traffic, planned=planned)


@dataclass(frozen=True)
class Peak:
    """The greatest minute of a season: its mean in messages/min, its start in seconds from bin 0."""

    per_min: float
    start_s: float


def peak(per_bin: npt.NDArray[Any], bin_s: float) -> Peak:
    """The minute with most messages of a (bins,) series, wherever it begins; the earliest of equals.

    Messages are taken as even within their bin, so the greatest minute begins or ends at a bin's edge.
    A season shorter than a minute is taken at its mean rate.
    """
    cumulated = np.concatenate(([0.0], np.cumsum(per_bin, dtype=np.float64)))
    span_s = min(MINUTE_S, len(per_bin) * bin_s)
    if span_s <= 0.0:
        return Peak(0.0, 0.0)
    whole_bins = round(span_s / bin_s)
    if abs(whole_bins * bin_s - span_s) < 1e-9:
        sums = cumulated[whole_bins:] - cumulated[:-whole_bins]
        at = int(np.argmax(sums))
        return Peak(float(sums[at]) * MINUTE_S / span_s, at * bin_s)
    edges_s = np.arange(len(per_bin) + 1) * bin_s
    starts_s = np.concatenate((edges_s, edges_s - span_s))
    starts_s = np.unique(starts_s[(starts_s >= 0.0) & (starts_s <= edges_s[-1] - span_s + 1e-9)])
    sums = np.interp(starts_s + span_s, edges_s, cumulated) - np.interp(starts_s, edges_s, cumulated)
    at = int(np.argmax(sums))
    return Peak(float(sums[at]) * MINUTE_S / span_s, float(starts_s[at]))


def peak_per_min(traffic: Traffic) -> float:
    """Greatest 1-minute mean of all that is offered, in messages/min."""
    return peak(traffic.per_bin(), traffic.bin_s).per_min


def only(traffic: Traffic, keeps: Callable[[Stream], bool]) -> Traffic:
    """The streams that `keeps` is true of."""
    kept = [i for i, stream in enumerate(traffic.streams) if keeps(stream)]
    return replace(
        traffic,
        streams=tuple(traffic.streams[i] for i in kept),
        counts=traffic.counts[kept],
        planned=traffic.planned[kept],
        suppressed=traffic.suppressed[kept],
    )


def window(traffic: Traffic, from_s: float, for_s: float) -> Traffic:
    """The bins that begin within [from_s, from_s + for_s), with `planned` and `suppressed` in proportion."""
    first = max(0, math.ceil(from_s / traffic.bin_s - 1e-9))
    last = max(first, math.ceil((from_s + for_s) / traffic.bin_s - 1e-9))
    counts = traffic.counts[:, first:last]
    offered, kept = traffic.counts.sum(axis=1), counts.sum(axis=1)
    part = np.divide(kept, offered, out=np.zeros(len(offered)), where=offered > 0)
    suppressed = np.rint(traffic.suppressed * part).astype(np.int64)
    starts_at = traffic.starts_at + timedelta(seconds=first * traffic.bin_s)
    return replace(
        traffic, starts_at=starts_at, counts=counts, planned=kept + suppressed, suppressed=suppressed
    )


def worst_start(traffic: Traffic, for_s: float) -> float:
    """Start (s) of the window of `for_s` with most messages; the earliest of equals, 0 when it is all."""
    bins = max(1, round(for_s / traffic.bin_s))
    cumulated = np.concatenate(([0], np.cumsum(traffic.per_bin())))
    if bins >= cumulated.size:
        return 0.0
    return float(np.argmax(cumulated[bins:] - cumulated[:-bins])) * traffic.bin_s


def write_traffic(traffic: Traffic, path: Path) -> None:
    """Write traffic.parquet, as the module's docstring describes it; a stream a row group."""
    names = ("stream", "bin", "messages")
    schema = pa.schema(zip(names, (pa.int16(), pa.int32(), pa.int64()), strict=True))
    with writer(path, schema) as file:
        for index, counts in enumerate(traffic.counts):
            at = np.flatnonzero(counts)
            columns = (np.full(len(at), index, dtype=np.int16), at.astype(np.int32), counts[at])
            file.write_table(pa.Table.from_arrays([pa.array(c) for c in columns], schema=schema))
        file.add_key_value_metadata(metadata(_description(traffic)))


def read_traffic(path: Path) -> Traffic:
    """Read what `write_traffic` wrote. Raises UserError for anything else."""
    file = opened(path, FORMAT)
    told = file.told
    counts = np.zeros((len(told["streams"]), told["bins"]), dtype=np.int64)
    for table in file.groups():
        counts[table["stream"].to_numpy(), table["bin"].to_numpy()] = table["messages"].to_numpy()
    planned = [stream.pop("planned") for stream in told["streams"]]
    suppressed = [stream.pop("suppressed") for stream in told["streams"]]
    return Traffic(
        streams=tuple(Stream(**stream) for stream in told["streams"]),
        starts_at=datetime.fromisoformat(told["starts_at"]),
        bin_s=told["bin_s"],
        counts=counts,
        planned=np.array(planned, dtype=np.int64),
        suppressed=np.array(suppressed, dtype=np.int64),
        seed=told["seed"],
        scenario=told["scenario"],
    )


def _description(traffic: Traffic) -> dict[str, Any]:
    amounts = zip(traffic.streams, traffic.planned.tolist(), traffic.suppressed.tolist(), strict=True)
    streams = [asdict(stream) | {"planned": planned, "suppressed": out} for stream, planned, out in amounts]
    return {
        "format": FORMAT,
        "streams": streams,
        "starts_at": traffic.starts_at.isoformat(),
        "bin_s": traffic.bin_s,
        "bins": traffic.counts.shape[1],
        "seed": traffic.seed,
        "scenario": traffic.scenario,
    }
