"""From a scenario's pipeline to the plan of the cohort kernel, and the empty state that it starts from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scenarios.pipeline import OVERFLOWS
from scenarios.scenario import Scenario
from scenarios.words import PRIORITIES
from sim import histogram
from sim.pipeline import providers
from sim.pipeline.bands import bands_of, empty_lines, scattered
from sim.pipeline.columns import (
    AGAIN_UNTIL,
    AGE_VAR,
    ARRIVING_SHARE,
    BACK_UNTIL,
    BANDS,
    BY_CLASS,
    DEFERRED_UNTIL,
    DETOUR,
    FRESHNESS_S,
    HELD_SLOPES,
    LANDS_UNTIL,
    LANE,
    LATE_AT_ONCE,
    LIGHT_BINS,
    NEVER,
    OWNER,
    PRIORITY,
    PROVIDER,
    RECALLED_UNTIL,
    RUN_BINS,
    SPILL,
    STALL_SHARES,
    STALLED,
)
from sim.pipeline.eras import Era
from sim.pipeline.feedback import Feedback, feedback_of
from sim.pipeline.growing import room_for_pieces
from sim.pipeline.lanes import Lane, lane_streams
from sim.pipeline.limits import Fluid
from sim.pipeline.lines import KNOWN_LATER
from sim.pipeline.manning import figures_of
from sim.pipeline.provisions import (
    deferrals,
    deferred_room,
    limit_rows,
    provider_figures,
    provider_states,
    queued_room,
    told_ahead,
    turns_ahead,
)
from sim.pipeline.recalls import TIMES, recall_figures, recall_room
from sim.pipeline.redelivery import ended_well, forgets
from sim.pipeline.retries import backoff_range_s
from sim.pipeline.spreading import laid, laid_from_causes, stacked, summed
from sim.pipeline.state import Floats, Plan, State
from sim.pipeline.workers import mean_s, service_points
from sim.season.delays import POINTS, points
from sim.traffic import Stream

_SLOPE = histogram.PER_DECADE / math.log(10.0)
_EXACT_LAGS, _LAG_GROWTH = 8, 1.5
_EVEN = 1e-6
"""Bins between the least and the greatest of waits that are all equal."""
_PARCELS, _OUTSIDE, _LINED = 4096, 64, 20


def plan_of(era: Era, streams: Sequence[Stream], lanes: Sequence[Lane], bins: int, bin_s: float) -> Plan:
    """The pipeline of one era in figures, for a season of `bins` bins of `bin_s`; its S streams are the
    `lanes`, and behind them once more those that have a standby.

    Raises UserError for a channel uncarried.
    """
    scenario = era.scenario
    workers = scenario.pipeline.workers
    fluids, first_rows = limit_rows(scenario)
    retries = scenario.pipeline.retries
    ends_s = [backoff_range_s(retries, attempt) for attempt in range(1, retries.attempts)]
    served_s = ended_well(scenario, POINTS) if forgets(scenario) else service_points(workers, POINTS)
    delays_s = [summed(served_s, points((provider.delay,))) for provider in scenario.providers]
    deliveries = [_delivery(delay_s / bin_s, bins) for delay_s in delays_s]
    return Plan(
        bin_s=bin_s,
        bins=bins,
        told_bins=told_ahead(scenario, bin_s),
        bound=float(scenario.pipeline.queue.bound or math.inf),
        overflow=OVERFLOWS.index(scenario.pipeline.queue.overflow),
        batch=workers.batch,
        **figures_of(workers, workers.count, bin_s),
        streams=_streams(scenario, lane_streams(lanes, streams), lanes, delays_s),
        providers=provider_figures(era, bin_s, first_rows),
        deferrals=deferrals(scenario, bin_s),
        limit_first=first_rows,
        limit_figures=_figures(fluids),
        back=stacked([_backoff(ends, mean_s(workers), bin_s) for ends in ends_s]),
        back_ends=np.array(ends_s).reshape(-1, 2) / bin_s,
        delivery=stacked(deliveries),
        delivery_ends=np.array([(len(own), own[-1, 0]) for own in deliveries], dtype=np.int64).reshape(-1, 2),
        delay_points_s=np.array(delays_s).reshape(-1, POINTS),
        edges_s=histogram.EDGES,
        slope=_SLOPE,
        offset=1.0 - math.log(histogram.EDGES[1]) * _SLOPE,
        **bands_of(scenario, lane_streams(lanes, streams)),
        **recall_figures(scenario, bins, bin_s),
    )


def empty_state(
    scenario: Scenario, plans: Sequence[Plan], lanes: int, bins: int, feedback: Feedback | None = None
) -> State:
    """Nothing in hand, all buckets full, with room for each of the `plans` that follow one another.

    Nobody triggers anything where no `feedback` is told.
    """
    plan, bin_s = plans[0], plans[0].bin_s
    s, k, p = len(plan.streams), len(plan.back), len(PRIORITIES)
    carriers = plan.streams[:, PROVIDER].astype(np.int64).tolist()
    back = _ahead(plan.back) + plan.told_bins
    lines = empty_lines(plan, _ahead(plan.back) + min(plan.told_bins, KNOWN_LATER), _PARCELS)
    parcels = _PARCELS * (_LINED if len(plan.bands) else 1)
    coming = max(_ahead(each.delivery) for each in plans) + turns_ahead(scenario, bin_s, bins)
    deferred = deferred_room(scenario, carriers, bin_s, bins)
    streams = np.zeros((s, RECALLED_UNTIL + TIMES))
    streams[:, [LANDS_UNTIL, BACK_UNTIL, DEFERRED_UNTIL]] = NEVER
    streams[:, AGAIN_UNTIL:] = NEVER
    return State(
        limits=_filled_up([each.state for each in limit_rows(scenario)[0]]),
        waiting=np.zeros(p),
        heads=np.zeros((p, 3), dtype=np.int64),
        batches=np.zeros((p, _PARCELS, 4)),
        parcels=np.zeros((p, parcels, BANDS + len(plan.bands))),
        pieces=room_for_pieces(p * parcels, lines["lots"]),
        back=np.zeros((back, lanes, k, 3)),
        back_level=np.zeros((lanes, k, 3)),
        marks=np.array([NEVER, NEVER, 0, 0, 0, 0, NEVER, *[0] * 8], dtype=np.int64),
        drops=np.zeros(p),
        stalled=np.zeros(len(plan.stalls) and len(plan.stalls) - STALL_SHARES + STALLED),
        refused=np.zeros(5),
        rhythm=np.zeros(5),
        outside=np.zeros((_OUTSIDE * int(plan.overflow == SPILL), lanes + 1)),
        coming=np.zeros((s, 2, coming + RUN_BINS)),
        streams=streams,
        alive=np.zeros(s, dtype=np.int64),
        classes=np.zeros((p, 3)),
        ahead=np.zeros((BY_CLASS + p + len(plan.providers), RUN_BINS)),
        landing=np.zeros((3, RUN_BINS)),
        met=np.zeros((len(plan.providers), p, 2, RUN_BINS)),
        providers=provider_states(scenario),
        deferred=deferred,
        deferred_level=np.zeros((deferred.shape[1], deferred.shape[0], 3)),
        queued=queued_room(scenario, carriers, bin_s, bins),
        delays=scattered((HELD_SLOPES + 1, s, histogram.BINS)),
        light=np.zeros((s, LIGHT_BINS)),
        shares=np.zeros(len(plan.providers)),
        class_shares=np.zeros((2, len(plan.providers), p)),
        asking=np.zeros((2, s)),
        key=0,
        **lines,
        **recall_room(plan.again, lanes, bins, bin_s),
        feedback=feedback or feedback_of(scenario, (), (), bins, bin_s, 1),
    )


def _ahead(lags_and_jumps: Floats) -> int:
    return 2 + int(lags_and_jumps[:, :, 0].max(initial=0.0))


def _streams(
    scenario: Scenario, streams: Sequence[Stream], lanes: Sequence[Lane], delays_s: Sequence[Floats]
) -> Floats:
    """`streams` are those of the lanes; delays_s: Plan.delay_points_s."""
    second = providers.standbys(scenario, streams)
    first = list(enumerate(providers.carriers(scenario, streams)))
    detours = [(lane, v) for lane, v in enumerate(second) if v is not None]
    rows = np.zeros((len(lanes) + len(detours), AGE_VAR + 1))
    for row, (lane, carrier) in zip(rows, first + detours, strict=True):
        stream = streams[lane]
        row[PRIORITY], row[PROVIDER] = PRIORITIES.index(stream.priority), carrier
        row[FRESHNESS_S] = stream.freshness_s - lanes[lane].age_s
        row[ARRIVING_SHARE] = 1.0 - providers.lost_share(scenario, stream, carrier)
        row[DETOUR], row[LANE], row[OWNER] = -1.0, lane, lanes[lane].stream
        # a lane is all fresh at the door or all too old: so much even ages may vary at most
        row[AGE_VAR] = min(lanes[lane].age_var, row[FRESHNESS_S] ** 2 / 3.0)
        row[LATE_AT_ONCE] = 1.0 - np.searchsorted(delays_s[carrier], row[FRESHNESS_S], side="right") / POINTS
    for at, (lane, _) in enumerate(detours):
        rows[lane, DETOUR] = len(lanes) + at
    return rows


def _figures(fluids: Sequence[Fluid]) -> Floats:
    numbers = np.array([[each.law] for each in fluids], dtype=np.float64).reshape(-1, 1)
    return np.hstack((_filled_up([each.figures for each in fluids]), numbers))


def _filled_up(rows: Sequence[Sequence[float]]) -> Floats:
    """(rows, longest), the shorter ones filled up with zeros."""
    filled = np.zeros((len(rows), max(map(len, rows), default=0)))
    for at, row in enumerate(rows):
        filled[at, : len(row)] = row
    return filled


def _delivery(in_bins: Floats, bins: int) -> Floats:
    last = min(math.ceil(float(in_bins[-1])) + 1, bins + 1)
    lags = list(range(min(_EXACT_LAGS, last) + 1))
    while lags[-1] < last:
        lags.append(min(last, math.ceil(lags[-1] * _LAG_GROWTH)))
    return laid(in_bins, np.array(lags, dtype=np.int64))


def _backoff(ends_s: tuple[float, float], service_s: float, bin_s: float) -> Floats:
    """From being served in a bin to coming back: service, then a wait that is even between its ends."""
    least, most = ((end_s + service_s) / bin_s for end_s in ends_s)
    return laid_from_causes(least, max(most, least + _EVEN)) * [1.0, 1.0, bin_s, bin_s * bin_s]
