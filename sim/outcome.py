"""What became of the traffic: the ledger of fates that both engines write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from sim.traffic import Stream

FORMAT = "peakday outcome 1"

Resolution = Literal["message", "cohort"]
Counts = npt.NDArray[np.float64]


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

    All counts are float64 (streams, bins), messages whose fate fell into the bin; backlog is at the bin's end.
    offered.cumsum - delivered - expired - rejected - failed (cumsum) = backlog, in every bin.
    attempts: calls to the provider; limited: those answered 429.
    delay_counts: float64 (streams, histogram bins of sim.histogram), delivered messages by delivered - due.
    busy_share: float64 (stages, bins) in 0-1, by `stages` ("workers", "provider:<name>", …).
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
    attempts: Counts
    limited: Counts
    delay_counts: Counts
    stages: tuple[str, ...]
    busy_share: Counts
    customers: Customers
    wall_s: float
    cpu_s: float
    compile_s: float
