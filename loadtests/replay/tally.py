"""Finished attempts counted as Locust counts them: whole milliseconds in two digits, failures by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtests.replay.fates import Fault, Reply
from loadtests.replay.rows import Columns

Codes = npt.NDArray[np.integer[Any]]

_ACCEPTED, _PARTLY = int(Reply.ACCEPTED), int(Reply.PARTLY)
_REFUSALS = {Reply.LIMITED: "limited", Reply.REJECTED: "rejected", Reply.FAILED: "failed"}


@dataclass(frozen=True)
class Tally:
    """The attempts of one stream. Response times are from the due time, in ms; dropped sends have none.

    response_times: {ms rounded as Locust rounds: attempts}. failures: {what in words: attempts}.
    """

    stream: int
    requests: int
    without_time: int
    total_ms: float
    min_ms: float | None
    max_ms: float
    body_bytes: int
    response_times: dict[int, int]
    failures: dict[str, int]


def tallies(columns: Columns) -> Iterator[Tally]:
    """One tally for each stream that has attempts; `columns` in the order of `rows.columns`."""
    _, _, due_s, _, started_s, ended_s, status, reply, fault, _, _, stream, body_bytes = columns
    latency_ms = (ended_s - due_s) * 1e3
    timed = ~np.isnan(started_s)
    for index in np.flatnonzero(np.bincount(stream)):
        mine = stream == index
        times_ms = latency_ms[mine & timed]
        yield Tally(
            stream=int(index),
            requests=int(mine.sum()),
            without_time=int(mine.sum()) - times_ms.size,
            total_ms=float(times_ms.sum()),
            min_ms=float(times_ms.min()) if times_ms.size else None,
            max_ms=float(times_ms.max(initial=0.0)),
            body_bytes=int(body_bytes[mine].sum()),
            response_times=_rounded(times_ms),
            failures=failures(status[mine], reply[mine], fault[mine]),
        )


def _rounded(times_ms: npt.NDArray[np.float64]) -> dict[int, int]:
    """Two significant digits above 100 ms; small indices, because sorting whole blocks stalls the reactor."""
    step = 10.0 ** np.clip(np.floor(np.log10(np.maximum(times_ms, 1.0))) - 1.0, 0.0, 3.0)
    level = np.log10(step).astype(np.int64)
    digits = np.rint(times_ms / step).astype(np.int64)
    width = int(digits.max(initial=0)) + 1
    counts = np.bincount(level * width + digits, minlength=1)
    found: dict[int, int] = {}
    for at in np.flatnonzero(counts):
        ms = int(at % width) * 10 ** int(at // width)
        found[ms] = found.get(ms, 0) + int(counts[at])
    return found


def failures(status: Codes, reply: Codes, fault: Codes) -> dict[str, int]:
    """How often each thing went wrong, by its words."""
    failed = (reply != _ACCEPTED) & (reply != _PARTLY)
    if not failed.any():
        return {}
    keys = (status[failed].astype(np.int64) * 256 + reply[failed]) * 256 + fault[failed]
    found: dict[str, int] = {}
    for key in keys.tolist():
        words = words_of(key >> 16, Reply(key >> 8 & 255), Fault(key & 255))
        found[words] = found.get(words, 0) + 1
    return found


def words_of(status: int, reply: Reply, fault: Fault) -> str:
    """What went wrong with an attempt, in the words of Locust's statistics."""
    if fault != Fault.NONE:
        return fault.name.lower().replace("_", " ")
    return f"{_REFUSALS.get(reply, 'unread')} ({status})"
