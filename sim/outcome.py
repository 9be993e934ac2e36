"""What became of the traffic, and the file that keeps it.

outcome.parquet, FORMAT in its metadata: one row per bin; `<quantity>[<stream>]` float32 for every quantity of
sim.ledger, `backlog` and `under_way` (what the first files of this format lack reads as 0: their backlog
has what was under way);
`busy_share[<stage>]` float32. The key `peakday` of the file's metadata is one
JSON object: format, streams (name, channel, campaign, priority, freshness_s, cause, tenant, operation,
planned, suppressed, totals, delay_counts as [[bin of sim.histogram, messages], ...]), stages, customers,
starts_at, bin_s, resolution, seed, scenario, wall_s, cpu_s, compile_s.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from scenarios.problems import user_error
from sim.formats import require
from sim.histogram import BINS
from sim.ledger import QUANTITIES
from sim.traffic import Stream

FORMAT = "peakday outcome 1"

_KEY = b"peakday"
_LEVELS = ("backlog", "under_way")

Resolution = Literal["message", "cohort"]
Counts = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Customers:
    """What the customers did, over the whole run."""

    opens: float
    clicks: float
    purchases: float
    buyers: float
    unsubscribes: float
    complaints: float
    repeat_purchases: float
    revenue: float


@dataclass(frozen=True)
class Outcome:
    """The streams of a Traffic after queue, workers, limits, retries.

    Counts are float32 (streams, bins), messages whose fate fell into the bin; backlog and under_way are at
    the bin's end: what waits (in the queue, for its backoff), and what is with a worker or on its way from
    the provider to the customer. In every bin
    offered.cumsum - delivered - expired - rejected - failed (cumsum) = backlog + under_way.
    accepted: taken in by our queue, at the due time. fresh: delivered within its freshness.
    attempts: calls to providers; limited: those refused, by a limit or an outage. dead_lettered: failed after
    all attempts, or for want of a retry budget; part of failed.
    totals: float64 (quantities of sim.ledger, streams), the sums before any rounding to float32.
    delay_counts: float64 (streams, histogram bins of sim.histogram), delivered messages by delivered - due.
    busy_share: float32 (stages, bins) in 0-1, by `stages` ("workers", "provider:<name>", …).
    """

    streams: tuple[Stream, ...]
    starts_at: datetime
    bin_s: float
    resolution: Resolution
    seed: int
    scenario: str
    planned: npt.NDArray[np.int64]
    suppressed: npt.NDArray[np.int64]
    offered: Counts
    accepted: Counts
    delivered: Counts
    fresh: Counts
    expired: Counts
    rejected: Counts
    failed: Counts
    backlog: Counts
    under_way: Counts
    attempts: Counts
    limited: Counts
    dead_lettered: Counts
    totals: npt.NDArray[np.float64]
    delay_counts: npt.NDArray[np.float64]
    stages: tuple[str, ...]
    busy_share: Counts
    customers: Customers
    wall_s: float
    cpu_s: float
    compile_s: float

    @property
    def duration_s(self) -> float:
        """From bin 0 to the last bin's end."""
        return float(self.offered.shape[1] * self.bin_s)


def write_outcome(outcome: Outcome, path: Path) -> None:
    """Write outcome.parquet, as the module's docstring describes it."""
    names = [stream.name for stream in outcome.streams]
    columns: dict[str, npt.NDArray[Any]] = {}
    for quantity in (*QUANTITIES, *_LEVELS):
        rows = getattr(outcome, quantity)
        columns.update({f"{quantity}[{name}]": row for name, row in zip(names, rows, strict=True)})
    busy = zip(outcome.stages, outcome.busy_share, strict=True)
    columns.update({f"busy_share[{stage}]": row for stage, row in busy})
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(_described(outcome))})
    pq.write_table(table, path, compression="zstd")


def read_outcome(path: Path) -> Outcome:
    """Read what `write_outcome` wrote. Raises UserError for anything else."""
    try:
        table = pq.read_table(path)
        told = json.loads(table.schema.metadata[_KEY])
    except (OSError, pa.ArrowInvalid, KeyError, TypeError) as why:
        raise user_error(f"is no outcome file: {why}", where=str(path), allowed=FORMAT) from why
    require(told.get("format"), FORMAT, str(path))
    streams = told.pop("streams")
    names = [stream["name"] for stream in streams]
    table = _completed(table, names)
    amounts = {q: _columns(table, q, names) for q in (*QUANTITIES, *_LEVELS)}
    own = {key: [stream.pop(key) for stream in streams] for key in ("planned", "suppressed", "totals")}
    delays = [stream.pop("delay_counts") for stream in streams]
    stages = tuple(told["stages"])
    return Outcome(
        streams=tuple(Stream(**stream) for stream in streams),
        starts_at=datetime.fromisoformat(told["starts_at"]),
        planned=np.array(own["planned"], dtype=np.int64),
        suppressed=np.array(own["suppressed"], dtype=np.int64),
        totals=_totals(own["totals"]),
        delay_counts=np.array([_dense(pairs) for pairs in delays]).reshape(-1, BINS),
        stages=stages,
        busy_share=_columns(table, "busy_share", stages),
        customers=Customers(**told["customers"]),
        **amounts,  # type: ignore[arg-type]  # mypy cannot see which names these are
        **{key: told[key] for key in _PLAIN},
    )


_PLAIN = ("bin_s", "resolution", "seed", "scenario", "wall_s", "cpu_s", "compile_s")


def _columns(table: pa.Table, quantity: str, names: Any) -> Counts:
    rows = [table[f"{quantity}[{name}]"].to_numpy() for name in names]
    return np.array(rows, dtype=np.float32).reshape(len(rows), table.num_rows)


def _completed(table: pa.Table, names: list[str]) -> pa.Table:
    """The first files of this format lack quantities that did not exist then."""
    for column in (f"{quantity}[{name}]" for quantity in (*QUANTITIES, *_LEVELS) for name in names):
        if column not in table.column_names:
            nothing = np.zeros(table.num_rows, dtype=np.float32)
            table = table.append_column(column, pa.array(nothing))
    return table


def _totals(rows: list[list[float]]) -> npt.NDArray[np.float64]:
    """float64 (quantities, streams); newer quantities stand behind older ones."""
    totals = np.zeros((len(QUANTITIES), len(rows)))
    for stream, row in enumerate(rows):
        totals[: len(row), stream] = row
    return totals


def _dense(pairs: list[list[float]]) -> npt.NDArray[np.float64]:
    counts = np.zeros(BINS)
    for at, messages in pairs:
        counts[int(at)] = messages
    return counts


def _described(outcome: Outcome) -> dict[str, Any]:
    streams = []
    for i, stream in enumerate(outcome.streams):
        filled = np.flatnonzero(outcome.delay_counts[i])
        delays = [[int(at), float(outcome.delay_counts[i, at])] for at in filled]
        own = {"planned": int(outcome.planned[i]), "suppressed": int(outcome.suppressed[i])}
        totals = {"totals": outcome.totals[:, i].tolist(), "delay_counts": delays}
        streams.append(asdict(stream) | own | totals)
    return {
        "format": FORMAT,
        "streams": streams,
        "stages": list(outcome.stages),
        "customers": asdict(outcome.customers),
        "starts_at": outcome.starts_at.isoformat(),
        **{key: getattr(outcome, key) for key in _PLAIN},
    }
