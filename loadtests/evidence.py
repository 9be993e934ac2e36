"""What a replay tells about the quantities of a send API's objectives: its requests, and its deliveries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from loadtests.attempts import Flags, Floats
from sim.judging import QUANTILES, TOO_LITTLE, Reading, Sends, enough

DELIVERY, LOST_SHARE = "delivery_", "lost_share"
NOT_OBSERVED = "delivery not observed"


def of_deliveries(quantity: str) -> bool:
    """Whether a quantity is about deliveries, not about the target's answers."""
    return quantity.startswith(DELIVERY) or quantity == LOST_SHARE


@dataclass(frozen=True)
class DeliveryDelays:
    """What was accepted, message by message: columns of equal length, in any order.

    due_s: float64. delay_s: float64 from the due time to the delivery, infinite = none seen. final: whether
    what was not seen is lost; else it may still come. sustained_per_s: messages/s between the first and the
    last tenth of the deliveries, None with too few.
    """

    due_s: Floats
    delay_s: Floats
    final: bool
    sustained_per_s: float | None = None

    def read(self, quantity: str, part: Flags) -> Reading:
        """A quantity over some of the messages."""
        delay_s = self.delay_s[part]
        if quantity == LOST_SHARE:
            return self._lost(delay_s)
        q = QUANTILES[quantity.removeprefix(DELIVERY)]
        if not enough(delay_s.size, q):
            return Reading(math.nan, f"{TOO_LITTLE}: {delay_s.size} accepted messages for a {quantity}")
        at = max(0, math.ceil(q * delay_s.size - 1e-9) - 1)
        value = float(np.partition(delay_s, at)[at])
        if math.isinf(value) and not self.final:
            return Reading(math.nan, "too many messages were still on their way when the watch ended")
        return Reading(value)

    def _lost(self, delay_s: Floats) -> Reading:
        missing = int(np.isinf(delay_s).sum())
        if not delay_s.size:
            return Reading(math.nan, f"{TOO_LITTLE}: nothing was accepted")
        if missing and not self.final:
            return Reading(math.nan, f"{missing} messages were still on their way when the watch ended")
        return Reading(missing / delay_s.size)


@dataclass(frozen=True)
class Told:
    """Evidence of a replay: requests, and deliveries where they are observed."""

    sends: Sends
    delays: DeliveryDelays | None

    def whole(self, quantity: str, stream: str) -> Reading:
        """Over the hold."""
        if not of_deliveries(quantity):
            return self.sends.whole(quantity, stream)
        if self.delays is None:
            return Reading(math.nan, NOT_OBSERVED)
        return self.delays.read(quantity, np.ones(self.delays.due_s.size, dtype=bool))

    def windows(self, quantity: str, stream: str, window_s: float) -> Sequence[Reading]:
        """In each full window of the hold, by due time."""
        if not of_deliveries(quantity):
            return self.sends.windows(quantity, stream, window_s)
        if (delays := self.delays) is None:
            return (Reading(math.nan, NOT_OBSERVED),)
        from_s, to_s = self.sends.from_s, self.sends.to_s
        full = math.floor((to_s - from_s) / window_s + 1e-9)
        edges_s = [from_s + at * window_s for at in range(full + 1)]
        return [delays.read(quantity, (delays.due_s >= a) & (delays.due_s < b)) for a, b in pairwise(edges_s)]
