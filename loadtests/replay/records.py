"""One row per due send and per retry: append-only while running, one frozen object of columns after."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

FORMAT = "peakday send records 1"


class Fault(IntEnum):
    """What went wrong with an attempt, as far as the socket tells. NONE: a complete response arrived."""

    NONE = 0
    TIMEOUT = 1
    REFUSED = 2
    RESET = 3
    CLOSED_EARLY = 4
    MALFORMED = 5
    NAME_UNRESOLVED = 6
    TLS = 7
    TOO_LARGE = 8
    DROPPED_NO_CONNECTION = 20
    DROPPED_RUN_ENDED = 21
    LOST_WORKER = 22


class Reply(IntEnum):
    """What the target said, read by its target file."""

    NONE = 0
    ACCEPTED = 1
    LIMITED = 2
    REJECTED = 3
    PARTLY = 4
    FAILED = 5


@dataclass(frozen=True)
class SendRecords:
    """Columns of equal length (rows,). Times are seconds from the replay's start; NaN where it never happened.

    request: int64 index into the Schedule; attempt: int16 from 1; due_s, picked_s (the generator reached it),
    started_s (first byte written), ended_s (last byte read, or the fault): float64; status: int16, 0 = none;
    reply: int8 of Reply; fault: int8 of Fault; messages, accepted: int32; stream: int16.
    complete: False when the writer was killed before it closed the file.
    """

    request: npt.NDArray[np.int64]
    attempt: npt.NDArray[np.int16]
    due_s: npt.NDArray[np.float64]
    picked_s: npt.NDArray[np.float64]
    started_s: npt.NDArray[np.float64]
    ended_s: npt.NDArray[np.float64]
    status: npt.NDArray[np.int16]
    reply: npt.NDArray[np.int8]
    fault: npt.NDArray[np.int8]
    messages: npt.NDArray[np.int32]
    accepted: npt.NDArray[np.int32]
    stream: npt.NDArray[np.int16]
    duration_s: float
    complete: bool
