"""Echoes: messages that were decided before and are in hand once more.

A message that is visible again while its worker still serves is in hand twice. Who asks first decides its
fate; what is left in hand then is an echo. Both engines carry echoes as rows of their own behind the streams
(row i + n of n streams): they take workers, limits and room as any message does, and have no fate. What a
provider takes of them is a duplicate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sim.ledger import ATTEMPTS, BY_STANDBY, DUPLICATES, LIMITED, REDELIVERED
from sim.traffic import Traffic

Floats = npt.NDArray[np.float64]


def with_echoes(traffic: Traffic) -> Traffic:
    """The traffic with an echo of each stream behind them, of which nothing is due."""

    def twice(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.concatenate((counts, np.zeros_like(counts)))

    return replace(
        traffic,
        streams=traffic.streams * 2,
        counts=twice(traffic.counts),
        planned=twice(traffic.planned),
        suppressed=twice(traffic.suppressed),
    )


def without_echoes(window: Floats, streams: int) -> Floats:
    """float64 (quantities, streams, n) from the same with echoes: what they asked, were refused and came
    again counts as their streams', what was taken of them as duplicates."""
    own, echo = window[:, :streams].copy(), window[:, streams:]
    for row in (ATTEMPTS, LIMITED, BY_STANDBY, REDELIVERED):
        own[row] += echo[row]
    own[DUPLICATES] = np.maximum(echo[ATTEMPTS] - echo[LIMITED], 0.0)
    return own
