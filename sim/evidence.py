"""What an Outcome says about the quantities of season objectives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim import histogram
from sim.draining import drain_of
from sim.judging import QUANTILES, TOO_LITTLE, Reading, enough
from sim.ledger import OFFERED, QUANTITIES
from sim.outcome import Outcome
from sim.tenants import Group, groups_named

FATES = ("delivered", "expired", "rejected", "failed")
_SHARES = {"fresh_share": "fresh", "expired_share": "expired", "failed_share": "failed"}

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
        """Over the whole season, of one stream, of some tenants, or of all."""
        rows = self._rows(stream)
        if not rows:
            groups = groups_named(self.outcome.groups, stream)
            return _of_tenants(groups, quantity) if groups else _no_stream(stream)
        if quantity.startswith("delay_"):
            return _delay(self.outcome.delay_counts[rows].sum(axis=0), quantity)
        if quantity == "drain":
            return self._drain(rows)
        if quantity == "backlog":
            return Reading(float(self.outcome.total("backlog", rows).max(initial=0.0)))
        if quantity not in _SHARES:
            return _unknown(quantity)
        return _share_of_offered(self.outcome.totals[:, rows].sum(axis=1), quantity)

    def windows(self, quantity: str, stream: str, window_s: float) -> Sequence[Reading]:
        """In each full window of the season."""
        rows, width = self._rows(stream), max(1, round(window_s / self.outcome.bin_s))
        full = self.outcome.bins // width
        if quantity == "backlog":
            greatest = self._cut("backlog", rows, width).max(axis=1, initial=0.0)
            return [Reading(value) for value in greatest.tolist()]
        if quantity == "drain" or quantity.startswith("delay_"):
            return [Reading(math.nan, f"{quantity} is known for the whole season only")] * full
        if quantity not in _SHARES:
            return [_unknown(quantity)] * full
        fates = sum(self._cut(fate, rows, width).sum(axis=1) for fate in FATES)
        met = self._cut(_SHARES[quantity], rows, width).sum(axis=1)
        return [_share(*each) for each in zip(met.tolist(), np.asarray(fates).tolist(), strict=True)]

    def _cut(self, quantity: str, rows: list[int], width: int) -> Floats:
        """float64 (full windows, width)."""
        series = self.outcome.total(quantity, rows)
        return series[: len(series) // width * width].reshape(-1, width)

    def _drain(self, rows: list[int]) -> Reading:
        drain = drain_of(self.outcome.total("backlog", rows), self.outcome.bin_s)
        return Reading(drain.took_s if drain.ended else math.inf)

    def _rows(self, stream: str) -> list[int]:
        return [i for i, s in enumerate(self.outcome.streams) if stream in ("", s.name)]


def season_evidence(outcome: Outcome) -> Season:
    """The outcome as evidence."""
    return Season(outcome)


def _share(met: float, of: float) -> Reading:
    return Reading(met / of) if of > 0.0 else Reading(math.nan, f"{TOO_LITTLE}: no messages")


def _share_of_offered(totals: Floats, quantity: str) -> Reading:
    return _share(float(totals[QUANTITIES.index(_SHARES[quantity])]), float(totals[OFFERED]))


def _delay(counts: Floats, quantity: str) -> Reading:
    delivered, name = float(counts.sum()), quantity.removeprefix("delay_")
    if name not in QUANTILES or not enough(delivered, QUANTILES[name]):
        return Reading(math.nan, f"{TOO_LITTLE}: {delivered:.0f} delivered for a {name}")
    return Reading(histogram.quantile(counts, QUANTILES[name]))


def _of_tenants(groups: Sequence[Group], quantity: str) -> Reading:
    if quantity.startswith("delay_"):
        return _delay(np.sum([group.delay_counts for group in groups], axis=0), quantity)
    if quantity not in _SHARES:
        return Reading(math.nan, f"{quantity} is known by streams, not by tenants")
    return _share_of_offered(np.sum([group.totals for group in groups], axis=0), quantity)


def _no_stream(name: str) -> Reading:
    return Reading(math.nan, f"there is no stream {name!r}")


def _unknown(quantity: str) -> Reading:
    return Reading(math.nan, f"a season tells nothing about {quantity}")
