"""Parquet files of our own: a JSON object in their metadata says which format, and all that is no column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scenarios.problems import UserError, user_error
from sim.formats import require

_KEY = b"peakday"


@dataclass(frozen=True)
class Opened:
    """A file of the format `allowed`; told: the JSON object in its metadata. It may be renamed meanwhile."""

    path: Path
    allowed: str
    file: pq.ParquetFile
    told: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Of its columns."""
        return tuple(self.file.schema_arrow.names)

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.file.metadata.num_rows)

    def groups(self, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The columns `names`, by default all, row group by row group. Raises UserError for a damaged one."""
        for group in range(self.file.num_row_groups):
            try:
                yield self.file.read_row_group(group, names and list(names), use_threads=False)
            except (OSError, pa.ArrowInvalid) as why:
                raise _refusal(self.path, self.allowed, why) from why


def opened(path: Path, allowed: str) -> Opened:
    """A file of the format `allowed` ("peakday NAME VERSION"). Raises UserError for anything else."""
    try:
        file = pq.ParquetFile(path)
        told = dict(json.loads(file.metadata.metadata[_KEY]))
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as why:
        raise _refusal(path, allowed, why) from why
    require(told.get("format"), allowed, str(path))
    return Opened(path, allowed, file, told)


def writer(path: Path, schema: pa.Schema, **options: Any) -> pq.ParquetWriter:
    """A new file; at its end it is given `metadata` by add_key_value_metadata."""
    # an Arrow schema in the file would hide metadata that are known only at the end from Arrow's own readers
    return pq.ParquetWriter(path, schema, compression="zstd", store_schema=False, **options)


def metadata(told: Mapping[str, Any]) -> dict[bytes, str]:
    """The metadata in which `opened` finds `told`."""
    return {_KEY: json.dumps(told)}


def _refusal(path: Path, allowed: str, why: object) -> UserError:
    name, _, _ = allowed.removeprefix("peakday ").rpartition(" ")
    return user_error(f"is no {name} file: {why}", where=str(path), allowed=allowed)
