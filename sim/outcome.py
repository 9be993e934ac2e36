"""What became of the traffic: counts per stream and bin, distributions of delays, customers' answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sim.ledger import BUSY_SHARE, ONCE, QUANTITIES, ROWS
from sim.shelf import Counts, Series
from sim.tenants import Group
from sim.traffic import Stream

FORMAT = "peakday outcome 1"

PLAIN = ("bin_s", "resolution", "seed", "scenario", "wall_s", "cpu_s", "compile_s")
"""Fields that the file's metadata hold as they are."""

Resolution = Literal["message", "cohort"]
Floats = npt.NDArray[np.float64]


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

    Counts are float32 (streams, bins), messages whose fate fell into the bin; backlog is what stands through
    the bin (sim.standing), under_way all else in hand at its end. In every bin
    offered.cumsum - delivered - expired - rejected - failed (cumsum) = backlog + under_way.
    totals: float64 (quantities of sim.ledger, streams), the sums before any rounding to float32.
    delay_counts: float64 (streams, histogram bins of sim.histogram), delivered messages by delivered - due.
    stages: "workers", "provider:<name>", … costs: of each stream, see sim.costs; empty where nobody counted
    them. groups: of tenants, by rank; none in a season without. cpu_s: neither compiling (compile_s of wall
    time) nor writing a file.
    """

    streams: tuple[Stream, ...]
    starts_at: datetime
    bin_s: float
    resolution: Resolution
    seed: int
    scenario: str
    planned: npt.NDArray[np.int64]
    suppressed: npt.NDArray[np.int64]
    totals: npt.NDArray[np.float64]
    delay_counts: npt.NDArray[np.float64]
    stages: tuple[str, ...]
    customers: Customers
    wall_s: float
    cpu_s: float
    compile_s: float
    series: Series
    costs: tuple[float | None, ...] = ()
    file_cpu_s: float = 0.0
    compile_cpu_s: float = 0.0
    groups: tuple[Group, ...] = ()

    @property
    def bins(self) -> int:
        """How many there are."""
        return self.series.bins

    @property
    def duration_s(self) -> float:
        """From bin 0 to the last bin's end."""
        return float(self.bins * self.bin_s)

    def cost(self, stream: int) -> float | None:
        """What the messages of a stream cost, in the scenario's currency; None = nobody knows."""
        return self.costs[stream] if self.costs else None

    def rows(self, quantity: str, which: Sequence[int] | None = None) -> Counts:
        """float32 (which, bins) of one of ROWS; which: streams or, of busy_share, stages; by default all.

        They may come from a file: ask once and keep them.
        """
        own = self.stages if quantity == BUSY_SHARE else self.streams
        return self.series.rows(quantity, range(len(own)) if which is None else which)

    def total(self, quantity: str, which: Sequence[int] | None = None) -> Floats:
        """float64 (bins,): the sum of these rows."""
        return self.series.total(quantity, range(len(self.streams)) if which is None else which)

    @property
    def offered(self) -> Counts:
        """Due."""
        return self.rows("offered")

    @property
    def accepted(self) -> Counts:
        """Taken in by our queue, at the due time."""
        return self.rows("accepted")

    @property
    def delivered(self) -> Counts:
        """Reached the customer."""
        return self.rows("delivered")

    @property
    def fresh(self) -> Counts:
        """Of those, within their freshness."""
        return self.rows("fresh")

    @property
    def expired(self) -> Counts:
        """Given up as stale."""
        return self.rows("expired")

    @property
    def rejected(self) -> Counts:
        """Not taken in."""
        return self.rows("rejected")

    @property
    def failed(self) -> Counts:
        """Retries used up, or bounced."""
        return self.rows("failed")

    @property
    def backlog(self) -> Counts:
        """What waits all through the bin: in the queue, for its backoff."""
        return self.rows("backlog")

    @property
    def under_way(self) -> Counts:
        """What else is in hand at the bin's end: with a worker, on its way, come within the bin."""
        return self.rows("under_way")

    @property
    def attempts(self) -> Counts:
        """Calls to the provider."""
        return self.rows("attempts")

    @property
    def limited(self) -> Counts:
        """Of those, answered 429."""
        return self.rows("limited")

    @property
    def dead_lettered(self) -> Counts:
        """Of those that failed: without attempts left, or beyond the retry budget."""
        return self.rows("dead_lettered")

    @property
    def by_standby(self) -> Counts:
        """Messages that the channel's standby took."""
        return self.rows("by_standby")

    @property
    def redelivered(self) -> Counts:
        """Visible again, their visibility time-out having passed."""
        return self.rows("redelivered")

    @property
    def duplicates(self) -> Counts:
        """Taken once more by a provider; no fate."""
        return self.rows("duplicates")

    @property
    def busy_share(self) -> Counts:
        """Float32 (stages, bins) in 0-1."""
        return self.rows(BUSY_SHARE)


def row_names(
    streams: Sequence[Stream], stages: Sequence[str], *, again: bool = True
) -> dict[str, tuple[str, ...]]:
    """What the rows of each quantity are called; not `again`: every message is taken from the queue once."""
    names = tuple(stream.name for stream in streams)
    told = [quantity for quantity in ROWS if again or quantity not in QUANTITIES[ONCE:]]
    return {quantity: tuple(stages) if quantity == BUSY_SHARE else names for quantity in told}


def description(outcome: Outcome) -> dict[str, Any]:
    """All of an outcome that is no row: the JSON object in the file's metadata."""
    streams = []
    for i, stream in enumerate(outcome.streams):
        delays = _filled(outcome.delay_counts[i])
        own = {"planned": int(outcome.planned[i]), "suppressed": int(outcome.suppressed[i])}
        totals = {"totals": outcome.totals[:, i].tolist(), "delay_counts": delays, "cost": outcome.cost(i)}
        streams.append(asdict(stream) | own | totals)
    return {
        "format": FORMAT,
        "streams": streams,
        "stages": list(outcome.stages),
        "tenants": [
            {
                "first": group.first,
                "last": group.last,
                "totals": group.totals.tolist(),
                "delay_counts": _filled(group.delay_counts),
            }
            for group in outcome.groups
        ],
        "customers": asdict(outcome.customers),
        "starts_at": outcome.starts_at.isoformat(),
        **{key: getattr(outcome, key) for key in PLAIN},
    }


def _filled(counts: Floats) -> list[list[float]]:
    """[[bin, messages], ...] of those that are not empty."""
    return [[int(at), float(counts[at])] for at in np.flatnonzero(counts)]
