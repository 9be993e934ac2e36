"""A CSV file as a Table: encoding, quoting, delimiter, and the line and column of every value."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from scenarios.columns import LISTED_MAX, Column, Faults, Table, column_complaint
from scenarios.problems import Problem, UserError, user_error

DELIMITERS = ",;\t|"

_BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 1 << 24


@dataclass(frozen=True)
class _Records:
    """Where the records of a CSV text are: each ends at a line break outside quotes; blank lines are none.

    starts, ends: int64 (records,), byte offsets. lines: int64 (records,), the line of each, from 1.
    """

    text: bytes
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]

    def written(self, record: int) -> str:
        """The text of a record without its line break."""
        return self.text[self.starts[record] : self.ends[record]].decode("utf-8")


@dataclass
class _Misfits:
    """Records with the wrong number of fields, as pyarrow tells of them, the header being record 1."""

    records: list[int] = field(default_factory=list)
    fields: list[int] = field(default_factory=list)

    def __call__(self, row: Any) -> str:
        self.records.append(row.number)
        self.fields.append(row.actual_columns)
        return "skip"


def read_csv(data: bytes, file: str, wanted: Mapping[str, str], key: str) -> Table:
    """The `wanted` columns (reader's name -> name in the file) of a CSV with a header.

    Comma, semicolon, tab or bar between fields, as the header has it; fields may be quoted; UTF-8 with or
    without BOM. `key` is the scenario's table that renames columns. Raises UserError when it is no such
    file; records with the wrong number of fields are the Table's `misfits`.
    """
    records = _records(_checked(data, file), file)
    header, delimiter = _header(records, file)
    missing = [name for name in wanted.values() if name not in header]
    if missing:
        raise UserError([column_complaint(file, name, header, key) for name in missing])
    positions = {name: header.index(written) for name, written in wanted.items()}
    misfits = _Misfits()
    columns = _columns(records, file, delimiter, positions, len(header), misfits)
    is_row = np.ones(len(records.lines), dtype=np.bool_)
    is_row[[0, *(number - 1 for number in misfits.records)]] = False
    rows = np.flatnonzero(is_row)
    if not len(rows) and not misfits.records:
        raise user_error("has a header and no rows", where=f"{file}:{records.lines[0]}:1")
    where = partial(_where, file, records, rows, delimiter, positions)
    return Table(file, columns, dict(wanted), len(rows), where, _faults(file, records, misfits, len(header)))


def header_of(data: bytes, file: str) -> list[str]:
    """The names in a CSV's first line. Raises UserError when it is no CSV."""
    return _header(_records(_checked(data, file), file), file)[0]


def _checked(data: bytes, file: str) -> bytes:
    """The bytes without BOM, line breaks as LF. Raises UserError for what is no UTF-8 text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise user_error("is written in UTF-16", where=file, allowed="UTF-8")
    data = data.removeprefix(_BOM)
    if not data.strip():
        raise user_error("is empty", where=file, allowed="a header and rows")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8")) + 1
        reason = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise user_error(reason, where=f"{file}:{line}:{column}", allowed="UTF-8") from None
    if b"\0" in data:
        raise user_error("holds NUL bytes: it is no text", where=file, allowed="a CSV or a .parquet file")
    return data


def _records(text: bytes, file: str) -> _Records:
    characters = np.frombuffer(text, dtype=np.uint8)
    quotes = np.flatnonzero(characters == ord('"'))
    breaks = np.flatnonzero(characters == ord("\n"))
    if not text.endswith(b"\n"):
        breaks = np.append(breaks, len(text))
    is_end = np.searchsorted(quotes, breaks) % 2 == 0
    ends = breaks[is_end]
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else np.zeros(0, dtype=np.int64)
    lines = np.concatenate(([0], np.flatnonzero(is_end)[:-1] + 1)) + 1 if len(ends) else starts
    if len(quotes) % 2:
        unclosed = int(np.flatnonzero(is_end)[-1]) + 2 if len(ends) else 1
        raise user_error(
            "a quote is opened and never closed",
            where=f"{file}:{unclosed}",
            allowed='"…" around a whole field',
        )
    kept = ends > starts
    return _Records(text, starts[kept], ends[kept], lines[kept])


def _header(records: _Records, file: str) -> tuple[list[str], str]:
    first = records.written(0)
    delimiter = max(DELIMITERS, key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise user_error(f'two columns are called "{twice}"', where=f"{file}:{records.lines[0]}:1")
    return names, delimiter


def _columns(
    records: _Records, file: str, delimiter: str, positions: Mapping[str, int], fields: int, misfits: _Misfits
) -> dict[str, Column]:
    names = [f"f{position}" for position in range(fields)]
    try:
        read = pa.csv.read_csv(
            io.BytesIO(records.text),
            read_options=pa.csv.ReadOptions(use_threads=False, column_names=names, block_size=_BLOCK_BYTES),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=misfits
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string())),
                include_columns=[names[position] for position in positions.values()],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise user_error(f"is no CSV that can be taken apart: {error}", where=file) from None
    if read.num_rows + len(misfits.records) != len(records.lines):
        raise user_error(
            "has quotes inside fields that are not quoted",
            where=file,
            allowed='a field with quotes as "…""…"',
        )
    return {name: _column(read.column(names[position])) for name, position in positions.items()}


def _column(chunked: Any) -> Column:
    """The column without its first row, which is the header."""
    chunks = chunked.unify_dictionaries().chunks
    codes = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in chunks])
    return Column(codes[1:].astype(np.int64), tuple(chunks[-1].dictionary.to_pylist()))


def _where(
    file: str,
    records: _Records,
    rows: npt.NDArray[np.int64],
    delimiter: str,
    positions: Mapping[str, int],
    row: int,
    name: str,
) -> str:
    record = int(rows[row])
    column = _column_of(records.written(record), delimiter, positions[name])
    return f"{file}:{records.lines[record]}:{column}"


def _column_of(text: str, delimiter: str, position: int) -> int:
    """The column, from 1, where the field at `position` begins."""
    quoted, fields = False, 0
    for at, character in enumerate(text):
        if fields == position:
            return at + 1
        if character == '"':
            quoted = not quoted
        elif character == delimiter and not quoted:
            fields += 1
    return len(text) + 1


def _faults(file: str, records: _Records, misfits: _Misfits, fields: int) -> Faults:
    pairs = list(zip(misfits.records, misfits.fields, strict=True))[:LISTED_MAX]
    told = tuple(
        Problem(
            f"{file}:{records.lines[number - 1]}:1",
            "",
            records.written(number - 1).strip()[:60],
            f"{actual} {'field' if actual == 1 else 'fields'}",
            f"{fields}, as in the header",
        )
        for number, actual in pairs
    )
    return Faults(told, len(misfits.records) - len(told))
