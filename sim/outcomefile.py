"""outcome.parquet: written row group by row group while the season is simulated, read column by column.

FORMAT in its metadata: one row per bin; `<quantity>[<stream>]` float32 for every quantity of sim.ledger,
`backlog` and `under_way` (missing in the first files of this format: part of their `backlog`; `redelivered`
and `duplicates` are missing where every message is taken from the queue once);
`busy_share[<stage>]` float32. The key `peakday` of the file's metadata is one JSON object: format, streams
(name, channel, campaign, priority, freshness_s, cause, tenant, operation, planned, suppressed, totals,
delay_counts as [[bin of sim.histogram, messages], ...]), stages, tenants (first and last rank, totals,
delay_counts; missing in older files), customers, starts_at, bin_s, resolution, seed, scenario, wall_s, cpu_s,
compile_s.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sim.histogram import BINS
from sim.ledger import ONCE, QUANTITIES
from sim.outcome import FORMAT, PLAIN, Customers, Outcome, description, row_names
from sim.parquet import Opened, metadata, opened, writer
from sim.shelf import Counts, Page, Series, in_memory, summed, width
from sim.tenants import Group
from sim.traffic import Stream

GROUP_BINS = 16_384
"""Bins a row group: 17 MB of 18 streams while they wait to be written."""
SUMMED = ("offered", "delivered", "backlog")
"""Quantities whose sums over all streams are kept while the file is written: every summary asks for them."""
MEMORY_BYTES = 64_000_000
"""A file whose values are no more than this is kept in memory once it was read."""


class FileShelf:
    """Writes outcome.parquet. rows: the names of the rows of each quantity, in order."""

    def __init__(self, path: Path, rows: Mapping[str, Sequence[str]], bins: int) -> None:
        began_s = time.process_time()
        self._path, self._bins = path, bins
        self._first = dict(zip(rows, np.cumsum([0, *map(len, rows.values())]).tolist(), strict=False))
        self._count = {quantity: len(own) for quantity, own in rows.items()}
        names = [f"{quantity}[{name}]" for quantity, own in rows.items() for name in own]
        self._schema = pa.schema([(name, pa.float32()) for name in names])
        # floats in no order: their bytes in columns compress, a dictionary of them would not
        self._writer = writer(path, self._schema, use_dictionary=False, column_encoding="BYTE_STREAM_SPLIT")
        self._sums = {quantity: np.zeros(bins) for quantity in SUMMED}
        self._written = 0
        self._group = np.zeros((len(names), min(GROUP_BINS, bins)), dtype=np.float32)
        self._filled = 0
        self.cpu_s = time.process_time() - began_s

    def put(self, page: Page) -> None:
        """Take a window; write the row group when it is full."""
        began_s = time.process_time()
        bins, taken = width(page), 0
        while taken < bins:
            n = min(bins - taken, self._group.shape[1] - self._filled)
            for quantity, values in page.items():
                row = self._first[quantity]
                own = self._group[row : row + len(values), self._filled : self._filled + n]
                own[:] = values[:, taken : taken + n]
            self._filled, taken = self._filled + n, taken + n
            if self._filled == self._group.shape[1]:
                self._write()
        self.cpu_s += time.process_time() - began_s

    def _write(self) -> None:
        arrays = [pa.array(row[: self._filled]) for row in self._group]
        written = slice(self._written, self._written + self._filled)
        for quantity, sums in self._sums.items():
            rows = slice(self._first[quantity], self._first[quantity] + self._count[quantity])
            self._group[rows, : self._filled].sum(axis=0, dtype=np.float64, out=sums[written])
        self._written = written.stop
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._group[:] = 0.0
        self._filled = 0

    def series(self, told: Callable[[], Mapping[bytes, str]]) -> Series:
        """The whole file; it may be renamed while it is open."""
        if self._filled:
            self._write()
        self._writer.add_key_value_metadata(dict(told()))
        self._writer.close()
        return Columns(opened(self._path, FORMAT), self._sums)


class Columns:
    """A Series that reads columns of the file when they are asked for."""

    def __init__(self, file: Opened, sums: Mapping[str, npt.NDArray[np.float64]] | None = None) -> None:
        self.bins = file.rows
        self._sums = sums or {}
        self._file = file
        self._rows: dict[str, list[str]] = {}
        for name in file.names:
            self._rows.setdefault(name.partition("[")[0], []).append(name)

    def rows(self, quantity: str, which: Sequence[int]) -> Counts:
        """float32 (which, bins); zeros of a quantity that the file does not have. Raises UserError."""
        found = np.zeros((len(which), self.bins), dtype=np.float32)
        if quantity not in self._rows:
            return found
        names, first = [self._rows[quantity][i] for i in which], 0
        for table in self._file.groups(names):
            for row, name in zip(found, names, strict=True):
                row[first : first + table.num_rows] = table[name].to_numpy()
            first += table.num_rows
        return found

    def total(self, quantity: str, which: Sequence[int]) -> npt.NDArray[np.float64]:
        """float64 (bins,): the sum of these rows."""
        if quantity in self._sums and len(which) == len(self._rows[quantity]):
            return self._sums[quantity]
        return summed(self, quantity, which)

    def tried(self) -> Series:
        """Every value read once, so that damage is told now; kept in memory where that is little."""
        if 4 * len(self._file.names) * self.bins > MEMORY_BYTES:
            deque(self._file.groups(), maxlen=0)
            return self
        return in_memory({q: self.rows(q, range(len(own))) for q, own in self._rows.items()})


def write_outcome(outcome: Outcome, path: Path) -> None:
    """Write outcome.parquet, as the module's docstring describes it."""
    rows = row_names(outcome.streams, outcome.stages, again=bool(outcome.totals[ONCE:].any()))
    shelf = FileShelf(path, rows, outcome.bins)
    for first in range(0, outcome.bins, GROUP_BINS):
        part = slice(first, first + GROUP_BINS)
        shelf.put({quantity: outcome.rows(quantity)[:, part] for quantity in rows})
    shelf.series(lambda: metadata(description(outcome)))


def read_outcome(path: Path) -> Outcome:
    """Read what an engine or `write_outcome` wrote. Raises UserError for anything else."""
    file = opened(path, FORMAT)
    told = dict(file.told)
    streams = told.pop("streams")
    own = {key: [stream.pop(key) for stream in streams] for key in ("planned", "suppressed", "totals")}
    delays = [stream.pop("delay_counts") for stream in streams]
    costs = tuple(stream.pop("cost", None) for stream in streams)
    return Outcome(
        streams=tuple(Stream(**stream) for stream in streams),
        starts_at=datetime.fromisoformat(told["starts_at"]),
        planned=np.array(own["planned"], dtype=np.int64),
        suppressed=np.array(own["suppressed"], dtype=np.int64),
        totals=_totals(own["totals"]),
        delay_counts=np.array([_dense(pairs) for pairs in delays]).reshape(-1, BINS),
        stages=tuple(told["stages"]),
        customers=Customers(**told["customers"]),
        series=Columns(file).tried(),
        groups=tuple(
            Group(each["first"], each["last"], np.array(each["totals"]), _dense(each["delay_counts"]))
            for each in told.get("tenants", ())
        ),
        costs=costs,
        **{key: told[key] for key in PLAIN},
    )


def _totals(rows: list[list[float]]) -> npt.NDArray[np.float64]:
    """float64 (quantities, streams); newer quantities stand behind older ones, which older files lack."""
    totals = np.zeros((len(QUANTITIES), len(rows)))
    for stream, row in enumerate(rows):
        totals[: len(row), stream] = row
    return totals


def _dense(pairs: list[list[float]]) -> npt.NDArray[np.float64]:
    counts = np.zeros(BINS)
    for at, messages in pairs:
        counts[int(at)] = messages
    return counts
