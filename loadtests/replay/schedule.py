"""When each request of one replay is due and how many messages it carries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from scenarios.problems import user_error
from sim import seeds
from sim.formats import require
from sim.traffic import Traffic

FORMAT = "peakday schedule 1"
USUAL_PRIORITY = "marketing"

Arrivals = Literal["even", "poisson"]
_Columns = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Schedule:
    """One replay, open loop.

    due_s:    float64 (requests,), ascending, from the replay's start. A batch is due with its last message.
    messages: int32 (requests,), messages in the request.
    wait_s:   float32 (requests,), mean wait of the request's messages for their batch: a message's latency is
              its request's plus its wait.
    stream:   int16 (requests,), index into `streams`.
    streams, channels, campaigns: names of equal length; a stream without a campaign has "". priorities: the
    same, or empty in a schedule of an older version or of a plain rate: all are marketing.
    duration_s: length of the replay; the last due time is below it.
    scale, compress, seed: as CONTRACT defines them; origin says in words what was cut out of what.
    """

    due_s: npt.NDArray[np.float64]
    messages: npt.NDArray[np.int32]
    wait_s: npt.NDArray[np.float32]
    stream: npt.NDArray[np.int16]
    streams: tuple[str, ...]
    channels: tuple[str, ...]
    duration_s: float
    scale: float
    compress: float
    seed: int
    origin: str
    campaigns: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()

    def kinds(self) -> tuple[tuple[str, str, str], ...]:
        """(channel, campaign, priority) of every stream: all that its requests say of it."""
        none = ("",) * len(self.streams)
        usual = (USUAL_PRIORITY,) * len(self.streams)
        return tuple(zip(self.channels, self.campaigns or none, self.priorities or usual, strict=True))


def constant(
    rate_per_s: float,
    duration_s: float,
    *,
    batch: int = 1,
    arrivals: Arrivals = "even",
    seed: int = 0,
    channel: str = "email",
) -> Schedule:
    """`rate_per_s` messages/s held for `duration_s`, `batch` messages a request.

    even: message k is due at (k + 1/2) / rate; the last batch may be partial, so that there are exactly
    floor(rate * duration) messages. poisson: the batches of a Poisson stream of messages, each full; the time
    between two batches is Gamma(batch, 1 / rate) and the other messages lie uniformly in it.
    """
    if arrivals == "even":
        due_s, messages, wait_s = _even(rate_per_s, duration_s, batch)
    else:
        due_s, messages, wait_s = _poisson(rate_per_s, duration_s, batch, seeds.stream(seed, "constant"))
    return Schedule(
        due_s=due_s,
        messages=messages.astype(np.int32),
        wait_s=wait_s.astype(np.float32),
        stream=np.zeros(due_s.size, dtype=np.int16),
        streams=("constant",),
        channels=(channel,),
        campaigns=("",),
        duration_s=duration_s,
        scale=1.0,
        compress=1.0,
        seed=seed,
        origin=f"{rate_per_s:g} messages/s, {arrivals} arrivals, {duration_s:g} s",
    )


def _even(rate_per_s: float, duration_s: float, batch: int) -> _Columns:
    total = int(np.floor(rate_per_s * duration_s + 1e-9))
    first = np.arange(0, total, batch, dtype=np.int64)
    last = np.minimum(first + batch, total) - 1
    return (last + 0.5) / rate_per_s, last - first + 1, (last - first) / 2.0 / rate_per_s


def _poisson(rate_per_s: float, duration_s: float, batch: int, rng: np.random.Generator) -> _Columns:
    expected = rate_per_s * duration_s / batch
    enough = int(expected + 10.0 * np.sqrt(expected) + 10.0)
    gaps_s = rng.gamma(batch, 1.0 / rate_per_s, size=enough)
    due_s = np.cumsum(gaps_s)
    kept = int(np.searchsorted(due_s, duration_s))
    wait_s = gaps_s[:kept] * (batch - 1) / batch / 2.0
    return due_s[:kept], np.full(kept, batch, dtype=np.int64), wait_s


def staircase(
    rates_per_s: Sequence[float],
    duration_s: float,
    *,
    batch: int = 1,
    arrivals: Arrivals = "even",
    seed: int = 0,
    channel: str = "email",
) -> Schedule:
    """Each rate held for an equal part of `duration_s`, one after the other, as `constant` holds it."""
    step_s = duration_s / len(rates_per_s)
    steps = [
        constant(rate, step_s, batch=batch, arrivals=arrivals, seed=seed + place, channel=channel)
        for place, rate in enumerate(rates_per_s)
    ]
    rates = ", ".join(f"{rate:g}" for rate in rates_per_s)
    return replace(
        steps[0],
        due_s=np.concatenate([step.due_s + place * step_s for place, step in enumerate(steps)]),
        messages=np.concatenate([step.messages for step in steps]),
        wait_s=np.concatenate([step.wait_s for step in steps]),
        stream=np.concatenate([step.stream for step in steps]),
        duration_s=duration_s,
        origin=steps[0].origin
        if len(steps) == 1
        else f"{rates} messages/s, {step_s:g} s each, {arrivals} arrivals",
    )


def from_traffic(
    traffic: Traffic,
    *,
    start_s: float,
    duration_s: float,
    scale: float = 1.0,
    share: float = 1.0,
    batch: int = 1,
    seed: int = 0,
    compress: float = 1.0,
) -> Schedule:
    """The season's messages of [start_s, start_s + duration_s) as requests of at most `batch` messages.

    Every message is kept with probability scale * share, each on its own (above 1: copied as often as the
    whole part says, and once more with the rest), and is due at a uniform moment of its bin. Batches are
    filled per stream in order of time; the last one is sent as full as it is. Transactional streams are not
    batched: no one holds a password reset back until 999 others come. compress: 60 s of season take
    60 / compress s.
    """
    parts = []
    for index, stream in enumerate(traffic.streams):
        rng = seeds.stream(seed, "schedule", stream.name)
        due_s = _message_times(traffic, index, start_s, duration_s, scale * share, rng) / compress
        size = 1 if stream.priority == "transactional" else batch
        parts.append((*_batched(due_s, size), np.full(-(-due_s.size // size), index)))
    due_s, messages, wait_s, of_stream = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(due_s, kind="stable")
    return Schedule(
        due_s=due_s[order],
        messages=messages[order].astype(np.int32),
        wait_s=wait_s[order].astype(np.float32),
        stream=of_stream[order].astype(np.int16),
        streams=tuple(s.name for s in traffic.streams),
        channels=tuple(s.channel for s in traffic.streams),
        campaigns=tuple(s.campaign for s in traffic.streams),
        priorities=tuple(s.priority for s in traffic.streams),
        duration_s=duration_s / compress,
        scale=scale * share,
        compress=compress,
        seed=seed,
        origin=f"{traffic.scenario}: {duration_s:g} s from {start_s:g} s",
    )


def _message_times(
    traffic: Traffic, stream: int, start_s: float, duration_s: float, kept: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """float64 (messages,), ascending: due times of one stream's messages from the window's start."""
    first = max(0, int(start_s / traffic.bin_s))
    last = int(np.ceil((start_s + duration_s) / traffic.bin_s))
    counts = thinned(traffic.counts[stream, first:last], kept, rng)
    bins = np.repeat(np.arange(first, first + counts.size), counts)
    times_s = (bins + rng.random(bins.size)) * traffic.bin_s - start_s
    return np.sort(times_s[(times_s >= 0.0) & (times_s < duration_s)])


def thinned(counts: npt.NDArray[np.int64], kept: float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Counts of which each message is kept `kept` times in expectation, independently of the others."""
    whole, part = divmod(kept, 1.0)
    return counts * int(whole) + rng.binomial(counts, part)


def _batched(due_s: npt.NDArray[np.float64], batch: int) -> _Columns:
    """Ascending message times cut into batches: (due_s, messages, mean wait_s) of each."""
    first = np.arange(0, due_s.size, batch)
    last = np.minimum(first + batch, due_s.size) - 1
    messages = last - first + 1
    mean_s = np.add.reduceat(due_s, first) / messages if due_s.size else due_s
    return due_s[last], messages, np.maximum(0.0, due_s[last] - mean_s)


def slice_of(schedule: Schedule, index: int, of: int) -> Schedule:
    """The share of worker `index` among `of`: every of-th request; its request r is r * of + index of all."""
    mine = slice(index, None, of)
    return replace(
        schedule,
        due_s=schedule.due_s[mine],
        messages=schedule.messages[mine],
        wait_s=schedule.wait_s[mine],
        stream=schedule.stream[mine],
    )


PIECE_ROWS = 65536
_ROW_COLUMNS = ("due_s", "messages", "wait_s", "stream")
_SCALARS = ("duration_s", "scale", "compress", "seed", "origin")
_NAMES = ("streams", "channels", "campaigns", "priorities")


def write_schedule(schedule: Schedule, path: Path) -> None:
    """One parquet file: four columns, the rest as JSON under the metadata key `peakday`."""
    head: dict[str, Any] = {"format": FORMAT}
    head |= {name: getattr(schedule, name) for name in _SCALARS + _NAMES}
    table = pa.table({name: getattr(schedule, name) for name in _ROW_COLUMNS})
    pq.write_table(
        table.replace_schema_metadata({"peakday": json.dumps(head)}), path, row_group_size=PIECE_ROWS
    )


def read_schedule(path: Path, *, with_waits: bool = True) -> Schedule:
    """What `write_schedule` wrote. Raises UserError for anything else.

    with_waits: False leaves `wait_s` at 0, for who carries the schedule and judges nothing.
    """
    names = _ROW_COLUMNS if with_waits else tuple(name for name in _ROW_COLUMNS if name != "wait_s")
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            head = json.loads((file.schema_arrow.metadata or {}).get(b"peakday", b"{}"))
            require(head.get("format"), FORMAT, str(path))
            columns = _columns(file, names)
    except (OSError, pa.ArrowInvalid) as why:
        raise user_error(f"is no schedule file: {why}", where=str(path), allowed=FORMAT) from why
    values: dict[str, Any] = {"wait_s": np.broadcast_to(np.float32(0.0), columns["due_s"].shape)} | columns
    values |= {name: tuple(head.get(name, ())) for name in _NAMES}
    values |= {name: head[name] for name in _SCALARS}
    return Schedule(**values)


def _columns(file: pq.ParquetFile, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Piece by piece: an hour's schedule need not be in memory twice."""
    types = {name: file.schema_arrow.field(name).type.to_pandas_dtype() for name in names}
    columns = {name: np.empty(file.metadata.num_rows, dtype) for name, dtype in types.items()}
    at = 0
    for group in range(file.num_row_groups):
        piece = file.read_row_group(group, list(names), use_threads=False)
        for name, column in columns.items():
            column[at : at + piece.num_rows] = piece.column(name).to_numpy()
        at += piece.num_rows
    return columns
