"""One row per due send and per retry: append-only while running, one frozen object of columns after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadtests.appending import Appending, read_appended

FORMAT = "peakday send records 1"


@dataclass(frozen=True)
class SendRecords:
    """Columns of equal length (rows,), by request and attempt. Times are seconds from the replay's start; NaN
    where it never happened.

    request: int64 index into the Schedule; attempt: int16 from 1; due_s, picked_s (the generator reached it),
    started_s (first byte written; of a connection that could not be opened: when its opening began), ended_s
    (last byte read, or the fault): float64; status: int16, 0 = none; reply: int8 of Reply; fault: int8 of
    Fault; messages, accepted: int32; stream: int16. Exactly the rows with a DROPPED fault have no started_s.
    duration_s: of the schedule, or until the replay was stopped or cut off.
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


_SCHEMA = pa.schema(
    [
        ("request", pa.int64()),
        ("attempt", pa.int16()),
        ("due_s", pa.float64()),
        ("picked_s", pa.float64()),
        ("started_s", pa.float64()),
        ("ended_s", pa.float64()),
        ("status", pa.int16()),
        ("reply", pa.int8()),
        ("fault", pa.int8()),
        ("messages", pa.int32()),
        ("accepted", pa.int32()),
        ("stream", pa.int16()),
    ]
)
_ENDED_S = b"peakday.duration_s"


class Writer:
    """Appends batches of rows to one file. What was written survives the writer's SIGKILL."""

    def __init__(self, path: Path) -> None:
        self._rows = Appending(path, _SCHEMA, FORMAT)

    def write(self, columns: Sequence[npt.NDArray[Any]]) -> None:
        """Columns in the order and of the types of SendRecords."""
        self._rows.write(columns)

    def close(self, duration_s: float) -> None:
        """Write the mark that makes the file complete."""
        self._rows.close({_ENDED_S: repr(duration_s).encode()})


def read_records(paths: Sequence[Path]) -> SendRecords:
    """The rows of all files, each complete or cut off anywhere. Raises UserError for another format."""
    parts = [_read_one(path) for path in paths]
    table = pa.concat_tables([table for table, _ in parts])
    columns = {name: table.column(name).to_numpy() for name in _SCHEMA.names}
    order = np.lexsort((columns["attempt"], columns["request"]))
    ended_s = [ended for _, ended in parts if ended is not None]
    complete = len(ended_s) == len(parts)
    seen_s = float(columns["due_s"].max(initial=0.0))
    return SendRecords(
        **{name: column[order] for name, column in columns.items()},
        duration_s=max(ended_s) if complete else max([seen_s, *ended_s]),
        complete=complete,
    )


def _read_one(path: Path) -> tuple[pa.Table, float | None]:
    """The rows of one file, and its replay's length or None when the mark at its end is missing."""
    table, marks = read_appended(path, _SCHEMA, FORMAT)
    return table, float(marks[_ENDED_S]) if _ENDED_S in marks else None
