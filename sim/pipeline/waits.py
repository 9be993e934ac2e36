"""From the cohort kernel's tables of waits to delay distributions:

waits in the queue plus service and delivery.
"""

from __future__ import annotations

import numpy as np

from sim import histogram
from sim.pipeline.state import (
    LIGHT_BINS,
    LIGHT_LEAST_S,
    LIGHT_PER_OCTAVE,
    PROVIDER,
    SLOPES,
    WAITS,
    Floats,
    Plan,
    State,
)

_POINTS = 64
"""Equally probable points that stand for service and delivery time, and for an exponential wait."""


def delay_counts(plan: Plan, state: State) -> Floats:
    """float64 (S, BINS): delivered messages by delivered - due; messages still with a provider included."""
    widths_s = np.diff(histogram.EDGES)
    widths_s[-1] = 0.0
    waits = np.maximum(state.delays[WAITS] + np.cumsum(state.delays[SLOPES], axis=1) * widths_s, 0.0)
    middles_s = _middles()
    means_s = LIGHT_LEAST_S * np.exp2((np.arange(LIGHT_BINS, dtype=np.float64) + 0.5) / LIGHT_PER_OCTAVE)
    counts = np.zeros(waits.shape)
    for s, v in enumerate(plan.streams[:, PROVIDER].astype(int)):
        served_s = plan.delay_points_s[v]
        light = state.light[s]
        counts[s] = _spread(waits[s], middles_s, served_s)
        counts[s] += _spread(*_exponential(light, means_s), _fewer(served_s))
    return counts


def _middles() -> Floats:
    middles_s = (histogram.EDGES[:-1] + histogram.EDGES[1:]) / 2.0
    middles_s[0], middles_s[-1] = 0.0, histogram.EDGES[-2]
    return middles_s


def _exponential(messages: Floats, means_s: Floats) -> tuple[Floats, Floats]:
    """Messages and waits, for amounts that wait an exponential time with these means."""
    filled = messages > 0.0
    chances = (np.arange(_POINTS) + 0.5) / _POINTS
    quantiles = -np.log1p(-chances)
    quantiles /= quantiles.mean()
    waits_s = np.outer(means_s[filled], quantiles).ravel()
    return np.repeat(messages[filled] / _POINTS, _POINTS), waits_s


def _fewer(points: Floats) -> Floats:
    return np.asarray(points.reshape(_POINTS, -1).mean(axis=1))


def _spread(messages: Floats, waits_s: Floats, added_s: Floats) -> Floats:
    """Histogram of the wait plus an independent time of equally probable points."""
    filled = messages > 0.0
    if not filled.any():
        return np.zeros(histogram.BINS)
    values_s = np.add.outer(waits_s[filled], added_s)
    weights = np.broadcast_to(messages[filled, None] / len(added_s), values_s.shape)
    return histogram.count(values_s, weights)
