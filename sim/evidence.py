"""What an Outcome says about the quantities of season objectives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim import histogram
from sim.judging import QUANTILES, TOO_LITTLE, Reading, enough
from sim.outcome import Counts, Outcome
from sim.summary import drain_s

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Season:
    """Evidence from a simulated season.

    Shares are of all messages offered: one still in the backlog at the end is not fresh. By windows, they are
    of the messages whose fate fell into the window, since an Outcome keeps fates by their moment; delays are
    kept for the whole season only.
    """

    outcome: Outcome

    def whole(self, quantity: str, stream: str) -> Reading:
        """Over the whole season, of one stream or of all."""
        rows = self._rows(stream)
        if not rows:
            return Reading(math.nan, f"there is no stream {stream!r}")
        if quantity.startswith("delay_"):
            return self._delay(rows, quantity.removeprefix("delay_"))
        if quantity == "drain":
            return self._drain(rows)
        if quantity == "backlog":
            return Reading(float(_sum(self.outcome.backlog[rows]).max(initial=0.0)))
        return self._share(quantity, float(self.outcome.offered[rows].sum(dtype=np.float64)), _all(rows))

    def windows(self, quantity: str, stream: str, window_s: float) -> Sequence[Reading]:
        """In each full window of the season."""
        rows, bins = self._rows(stream), self.outcome.offered.shape[1]
        width = max(1, round(window_s / self.outcome.bin_s))
        return [
            self._window(quantity, rows, first, first + width) for first in range(0, bins - width + 1, width)
        ]

    def _window(self, quantity: str, rows: list[int], first: int, last: int) -> Reading:
        part = slice(first, last)
        if quantity == "backlog":
            return Reading(float(_sum(self.outcome.backlog[rows])[part].max(initial=0.0)))
        if quantity == "drain" or quantity.startswith("delay_"):
            return Reading(math.nan, f"{quantity} is known for the whole season only")
        o = self.outcome
        fates = sum(
            float(f[rows, part].sum(dtype=np.float64)) for f in (o.delivered, o.expired, o.rejected, o.failed)
        )
        return self._share(quantity, fates, lambda counts: counts[rows, part])

    def _share(self, quantity: str, of: float, cut: Callable[[Counts], Counts]) -> Reading:
        o = self.outcome
        counted = {"fresh_share": o.fresh, "expired_share": o.expired, "failed_share": o.failed}.get(quantity)
        if counted is None:
            return Reading(math.nan, f"a season tells nothing about {quantity}")
        if of <= 0.0:
            return Reading(math.nan, f"{TOO_LITTLE}: no messages")
        return Reading(float(cut(counted).sum(dtype=np.float64)) / of)

    def _delay(self, rows: list[int], name: str) -> Reading:
        counts = self.outcome.delay_counts[rows].sum(axis=0)
        delivered = float(counts.sum())
        if name not in QUANTILES or not enough(delivered, QUANTILES[name]):
            return Reading(math.nan, f"{TOO_LITTLE}: {delivered:.0f} delivered for a {name}")
        return Reading(histogram.quantile(counts, QUANTILES[name]))

    def _drain(self, rows: list[int]) -> Reading:
        part = replace(self.outcome, backlog=self.outcome.backlog[rows])
        drained_s, backlog = drain_s(part), _sum(part.backlog)
        left_s = (len(backlog) - int(np.argmax(backlog))) * part.bin_s
        # a drain that lasts until the season's end is not known to have ended
        return Reading(drained_s if drained_s < left_s else math.inf)

    def _rows(self, stream: str) -> list[int]:
        return [i for i, s in enumerate(self.outcome.streams) if stream in ("", s.name)]


def season_evidence(outcome: Outcome) -> Season:
    """The outcome as evidence."""
    return Season(outcome)


def _sum(counts: Counts) -> Floats:
    return np.asarray(counts.sum(axis=0, dtype=np.float64))


def _all(rows: list[int]) -> Callable[[Counts], Counts]:
    return lambda counts: counts[rows]
