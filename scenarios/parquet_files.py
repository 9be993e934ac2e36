"""A Parquet file as a Table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from scenarios.columns import Column, Table, column_complaint
from scenarios.problems import UserError, user_error


def read_parquet(path: Path, file: str, wanted: Mapping[str, str], key: str) -> Table:
    """The `wanted` columns (reader's name -> name in the file). Raises UserError when it is no such file."""
    present = parquet_header(path, file)
    missing = [name for name in wanted.values() if name not in present]
    if missing:
        raise UserError([column_complaint(file, name, present, key) for name in missing])
    try:
        read = pa.parquet.read_table(path, columns=list(wanted.values()))
    except (pa.ArrowException, OSError) as error:
        raise user_error(f"cannot be read as Parquet: {error}", where=file) from None
    if not read.num_rows:
        raise user_error("has columns and no rows", where=file)
    columns = {name: _column(read.column(written), file, written) for name, written in wanted.items()}
    return Table(file, columns, dict(wanted), read.num_rows, lambda row, _: f"{file}:row {row + 1}")


def parquet_header(path: Path, file: str) -> list[str]:
    """The names of the columns. Raises UserError when it is no Parquet file."""
    try:
        return list(pa.parquet.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise user_error(f"is not a Parquet file: {error}", where=file) from None


def _column(chunked: Any, file: str, name: str) -> Column:
    kind = chunked.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise user_error(f"holds {kind}, not plain values", where=file, key=name)
    if pa.types.is_timestamp(kind):
        chunked = chunked.cast(pa.timestamp("us", kind.tz), safe=False)
    if not pa.types.is_dictionary(kind):
        chunked = chunked.dictionary_encode()
    whole = chunked.unify_dictionaries()
    values = whole.chunks[-1].dictionary.to_pylist()
    codes = [np.asarray(chunk.indices.fill_null(len(values))) for chunk in whole.chunks]
    return Column(np.concatenate(codes).astype(np.int64), (*values, None))
