"""Every attempt that reached a stand-in, a row for each message in it: append-only, crash-safe, columns."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadtests.appending import Appending, read_appended
from loadtests.arrivals import NOBODY, Found, Seen

FORMAT = "peakday arrivals 1"
_SCHEMA = pa.schema(
    [
        ("at_s", pa.float64()),
        ("request", pa.int64()),
        ("run", pa.int64()),
        ("number", pa.int64()),
        ("status", pa.int16()),
        ("outcome", pa.int8()),
    ]
)
_OFFSET, _ENDED = b"peakday.unix_offset_s", b"peakday.ended"


class Outcome(IntEnum):
    """What an attempt met. DELIVERED: the provider took the message, and would bring it to the customer."""

    DELIVERED = 1
    LIMITED = 2
    REJECTED = 3
    """400 and its like: the request itself was wrong."""
    ERROR = 4
    OUTAGE = 5
    REFUSED = 6
    """Not taken inside an answer that says yes to others."""
    OTHER = 7
    """Of an event webhook: the event says anything but that the message was delivered."""


@dataclass(frozen=True)
class Arrivals:
    """Columns of equal length (rows,). at_s: float64, monotonic clock, when the request's head had arrived.
    request: int64, counts the requests. run, number: int64 as `loadtests.arrivals.find` gives them, NOBODY =
    no id. status: int16. outcome: int8 of Outcome.

    unix_offset_s: Unix time minus the monotonic clock when the file was begun. complete: False when the
    writer was killed before it closed the file.
    """

    at_s: npt.NDArray[np.float64]
    request: npt.NDArray[np.int64]
    run: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    status: npt.NDArray[np.int16]
    outcome: npt.NDArray[np.int8]
    unix_offset_s: float
    complete: bool

    def since(self, started_monotonic_s: float) -> Seen:
        """All as sightings by the clock of a replay that began then."""
        at_s = self.at_s - started_monotonic_s
        return Seen(at_s, self.run, self.number, self.outcome == Outcome.DELIVERED)


def unix_offset_s() -> float:
    """Unix time minus the monotonic clock; of several readings the least disturbed."""
    readings = []
    for _ in range(5):
        before_s = time.monotonic()
        unix_s = time.time()
        after_s = time.monotonic()
        readings.append((after_s - before_s, unix_s - (before_s + after_s) / 2.0))
    return min(readings)[1]


class Recorder:
    """Rows of attempts on their way to a file, and what they add up to. `path` None: only counted."""

    def __init__(self, path: Path | None) -> None:
        head = {_OFFSET: repr(unix_offset_s()).encode()}
        self._file = Appending(path, _SCHEMA, FORMAT, head) if path else None
        self.rows: list[tuple[float, int, int, int, int, int]] = []
        self._delivered: set[tuple[int, int]] = set()
        self.requests = 0
        self.attempts = 0
        self.delivered = 0
        self.delivered_named = 0
        self.unnamed = 0
        self.outcomes = dict.fromkeys(Outcome, 0)
        self.last_at_s = 0.0

    def add(self, at_s: float, found: list[Found], outcomes: list[Outcome], status: int) -> None:
        """One request: the messages found in each of its pieces, and what became of each piece."""
        self.requests += 1
        self.last_at_s = at_s
        for piece, outcome in zip(found, outcomes, strict=True):
            for number in piece.numbers or (NOBODY,):
                self.rows.append((at_s, self.requests, piece.run, number, status, outcome))
                self._count(piece.run, number, outcome)

    def flush(self) -> None:
        """Write what came since the last time."""
        if not self.rows:
            return
        rows, self.rows = self.rows, []
        if self._file is not None:
            columns = zip(*rows, strict=True)
            kinds = (field.type.to_pandas_dtype() for field in _SCHEMA)
            self._file.write([np.array(c, dtype=kind) for c, kind in zip(columns, kinds, strict=True)])

    def close(self) -> None:
        """Write the rest and the mark that makes the file complete."""
        self.flush()
        if self._file is not None:
            self._file.close({_ENDED: b"yes"})

    def _count(self, run: int, number: int, outcome: Outcome) -> None:
        self.attempts += 1
        self.outcomes[outcome] += 1
        if number == NOBODY:
            self.unnamed += 1
        elif outcome == Outcome.DELIVERED:
            self._delivered.add((run, number))
            self.delivered = len(self._delivered)
            self.delivered_named += 1


def read_arrivals(path: Path) -> Arrivals:
    """The rows of a file, complete, still written to, or cut off anywhere. Raises UserError for another
    format."""
    table, marks = read_appended(path, _SCHEMA, FORMAT)
    columns = {name: table.column(name).to_numpy() for name in _SCHEMA.names}
    return Arrivals(**columns, unix_offset_s=float(marks.get(_OFFSET, b"nan")), complete=_ENDED in marks)
