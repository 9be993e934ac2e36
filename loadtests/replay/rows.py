"""Finished attempts as raw rows of ten integers: quickly written, turned into columns in bulk."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtests.replay.fates import Fault
from loadtests.replay.schedule import Schedule

ROW = struct.Struct("=10q")
"""request, attempt, picked_ns, started_ns, ended_ns, status, reply, fault, accepted, bytes of the answer's
body; 0 ns: never."""

_pack_into = ROW.pack_into
ROW_BYTES = ROW.size
BLOCK_ROWS = 4096
FIELDS = 10
_NO_STEP = object()

RawRows = npt.NDArray[np.int64]
Columns = tuple[npt.NDArray[Any], ...]


Sink = Callable[[RawRows], Iterable[None] | None]
"""Takes int64 (rows, FIELDS); where that is much work, in steps, so that sends go out between them."""


class Rows:
    """A block that fills; `sink` gets it when it is full or when asked to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._steps: Iterator[None] = iter(())
        self._block = bytearray(ROW_BYTES * BLOCK_ROWS)
        self._filled = 0
        self.block = np.frombuffer(self._block, dtype=np.int64).reshape(-1, FIELDS)
        """int64 (BLOCK_ROWS, FIELDS), of which the first `filled` rows are taken: for whoever fills it."""

    @property
    def filled(self) -> int:
        """Rows in the block."""
        return self._filled // ROW_BYTES

    @filled.setter
    def filled(self, rows: int) -> None:
        self._filled = rows * ROW_BYTES

    def add(
        self,
        request: int,
        attempt: int,
        picked_ns: int,
        started_ns: int,
        ended_ns: int,
        status: int,
        reply: int,
        fault: int,
        accepted: int,
        body_bytes: int = 0,
    ) -> None:
        """One row; ten names, because a tuple of them costs more than the packing."""
        _pack_into(
            self._block,
            self._filled,
            request,
            attempt,
            picked_ns,
            started_ns,
            ended_ns,
            status,
            reply,
            fault,
            accepted,
            body_bytes,
        )
        self._filled += ROW_BYTES
        if self._filled == len(self._block):
            self.flush()

    def add_dropped(
        self,
        requests: Sequence[int],
        now_ns: int,
        fault: Fault,
        attempts: Sequence[int] | int = 1,
        picked_ns: Sequence[int] | None = None,
    ) -> None:
        """One row for each of many sends that were never started; picked None: reached only now."""
        rows = np.zeros((len(requests), FIELDS), dtype=np.int64)
        rows[:, 0] = requests
        rows[:, 1] = attempts
        rows[:, 2] = now_ns if picked_ns is None else picked_ns
        rows[:, 4] = now_ns
        rows[:, 7] = fault
        self.add_all(rows)

    def add_all(self, rows: RawRows) -> None:
        """Many rows at once, int64 (rows, FIELDS), handed over with what there is."""
        self.flush()
        if len(rows):
            self._hand_over(rows)

    def flush(self) -> None:
        """Hand over what there is, as a copy; also when there is nothing. The sink takes its first step."""
        rows = self.block[: self.filled].copy()
        self._filled = 0
        self._hand_over(rows)

    def go_on(self) -> bool:
        """Let the sink take its next step; False: it had taken all."""
        return next(self._steps, _NO_STEP) is not _NO_STEP

    def finish(self) -> None:
        """Let the sink take all its steps."""
        while self.go_on():
            pass

    def _hand_over(self, rows: RawRows) -> None:
        self.finish()
        self._steps = iter(self._sink(rows) or ())
        self.go_on()


def columns(rows: RawRows, schedule: Schedule, start_ns: int) -> Columns:
    """The rows in the order and of the types of SendRecords, and the bytes of each answer's body, int64."""
    request = rows[:, 0]
    return (
        request,
        rows[:, 1].astype(np.int16),
        schedule.due_s[request],
        *(_seconds(rows[:, field], start_ns) for field in (2, 3, 4)),
        rows[:, 5].astype(np.int16),
        rows[:, 6].astype(np.int8),
        rows[:, 7].astype(np.int8),
        schedule.messages[request],
        rows[:, 8].astype(np.int32),
        schedule.stream[request],
        rows[:, 9],
    )


def _seconds(at_ns: npt.NDArray[np.int64], start_ns: int) -> npt.NDArray[np.float64]:
    return np.where(at_ns == 0, np.nan, (at_ns - start_ns) / 1e9)
