"""From a scenario's pipeline to the plan of the cohort kernel, and the empty state that it starts from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scenarios.scenario import Scenario
from scenarios.words import PRIORITIES
from sim import histogram
from sim.pipeline import providers
from sim.pipeline.limits import Law, law
from sim.pipeline.retries import backoff_range_s
from sim.pipeline.state import LIGHT_BINS, Floats, Indices, Plan, State
from sim.pipeline.workers import erlang_c, service_points, variation
from sim.season.delays import POINTS, points
from sim.traffic import Stream

_SLOPE = histogram.PER_DECADE / math.log(10.0)
_UTILISATIONS = 513
_EXACT_LAGS = 8
_LAG_GROWTH = 1.5
_FIGURES = 2
_PARCELS = 4096
_TRANSIENT = 1.13
"""A queue that starts empty and runs at full load for a bin has a mean of 0.53 sigma sqrt(bin) (reflected Brownian
motion); the stationary mean sigma^2 / (2 drift) equals it at drift^2 = sigma^2 / (1.13 bin)."""


def plan_of(scenario: Scenario, streams: Sequence[Stream], bins: int, bin_s: float) -> Plan:
    """The pipeline in figures, for a season of `bins` bins of `bin_s`. Raises UserError for a channel uncarried."""
    workers, cv2 = scenario.pipeline.workers, variation(scenario.pipeline.workers) ** 2
    capacity = workers.count * bin_s / workers.service_time if workers.service_time else math.inf
    laws = [[law(limit) for limit in provider.limits] for provider in scenario.providers]
    back = [_backoff(scenario, attempt, bin_s) for attempt in range(1, scenario.pipeline.retries.attempts)]
    served_s = service_points(workers, POINTS)
    delays_s = [_sum(served_s, points((provider.delay,))) for provider in scenario.providers]
    deliveries = [_delivery(delay_s / bin_s, bins) for delay_s in delays_s]
    return Plan(
        bin_s=bin_s,
        bound=float(scenario.pipeline.queue.bound or math.inf),
        capacity=min(capacity, 1e18),
        residual_s=workers.service_time * (1.0 + cv2) / 2.0 / workers.count,
        unevenness=(1.0 + cv2) / (_TRANSIENT * min(capacity, 1e18)),
        busy_chance=erlang_c(np.linspace(0.0, 1.0, _UTILISATIONS), workers.count),
        priority=np.array([PRIORITIES.index(s.priority) for s in streams], dtype=np.int64),
        provider=np.array(providers.carriers(scenario, streams), dtype=np.int64),
        freshness_s=np.array([s.freshness_s for s in streams], dtype=np.float64),
        bounce_share=np.array(providers.bounce_shares(scenario, streams), dtype=np.float64),
        limit_first=np.cumsum([0, *map(len, laws)]).astype(np.int64),
        limit_figures=_figures(laws),
        back_lags=_stacked([lags for lags, _ in back]).astype(np.int64),
        back_jumps=_stacked([jumps for _, jumps in back]),
        delivery_lags=_stacked([lags for lags, _ in deliveries]).astype(np.int64),
        delivery_jumps=_stacked([jumps for _, jumps in deliveries]),
        delay_points_s=np.array(delays_s).reshape(-1, POINTS),
        edges_s=histogram.EDGES,
        slope=_SLOPE,
        offset=1.0 - math.log(histogram.EDGES[1]) * _SLOPE,
    )


def empty_state(scenario: Scenario, plan: Plan) -> State:
    """Nothing in hand, all buckets full."""
    laws = [law(limit) for provider in scenario.providers for limit in provider.limits]
    limits = np.array([each.state for each in laws], dtype=np.float64).reshape(-1, _FIGURES)
    s, k, p = len(plan.priority), len(plan.back_lags), len(PRIORITIES)
    ahead_back = 2 + int(plan.back_lags.max(initial=0))
    ahead = 2 + int(plan.delivery_lags.max(initial=0))
    return State(
        limits=limits,
        waiting=np.zeros(p),
        heads=np.zeros((p, 3), dtype=np.int64),
        batch_bin=np.zeros((p, _PARCELS), dtype=np.int64),
        batch_first=np.zeros((p, _PARCELS), dtype=np.int64),
        batch_last=np.zeros((p, _PARCELS), dtype=np.int64),
        batch_left=np.zeros((p, _PARCELS)),
        parcel_stream=np.zeros((p, _PARCELS), dtype=np.int64),
        parcel_attempts=np.zeros((p, _PARCELS), dtype=np.int64),
        parcel_mass=np.zeros((p, _PARCELS)),
        parcel_due_s=np.zeros((p, _PARCELS)),
        parcel_var=np.zeros((p, _PARCELS)),
        piece_stream=np.zeros(p * _PARCELS, dtype=np.int64),
        piece_attempts=np.zeros(p * _PARCELS, dtype=np.int64),
        piece_values=np.zeros((p * _PARCELS, 8)),
        back=np.zeros((ahead_back, s, k, 3)),
        back_level=np.zeros((s, k, 3)),
        back_until=np.full(2, -2, dtype=np.int64),
        away=np.zeros(s),
        coming=np.zeros((ahead, s, 2)),
        coming_level=np.zeros((s, 2)),
        under_way=np.zeros(s),
        delays=np.zeros((s, histogram.BINS)),
        delay_slopes=np.zeros((s, histogram.BINS)),
        light=np.zeros((s, LIGHT_BINS)),
    )


def with_room(state: State, bins: int) -> State:
    """The state with rings that take `bins` more bins of newcomers and of messages that come back."""
    batches, parcels = state.batch_bin.shape[1], state.parcel_mass.shape[1]
    per_bin = len(state.away) * (1 + state.back_level.shape[1])
    used = [_used(state, p) for p in range(len(state.waiting))]
    need_batches = max(b for b, _ in used) + bins + 1
    need_parcels = max(n for _, n in used) + (bins + 1) * per_bin
    if need_batches <= batches and need_parcels <= parcels:
        return state
    more_batches, more_parcels = max(batches, 2 * need_batches), max(parcels, 2 * need_parcels)
    grown = {name: _grown(state, name, more_batches, more_parcels) for name in (*_BATCHES, *_PARCEL_COLUMNS)}
    size = len(state.waiting) * more_parcels
    return state._replace(
        **grown,
        piece_stream=np.zeros(size, dtype=np.int64),
        piece_attempts=np.zeros(size, dtype=np.int64),
        piece_values=np.zeros((size, 8)),
    )


_BATCHES = ("batch_bin", "batch_first", "batch_last", "batch_left")
_PARCEL_COLUMNS = ("parcel_stream", "parcel_attempts", "parcel_mass", "parcel_due_s", "parcel_var")


def _used(state: State, p: int) -> tuple[int, int]:
    first, following, parcel = state.heads[p].tolist()
    if first == following:
        return 0, 0
    oldest = int(state.batch_first[p, first % state.batch_bin.shape[1]])
    return following - first, parcel - oldest


def _grown(state: State, name: str, batches: int, parcels: int) -> Floats:
    old: Floats = getattr(state, name)
    size = batches if name in _BATCHES else parcels
    new = np.zeros((len(old), size), dtype=old.dtype)
    for p in range(len(old)):
        used_batches, used_parcels = _used(state, p)
        last, used = (
            (state.heads[p, 1], used_batches) if name in _BATCHES else (state.heads[p, 2], used_parcels)
        )
        counters = np.arange(last - used, last)
        new[p, counters % size] = old[p, counters % old.shape[1]]
    return new


def _figures(laws: Sequence[Sequence[Law]]) -> Floats:
    rows = [each.figures for provider in laws for each in provider]
    return np.array(rows, dtype=np.float64).reshape(-1, _FIGURES)


def _sum(first: Floats, second: Floats) -> Floats:
    """Equally probable points of the sum of two independent times."""
    if second[0] == second[-1]:
        return first + second[0]
    sums = np.sort(np.add.outer(first, second), axis=None)
    return np.asarray(sums.reshape(len(first), -1).mean(axis=1))


def _laid(in_bins: Floats, lags: Indices) -> tuple[Indices, Floats]:
    """A delay of equally probable points on bins, for causes even over their bin: (lags, jumps), one more each.

    Between two lags the share per bin is even. What comes before the first lag waits until then; what comes
    after the last is dropped, for it is beyond the season.
    """
    arrived = np.clip(lags[:, None] - in_bins[None, :], 0.0, 1.0).mean(axis=1)
    arrived[0] = 0.0
    heights = np.diff(arrived) / np.diff(lags)
    return lags, np.diff(heights, prepend=0.0, append=0.0)


def _delivery(in_bins: Floats, bins: int) -> tuple[Indices, Floats]:
    last = min(math.ceil(float(in_bins[-1])) + 1, bins + 1)
    lags = list(range(min(_EXACT_LAGS, last) + 1))
    while lags[-1] < last:
        lags.append(min(last, math.ceil(lags[-1] * _LAG_GROWTH)))
    return _laid(in_bins, np.array(lags, dtype=np.int64))


def _backoff(scenario: Scenario, attempt: int, bin_s: float) -> tuple[Indices, Floats]:
    """From being served in a bin to coming back: service, then a wait that is even between its ends."""
    service_s = scenario.pipeline.workers.service_time
    ends_s = backoff_range_s(scenario.pipeline.retries, attempt)
    least, most = ((end_s + service_s) / bin_s for end_s in ends_s)
    in_bins = np.linspace(least, most, 2 * POINTS + 1)[1::2]
    lags = {max(1, math.floor(end) + step) for end in (least, most) for step in (0, 1, 2)}
    return _laid(in_bins, np.array(sorted(lags), dtype=np.int64))


def _stacked(rows: Sequence[Floats] | Sequence[Indices]) -> Floats:
    """(rows, longest), the shorter ones filled up with zeros."""
    width = max((len(row) for row in rows), default=0)
    stacked = np.zeros((len(rows), width))
    for at, row in enumerate(rows):
        stacked[at, : len(row)] = row
    return stacked
