"""Tables that a user names: CSV or Parquet, which the file's name tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scenarios.columns import Table
from scenarios.files import read_bytes

PARQUET_ENDINGS = (".parquet", ".pq")


def read_table(path: Path, file: str, wanted: Mapping[str, str], key: str) -> Table:
    """The `wanted` columns of a CSV or Parquet file, which its name's ending tells apart."""
    if path.suffix.lower() in PARQUET_ENDINGS and path.is_file():
        # most scenarios name no table, and pyarrow takes 0.1 s
        from scenarios.parquet_files import read_parquet

        return read_parquet(path, file, wanted, key)
    from scenarios.csv_files import read_csv  # the same

    return read_csv(read_bytes(path, file), file, wanted, key)


def columns_of(path: Path, file: str) -> list[str]:
    """The names of the columns of a CSV or Parquet file."""
    if path.suffix.lower() in PARQUET_ENDINGS and path.is_file():
        from scenarios.parquet_files import parquet_header  # the same

        return parquet_header(path, file)
    from scenarios.csv_files import header_of  # the same

    return header_of(read_bytes(path, file), file)
