"""Records of a synthetic target, by arithmetic: no sockets, no clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtests.replay.fates import Fault, Reply
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule


def answered(
    schedule: Schedule, service_s: npt.ArrayLike, servers: int = 10**6, **changes: Any
) -> SendRecords:
    """Every request answered 202 by `servers` alike, first come, first served; `changes` replace columns."""
    due_s = schedule.due_s
    takes_s = np.broadcast_to(np.asarray(service_s, dtype=np.float64), due_s.shape)
    free_s = np.zeros(min(servers, max(1, due_s.size)))
    ended_s = np.empty_like(due_s)
    for at, (due, takes) in enumerate(zip(due_s, takes_s, strict=True)):
        first = int(free_s.argmin())
        free_s[first] = max(due, free_s[first]) + takes
        ended_s[at] = free_s[first]
    size = due_s.size
    records = SendRecords(
        request=np.arange(size, dtype=np.int64),
        attempt=np.ones(size, dtype=np.int16),
        due_s=due_s,
        picked_s=due_s,
        started_s=due_s,
        ended_s=ended_s,
        status=np.full(size, 202, dtype=np.int16),
        reply=np.full(size, Reply.ACCEPTED, dtype=np.int8),
        fault=np.full(size, Fault.NONE, dtype=np.int8),
        messages=schedule.messages,
        accepted=schedule.messages,
        stream=schedule.stream,
        duration_s=schedule.duration_s,
        complete=True,
    )
    return replace(records, **changes)


def dropped(records: SendRecords, rows: npt.NDArray[np.bool_]) -> SendRecords:
    """The rows never got a connection."""
    nothing = np.where(rows, np.nan, records.started_s)
    return replace(
        records,
        started_s=nothing,
        ended_s=np.where(rows, np.nan, records.ended_s),
        reply=np.where(rows, Reply.NONE, records.reply).astype(np.int8),
        fault=np.where(rows, Fault.DROPPED_NO_CONNECTION, records.fault).astype(np.int8),
        status=np.where(rows, 0, records.status).astype(np.int16),
        accepted=np.where(rows, 0, records.accepted).astype(np.int32),
    )


def limited(records: SendRecords, rows: npt.NDArray[np.bool_]) -> SendRecords:
    """The rows were answered 429."""
    return replace(
        records,
        reply=np.where(rows, Reply.LIMITED, records.reply).astype(np.int8),
        status=np.where(rows, 429, records.status).astype(np.int16),
        accepted=np.where(rows, 0, records.accepted).astype(np.int32),
    )


def attempted_twice(records: SendRecords, again_ended_s: npt.NDArray[np.float64]) -> SendRecords:
    """Every first attempt was answered 429; a second one was accepted at `again_ended_s`."""
    first = limited(records, np.ones(records.request.size, dtype=bool))
    second = replace(
        records,
        attempt=np.full(records.request.size, 2, dtype=np.int16),
        due_s=first.ended_s,
        picked_s=first.ended_s,
        started_s=first.ended_s,
        ended_s=again_ended_s,
    )
    names = [name for name, value in vars(first).items() if isinstance(value, np.ndarray)]
    columns: dict[str, Any] = {
        name: np.concatenate((getattr(first, name), getattr(second, name))) for name in names
    }
    return replace(first, **columns)
