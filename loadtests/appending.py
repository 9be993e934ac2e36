"""Columns appended to one Arrow IPC stream: what was written survives its writer's SIGKILL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sim.formats import require

FORMAT = b"peakday.format"
Marks = Mapping[bytes, bytes]


class Appending:
    """Batches of rows behind each other. `marks` stand at the file's head beside its format."""

    def __init__(self, path: Path, schema: pa.Schema, form: str, marks: Marks | None = None) -> None:
        self._schema = schema
        self._file = pa.OSFile(str(path), "wb")
        self._stream = pa.ipc.new_stream(
            self._file, schema.with_metadata({FORMAT: form.encode()} | dict(marks or {}))
        )
        # The first conversion imports parts of pyarrow, which takes 40 ms: not in the middle of a replay.
        self.write([np.empty(0, dtype=field.type.to_pandas_dtype()) for field in schema])

    def write(self, columns: Sequence[npt.NDArray[Any]]) -> None:
        """Columns in the order and of the types of the schema."""
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._stream.write_batch(pa.record_batch(arrays, schema=self._schema))

    def close(self, marks: Marks) -> None:
        """Write the marks that make the file complete."""
        nothing = pa.record_batch([pa.array([], field.type) for field in self._schema], schema=self._schema)
        self._stream.write_batch(nothing, custom_metadata=dict(marks))
        self._stream.close()
        self._file.close()


def read_appended(path: Path, schema: pa.Schema, form: str) -> tuple[pa.Table, dict[bytes, bytes]]:
    """The rows of a file up to its end or to where it was cut off, and its marks: those at its end are only
    there when it is complete. Raises UserError for another format."""
    batches: list[pa.RecordBatch] = []
    marks: dict[bytes, bytes] = {}
    for batch, found in _batches(path, form):
        marks |= found
        if batch is not None:
            batches.append(batch.cast(schema))
    return pa.Table.from_batches(batches, schema=schema), marks


def _batches(path: Path, form: str) -> Iterator[tuple[pa.RecordBatch | None, dict[bytes, bytes]]]:
    """The head's marks, then whole batches, each with its own."""
    with pa.OSFile(str(path), "rb") as file:
        try:
            stream = pa.ipc.open_stream(file)
        except (pa.ArrowInvalid, OSError):
            return
        head = dict(stream.schema.metadata or {})
        require(head.pop(FORMAT, b"").decode(), form, str(path))
        yield None, head
        while True:
            try:
                read = stream.read_next_batch_with_custom_metadata()
            except (StopIteration, pa.ArrowInvalid, OSError):
                return
            yield read.batch, dict(read.custom_metadata or {})
