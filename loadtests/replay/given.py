"""The ids that a target gives to messages in its replies, kept while a replay runs: append-only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadtests.appending import Appending, read_appended

FORMAT = "peakday reply ids 1"
_SCHEMA = pa.schema([("message", pa.int64()), ("id", pa.string())])
_ENDED = b"peakday.ended"


@dataclass(frozen=True)
class Given:
    """Columns of equal length (replies,): `message` int64, the number of a message; `ids`, what the target
    called it. A message that was sent again may be there twice."""

    message: npt.NDArray[np.int64]
    ids: tuple[str, ...]


class Giving:
    """Ids on their way to a file."""

    def __init__(self) -> None:
        self._messages: list[int] = []
        self._ids: list[str] = []
        self._file: Appending | None = None

    def open(self, records: Path) -> None:
        """Begin the file that belongs to a replay's records."""
        self._file = Appending(path_beside(records), _SCHEMA, FORMAT)

    def add(self, message: int, name: str) -> None:
        """A reply has named a message; "" = it has not."""
        if name:
            self._messages.append(message)
            self._ids.append(name)

    def flush(self) -> None:
        """Write what came since the last time."""
        messages, names = self._messages, self._ids
        if not messages or self._file is None:
            return
        self._messages, self._ids = [], []
        self._file.write([np.array(messages, dtype=np.int64), np.array(names, dtype=object)])

    def close(self) -> None:
        """Write the rest and the mark that makes the file complete."""
        self.flush()
        if self._file is not None:
            self._file.close({_ENDED: b"yes"})


def path_beside(records: Path) -> Path:
    """Where the ids of a replay are whose records are there."""
    return records.with_name(f"{records.stem}.reply-ids.arrows")


def read_given(records: Path) -> Given:
    """The ids of a replay, complete or cut off anywhere; none where none were kept. Raises UserError for
    another format."""
    path = path_beside(records)
    if not path.exists():
        return Given(np.empty(0, dtype=np.int64), ())
    table, _ = read_appended(path, _SCHEMA, FORMAT)
    return Given(table.column("message").to_numpy(), tuple(table.column("id").to_pylist()))
