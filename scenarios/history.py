"""Last year's sends, shifted to this year's season: messages per minute and stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from scenarios.words import Channel, Priority


@dataclass(frozen=True)
class HistoryStream:
    """One (channel, campaign) of the history. `name` is unique among all streams of the scenario."""

    name: str
    channel: Channel
    campaign: str
    priority: Priority
    freshness_s: float


@dataclass(frozen=True)
class History:
    """Last year's messages on this year's clock, before growth.

    minutes: float64 (streams, minutes), messages in each minute from `starts_at`, the scenario's own start,
    to its end.
    """

    streams: tuple[HistoryStream, ...]
    starts_at: datetime
    minutes: npt.NDArray[np.float64]
