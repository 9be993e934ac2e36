"""From the cohort kernel's tables of waits to delay distributions:

waits in the queue plus service and delivery.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from scenarios.pipeline import Workers
from sim import histogram
from sim.pipeline.columns import FRESHNESS_S, HELD_SLOPES, HELD_WAITS, LANE, OWNER, PROVIDER, SLOPES, WAITS
from sim.pipeline.kernelparts import LIGHT_MEANS_S
from sim.pipeline.kernelsums import lay_density, lay_sums
from sim.pipeline.lanes import Lane
from sim.pipeline.lines import NOTED
from sim.pipeline.state import Floats, Indices, Plan, State
from sim.pipeline.workers import batch_step_s, next_end_points

_EXPONENTIAL_POINTS = 64
"""Equally probable points that stand for an exponential wait."""
_SUMS = 20_000
"""About how many sums of a wait and a service stand for a stream's delays, _LEAST to _MOST services to each
wait: so many for the few that a great share waits, and so many for all others."""
_LEAST, _MOST = 128, 4096
_GREAT = 1.0 / 32.0
"""From this share of a stream's messages on a wait is one of the few."""
_TINY = 1e-300
_RESIDUE = 1e-10
"""Less than this share of a stream's messages is what rounding left."""


def delay_counts(plan: Plan, state: State, lanes: Sequence[Lane], workers: Workers, which: Indices) -> Floats:
    """float64 (1 + groups, streams, BINS): messages of these rows of the plan by delivered - due, those still
    with a provider included: all, and then those that waited in lines of their own, by groups of tenants."""
    waits: dict[tuple[int, int], Floats] = {}
    tables = 1 + len(state.group_delays)
    for s, rows in _ages(plan, state, lanes, workers, which):
        own = int(plan.streams[s, OWNER]), int(plan.streams[s, PROVIDER])
        if own not in waits:
            waits[own] = np.zeros((tables, histogram.BINS))
        waits[own][: len(rows)] += rows
    counts = np.zeros((tables, 1 + lanes[-1].stream, histogram.BINS))
    for (stream, v), rows in waits.items():
        counts[:, stream] += _spread(rows, _middles(), plan.delay_points_s[v])
    return counts


def _ages(
    plan: Plan, state: State, lanes: Sequence[Lane], workers: Workers, which: Indices
) -> Iterator[tuple[int, Floats]]:
    """Those of these rows of the plan that have messages, and float64 (1 + groups, BINS), or (1, BINS) where
    none are known to be of a group: those by their age at the service that they were delivered by, beyond
    what that takes."""
    for s, light in zip(which.tolist(), _below(state.light[which], workers), strict=True):
        if not (state.delays[:, s].max() > 0.0 or light.max() > 0.0 or state.group_told[NOTED, :, s].any()):
            continue
        waits, held = (_waits(state, s, *rows) for rows in ((WAITS, SLOPES), (HELD_WAITS, HELD_SLOPES)))
        waits[0] += light
        lane = lanes[int(plan.streams[s, LANE])]
        if lane.ages_s is None:
            yield s, waits + held
        else:
            freshness_s = plan.streams[s, FRESHNESS_S] + lane.age_s
            rows = _fresh(_spread(waits, _middles(), lane.ages_s), freshness_s)
            yield s, rows + _spread(held, _middles(), lane.ages_s)


def _fresh(messages: Floats, freshness_s: float) -> Floats:
    """As many messages (rows, BINS), by age when a worker takes them: none is older than its freshness."""
    kept = np.where(histogram.EDGES[:-1] <= freshness_s, messages, 0.0)
    left, all_ = kept.sum(axis=1), messages.sum(axis=1)
    return np.asarray(
        np.where(left[:, None] > 0.0, kept * (all_ / np.maximum(left, _TINY))[:, None], messages)
    )


def _waits(state: State, s: int, waits: int, slopes: int) -> Floats:
    """float64 (1 + groups, BINS): a row's messages by wait, of two rows of a state's tables: all of them, and
    those that are told by groups, if any are."""
    noted = np.flatnonzero(state.group_told[NOTED, :, s]).tolist()
    found = np.zeros((1 + (len(state.group_delays) if noted else 0), histogram.BINS))
    lay_density(state.delays[waits, s], state.delays[slopes, s], histogram.EDGES, found[0])
    for group in noted:
        own = state.group_delays[group, :, s]
        lay_density(own[waits], own[slopes], histogram.EDGES, found[1 + group])
    if noted:
        found[0] += found[1:].sum(axis=0)
    return found


@cache
def _middles() -> Floats:
    """float64 (BINS,): the wait that one of the bins of sim.histogram stands for."""
    middles_s = (histogram.EDGES[:-1] + histogram.EDGES[1:]) / 2.0
    middles_s[0], middles_s[-1] = 0.0, histogram.EDGES[-2]
    return middles_s


def _below(light: Floats, workers: Workers) -> Floats:
    """float64 (S, BINS): messages by wait, for the amounts (S, LIGHT_BINS) that wait exponential times; where
    workers take batches, all that wait, wait for the next worker to end, and some for more.

    They come after whole batches: a geometric number of them, none with the chance that makes State.light's
    mean of one of no others (see sim.pipeline.manning).
    """
    cells, filled = np.flatnonzero(light.any(axis=0)), np.flatnonzero(light.any(axis=1))
    found = np.zeros((len(light), histogram.BINS))
    if not len(cells):
        return found
    means_s = LIGHT_MEANS_S[cells]
    if workers.batch == 1:
        by_wait = _by_wait(_exponential(means_s))
    else:
        least_s, next_s = batch_step_s(workers), next_end_points(workers, _EXPONENTIAL_POINTS)
        share = (means_s / (means_s + least_s))[:, None]
        behind = _by_wait(np.add.outer(_exponential(means_s + least_s), next_s))
        by_wait = share * behind + (1.0 - share) * _by_wait(next_s[None])
    found[filled] = _mixed(light[np.ix_(filled, cells)], by_wait)
    return found


def _mixed(amounts: Floats, histograms: Floats) -> Floats:
    """float64 (S, BINS): of amounts (S, n) and histograms (n, BINS). A matrix product would be shared among
    threads, which then wait for more at this process's expense."""
    return np.asarray(np.einsum("sn,nb->sb", amounts, histograms))


def _exponential(means_s: Floats) -> Floats:
    """float64 (n, points): equally probable points of exponential times with these means (n,)."""
    quantiles_s = -np.log1p(-_chances(_EXPONENTIAL_POINTS))
    return np.outer(means_s, quantiles_s / quantiles_s.mean())


def _by_wait(waits_s: Floats) -> Floats:
    """float64 (n, BINS): histograms of equally probable waits (n, ...), each adding up to 1."""
    rows = histogram.index(waits_s).reshape(len(waits_s), -1)
    at = rows + np.arange(len(rows))[:, None] * histogram.BINS
    counts = np.bincount(at.ravel(), minlength=len(rows) * histogram.BINS).reshape(len(rows), histogram.BINS)
    return counts / rows.shape[1]


def _spread(messages: Floats, waits_s: Floats, served_s: Floats) -> Floats:
    """Histograms (rows, BINS) of the waits, float64 (n,) ascending, of (rows, n) messages, the first of which
    are all of them, plus an independent time of equally probable points."""
    # what rounding left of a density's changes fills cells, and fewer services would stand for each
    filled = messages[0] > _RESIDUE * messages[0].sum()
    counts = np.zeros((len(messages), histogram.BINS))
    if not filled.any():
        return counts
    messages, waits_s = _alike(messages[:, filled], waits_s[filled], float(served_s[0]))
    great = messages[0] >= _GREAT * messages[0].sum()
    for own in (great, ~great):
        services = _SUMS // max(1, int(np.count_nonzero(own)))
        finer_s = _points(served_s, min(max(services, _LEAST), _MOST))
        lay_sums(np.ascontiguousarray(messages[:, own]), waits_s[own], finer_s, histogram.EDGES, counts)
    return counts


def _alike(messages: Floats, waits_s: Floats, least_s: float) -> tuple[Floats, Floats]:
    """Messages (rows, n) and waits (n,), those together that no histogram tells apart once `least_s` or more
    is added."""
    first = np.flatnonzero(np.diff(histogram.index(waits_s + least_s), prepend=-1))
    together = np.add.reduceat(messages, first, axis=1)
    return together, np.add.reduceat(messages[0] * waits_s, first) / together[0]


def _points(served_s: Floats, size: int) -> Floats:
    """As many equally probable points, or fewer of the same mean where they are fewer than those told."""
    if size < len(served_s):
        sums_s = np.concatenate(([0.0], np.cumsum(served_s)))
        edges = np.linspace(0.0, len(served_s), _LEAST + 1)
        return np.diff(np.interp(edges, np.arange(len(sums_s)), sums_s)) * (_LEAST / len(served_s))
    return np.interp(_chances(size), _chances(len(served_s)), served_s)


def _chances(size: int) -> Floats:
    return (np.arange(size) + 0.5) / size
