"""From the cohort kernel's tables of waits to delay distributions:

waits in the queue plus service and delivery.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.pipeline import Workers
from sim import histogram
from sim.pipeline.lanes import Lane
from sim.pipeline.state import (
    LANE,
    LIGHT_LEAST_S,
    LIGHT_PER_OCTAVE,
    PROVIDER,
    SLOPES,
    WAITS,
    Floats,
    Indices,
    Plan,
    State,
)
from sim.pipeline.workers import batch_step_s, next_end_points

_EXPONENTIAL_POINTS = 64
"""Equally probable points that stand for an exponential wait."""
_SUMS = 200_000
"""About how many sums of a wait and a service stand for a stream's delays; 64 to 4096 services each."""
_RESIDUE = 1e-13
"""Less than this share of a stream's messages is what rounding left."""


def delay_counts(plan: Plan, state: State, lanes: Sequence[Lane], workers: Workers) -> Floats:
    """float64 (lanes, BINS): messages by delivered - due; those still with a provider included."""
    widths_s = np.diff(histogram.EDGES)
    widths_s[-1] = 0.0
    slopes = np.cumsum(state.delays[SLOPES], axis=1)
    waits = np.maximum(state.delays[WAITS] + slopes * widths_s, 0.0)
    middles_s = _middles()
    counts = np.zeros((len(lanes), histogram.BINS))
    for s, (v, lane) in enumerate(plan.streams[:, [PROVIDER, LANE]].astype(np.int64)):
        light = state.light[s]
        if not (light.any() or waits[s].any()):
            continue
        below = _behind_batches(light, workers) if workers.batch > 1 else _exponential(light)
        after_s, ages_s = plan.delay_points_s[v], lanes[lane].ages_s
        counts[lane] += _spread(
            waits[s] + below, middles_s, after_s if ages_s is None else _sum(after_s, ages_s)
        )
    return counts


def _sum(first: Floats, second: Floats) -> Floats:
    """Equally probable points, ascending, of the sum of two independent times."""
    sums = np.sort(np.add.outer(first, second), axis=None)
    return np.asarray(sums.reshape(len(first), -1).mean(axis=1))


def _middles() -> Floats:
    middles_s = (histogram.EDGES[:-1] + histogram.EDGES[1:]) / 2.0
    middles_s[0], middles_s[-1] = 0.0, histogram.EDGES[-2]
    return middles_s


def _exponential(light: Floats) -> Floats:
    """float64 (BINS,): messages by wait, for the amounts of State.light that wait exponential times."""
    cells = np.flatnonzero(light)
    if not len(cells):
        return np.zeros(histogram.BINS)
    return histogram.count(*_drawn(_means_s(cells), light[cells]))


def _behind_batches(light: Floats, workers: Workers) -> Floats:
    """The same for workers that take batches: all that wait, wait for the next worker to end; some, for more.

    They come after whole batches: a geometric number of them, none with the chance that makes State.light's
    mean of one of no others (see sim.pipeline.manning).
    """
    cells = np.flatnonzero(light)
    if not len(cells):
        return np.zeros(histogram.BINS)
    means_s, least_s = _means_s(cells), batch_step_s(workers)
    share = means_s / (means_s + least_s)
    waits = histogram.count(*_drawn(means_s + least_s, light[cells] * share))
    waits[0] += float((light[cells] * (1.0 - share)).sum())
    return _spread(waits, _middles(), next_end_points(workers, _EXPONENTIAL_POINTS))


def _means_s(cells: Indices) -> Floats:
    return np.asarray(LIGHT_LEAST_S * np.exp2((cells + 0.5) / LIGHT_PER_OCTAVE))


def _drawn(means_s: Floats, messages: Floats) -> tuple[Floats, Floats]:
    """Equally probable points of exponential times with these means, and the messages of each."""
    quantiles = -np.log1p(-(np.arange(_EXPONENTIAL_POINTS) + 0.5) / _EXPONENTIAL_POINTS)
    waits_s = np.outer(means_s, quantiles / quantiles.mean())
    return waits_s, np.repeat(messages[:, None] / _EXPONENTIAL_POINTS, _EXPONENTIAL_POINTS, axis=1)


def _spread(messages: Floats, waits_s: Floats, served_s: Floats) -> Floats:
    """Histogram of the wait plus an independent time of equally probable points."""
    # what rounding left of a density's changes fills cells, and fewer services would stand for each
    filled = messages > _RESIDUE * messages.sum()
    if not filled.any():
        return np.zeros(histogram.BINS)
    size = int(np.clip(_SUMS // np.count_nonzero(filled), 64, 4096))
    finer_s = np.interp((np.arange(size) + 0.5) / size, _chances(len(served_s)), served_s)
    values_s = np.add.outer(waits_s[filled], finer_s)
    weights = np.broadcast_to(messages[filled, None] / size, values_s.shape)
    return histogram.count(values_s, weights)


def _chances(size: int) -> Floats:
    return (np.arange(size) + 0.5) / size
