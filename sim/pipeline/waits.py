"""From the cohort kernel's tables of waits to delay distributions:

waits in the queue plus service and delivery.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.pipeline import Workers
from sim import histogram
from sim.pipeline.kernelsums import lay_sums
from sim.pipeline.lanes import Lane
from sim.pipeline.state import (
    FRESHNESS_S,
    HELD_SLOPES,
    HELD_WAITS,
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
"""About how many sums of a wait and a service stand for a stream's delays; _LEAST to 4096 services each."""
_LEAST = 128
_TINY = 1e-300
_RESIDUE = 1e-10
"""Less than this share of a stream's messages is what rounding left."""


def add_delays(plan: Plan, state: State, lanes: Sequence[Lane], workers: Workers, counts: Floats) -> None:
    """Add to `counts`, float64 (1 + groups, lanes, BINS), messages by delivered - due, those still with a
    provider included; of all, and then of those that waited in lines of their own, by groups of tenants."""
    middles_s, tables = _middles(), [state.delays, *state.group_delays]
    for s, (v, lane) in enumerate(plan.streams[:, [PROVIDER, LANE]].astype(np.int64)):
        light = state.light[s]
        waits = np.array([_waits(table[WAITS, s], table[SLOPES, s]) for table in tables])
        held = np.array([_waits(table[HELD_WAITS, s], table[HELD_SLOPES, s]) for table in tables])
        if not (light.any() or waits[0].any() or held[0].any()):
            continue
        waits[0] += _behind_batches(light, workers) if workers.batch > 1 else _exponential(light)
        rows, ages_s = waits + held, lanes[lane].ages_s
        if ages_s is not None:
            freshness_s = plan.streams[s, FRESHNESS_S] + lanes[lane].age_s
            rows = _fresh(_spread(waits, middles_s, ages_s), freshness_s)
            rows += _spread(held, middles_s, ages_s)
        counts[:, lane] += _spread(rows, middles_s, plan.delay_points_s[v])


def _fresh(messages: Floats, freshness_s: float) -> Floats:
    """As many messages (rows, BINS), by age when a worker takes them: none is older than its freshness."""
    kept = np.where(histogram.EDGES[:-1] <= freshness_s, messages, 0.0)
    left, all_ = kept.sum(axis=1), messages.sum(axis=1)
    return np.asarray(
        np.where(left[:, None] > 0.0, kept * (all_ / np.maximum(left, _TINY))[:, None], messages)
    )


def _waits(messages: Floats, slopes: Floats) -> Floats:
    """float64 (BINS,): messages by wait, of a row of two of the tables of a state."""
    widths_s = np.diff(histogram.EDGES)
    widths_s[-1] = 0.0
    return np.asarray(np.maximum(messages + np.cumsum(slopes) * widths_s, 0.0))


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
    spread = _spread(waits[None], _middles(), next_end_points(workers, _EXPONENTIAL_POINTS))
    return np.asarray(spread[0])


def _means_s(cells: Indices) -> Floats:
    return np.asarray(LIGHT_LEAST_S * np.exp2((cells + 0.5) / LIGHT_PER_OCTAVE))


def _drawn(means_s: Floats, messages: Floats) -> tuple[Floats, Floats]:
    """Equally probable points of exponential times with these means, and the messages of each."""
    quantiles = -np.log1p(-(np.arange(_EXPONENTIAL_POINTS) + 0.5) / _EXPONENTIAL_POINTS)
    waits_s = np.outer(means_s, quantiles / quantiles.mean())
    return waits_s, np.repeat(messages[:, None] / _EXPONENTIAL_POINTS, _EXPONENTIAL_POINTS, axis=1)


def _spread(messages: Floats, waits_s: Floats, served_s: Floats) -> Floats:
    """Histograms (rows, BINS) of the waits of (rows, n) messages, the first of which are all of them, plus an
    independent time of equally probable points."""
    # what rounding left of a density's changes fills cells, and fewer services would stand for each
    filled = messages[0] > _RESIDUE * messages[0].sum()
    if not filled.any():
        return np.zeros((len(messages), histogram.BINS))
    size = int(np.clip(_SUMS // np.count_nonzero(filled), _LEAST, 4096))
    laid = np.zeros((len(messages), histogram.BINS))
    told = np.ascontiguousarray(messages[:, filled])
    lay_sums(told, waits_s[filled], _points(served_s, size), histogram.EDGES, laid)
    return laid


def _points(served_s: Floats, size: int) -> Floats:
    """As many equally probable points, or fewer of the same mean where they are fewer than those told."""
    if size < len(served_s):
        sums_s = np.concatenate(([0.0], np.cumsum(served_s)))
        edges = np.linspace(0.0, len(served_s), _LEAST + 1)
        return np.diff(np.interp(edges, np.arange(len(sums_s)), sums_s)) * (_LEAST / len(served_s))
    return np.interp(_chances(size), _chances(len(served_s)), served_s)


def _chances(size: int) -> Floats:
    return (np.arange(size) + 0.5) / size
