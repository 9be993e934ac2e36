"""Files that a user names: read whole, or as a table, with the reason in plain words when that fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scenarios.columns import Table
from scenarios.csv_files import header_of, read_csv
from scenarios.parquet_files import parquet_header, read_parquet
from scenarios.problems import user_error

PARQUET_ENDINGS = (".parquet", ".pq")


def read_bytes(path: Path, file: str) -> bytes:
    """The file's bytes. Raises UserError when there are none to be had."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise user_error("there is no such file", where=file) from None
    except IsADirectoryError:
        raise user_error("is a directory", where=file, allowed="a file") from None
    except OSError as error:
        raise user_error(f"cannot be read: {error.strerror or error}", where=file) from None


def read_text(path: Path, file: str) -> str:
    """The file's text. Raises UserError when it is not UTF-8."""
    data = read_bytes(path, file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        reason = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise user_error(reason, where=f"{file}:{line}:{column}", allowed="UTF-8") from None


def read_table(path: Path, file: str, wanted: Mapping[str, str], key: str) -> Table:
    """The `wanted` columns of a CSV or Parquet file, which its name's ending tells apart."""
    if path.suffix.lower() in PARQUET_ENDINGS and path.is_file():
        return read_parquet(path, file, wanted, key)
    return read_csv(read_bytes(path, file), file, wanted, key)


def columns_of(path: Path, file: str) -> list[str]:
    """The names of the columns of a CSV or Parquet file."""
    if path.suffix.lower() in PARQUET_ENDINGS and path.is_file():
        return parquet_header(path, file)
    return header_of(read_bytes(path, file), file)
