"""Rows of attempts to one line a request: from its due time to the end of its last attempt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtests.replay.fates import Fault, Reply
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Requests:
    """Columns of equal length (requests that have a record,), ascending by due time.

    due_s: as scheduled. ended_s: end of the last attempt. latency_s: ended - due, infinite where the target
    did not accept the request in the end. service_s: the answered last attempt from its first byte on, else
    NaN. lateness_s: picked - due of the first attempt; what was never picked is late until the replay's end.
    wait_s: started - picked of the first attempt, NaN where nothing was started. batch_wait_s: mean wait of
    the messages for their batch. messages, accepted: numbers of messages. status, reply, fault: of the last
    attempt. statuses: replies by status, of all attempts.
    """

    due_s: Floats
    ended_s: Floats
    latency_s: Floats
    service_s: Floats
    lateness_s: Floats
    wait_s: Floats
    batch_wait_s: Floats
    messages: Integers
    accepted: Integers
    status: Integers
    reply: Integers
    fault: Integers
    statuses: dict[int, int]
    attempts: int
    started: Flags

    def in_time(self, duration_s: float) -> Flags:
        """Those accepted in the replay's length, shifted by the fastest answer."""
        fastest_s = float(np.min(self.latency_s, initial=np.inf))
        in_time: Flags = np.isfinite(self.latency_s) & (self.ended_s <= duration_s + fastest_s)
        return in_time


def requests(schedule: Schedule, records: SendRecords) -> Requests:
    """One line for each request of `schedule` that `records` mention."""
    order = np.lexsort((records.attempt, records.request))
    of = records.request[order]
    is_first = np.ones(of.size, dtype=bool)
    is_first[1:] = of[1:] != of[:-1]
    is_last = np.ones(of.size, dtype=bool)
    is_last[:-1] = is_first[1:]
    first, last = order[is_first], order[is_last]
    request = records.request[first]
    by_due = np.argsort(schedule.due_s[request], kind="stable")
    first, last, request = first[by_due], last[by_due], request[by_due]
    due_s = schedule.due_s[request]
    ended_s = records.ended_s[last]
    reply, fault = records.reply[last].astype(np.int64), records.fault[last].astype(np.int64)
    good = (
        (fault == Fault.NONE) & ((reply == Reply.ACCEPTED) | (reply == Reply.PARTLY)) & np.isfinite(ended_s)
    )
    answered = (fault == Fault.NONE) & np.isfinite(ended_s)
    picked_s = records.picked_s[first]
    never = np.maximum(records.duration_s - due_s, 0.0)
    started = np.zeros(request.size, dtype=bool)
    started[by_due.argsort()] = _any_started(records, order, is_first)
    return Requests(
        due_s=due_s,
        ended_s=ended_s,
        latency_s=np.where(good, ended_s - due_s, np.inf),
        service_s=np.where(answered, ended_s - records.started_s[last], np.nan),
        lateness_s=np.where(np.isfinite(picked_s), picked_s - due_s, never),
        wait_s=records.started_s[first] - picked_s,
        batch_wait_s=schedule.wait_s[request].astype(np.float64),
        messages=schedule.messages[request].astype(np.int64),
        accepted=records.accepted[last].astype(np.int64),
        status=records.status[last].astype(np.int64),
        reply=reply,
        fault=fault,
        statuses=_statuses(records),
        attempts=int(np.isfinite(records.started_s).sum()),
        started=started,
    )


def _statuses(records: SendRecords) -> dict[int, int]:
    found, times = np.unique(records.status[records.fault == Fault.NONE], return_counts=True)
    return dict(zip(found.tolist(), times.tolist(), strict=True))


def _any_started(records: SendRecords, order: Integers, is_first: Flags) -> Flags:
    """By request, in ascending order of its index: whether any attempt was started."""
    if order.size == 0:
        return np.zeros(0, dtype=bool)
    begun = np.isfinite(records.started_s[order])
    return np.logical_or.reduceat(begun, np.flatnonzero(is_first))
