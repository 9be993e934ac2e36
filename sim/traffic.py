"""Messages due at the target's doors, before any limit: counts per (stream, bin)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from scenarios.words import Channel, Priority

FORMAT = "peakday traffic 1"

Cause = Literal["campaign", "background", "trigger", "history"]


@dataclass(frozen=True)
class Stream:
    """Messages alike in all that the send path can see. `name` is unique within a scenario."""

    name: str
    channel: Channel
    campaign: str
    priority: Priority
    freshness_s: float
    cause: Cause
    tenant: str = "all"
    operation: str = "send"


@dataclass(frozen=True)
class Traffic:
    """What the season asks of the target.

    counts:     int64 (streams, bins), messages due in each bin.
    planned:    int64 (streams,), before consent, caps and hygiene.
    suppressed: int64 (streams,), taken out by them; planned - suppressed = offered = counts.sum(axis=1).
    starts_at:  UTC moment of bin 0. bin_s: seconds a bin.
    """

    streams: tuple[Stream, ...]
    starts_at: datetime
    bin_s: float
    counts: npt.NDArray[np.int64]
    planned: npt.NDArray[np.int64]
    suppressed: npt.NDArray[np.int64]
    seed: int
    scenario: str
