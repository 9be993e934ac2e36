"""The cohort's bands of tenants: a queue with fair share in a plan and in a state, and what came of it."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from scenarios.scenario import Scenario
from scenarios.words import PRIORITIES
from sim import histogram
from sim.ledger import ACCEPTED, DELIVERED, EXPIRED, FAILED, FRESH, OFFERED, REJECTED
from sim.pipeline.columns import BANDS, END_PARCEL, FIRST_PARCEL, HELD_SLOPES, LANE, STREAM
from sim.pipeline.lines import (
    BAND_DROPPED,
    BAND_EXPIRED,
    END_BAND,
    FIRST_BAND,
    GROUP,
    LINE_ANY,
    LINE_MASS,
    LOT_WAITS,
    TENANTS,
    TIMELY,
)
from sim.pipeline.state import Floats, Plan, State
from sim.tenants import Group, band_ends, group_ends, groups_of, shares, split_evenly
from sim.traffic import Stream

_BLOCK = 5_000_000
"""Numbers, 40 MB: from 32 MB on the C library maps a block apart."""


def bands_of(scenario: Scenario, streams: Sequence[Stream]) -> dict[str, Any]:
    """What a plan says of tenants; `streams` are those of the lanes."""
    tenants = scenario.tenants
    if tenants is None or not scenario.pipeline.queue.fair_share:
        return {"bands": np.zeros((0, END_BAND + 1)), "band_shares": np.zeros((len(streams), 0))}
    groups = group_ends(scenario)
    ends = band_ends(groups)
    bands = np.zeros((len(ends), END_BAND + 1))
    bands[:, TENANTS] = [last - before for before, last in pairwise((0, *ends))]
    bands[:, GROUP] = np.searchsorted(groups, ends)
    last_bands = np.searchsorted(ends, groups) + 1
    bands[: len(groups), FIRST_BAND:] = np.column_stack(((0, *last_bands[:-1]), last_bands))
    return {"bands": bands, "band_shares": shares(tenants, ends, streams)}


def empty_lines(plan: Plan, ahead: int, batches: int) -> dict[str, Any]:
    """What a state says of tenants when nobody waits; a backoff reaches so many bins `ahead`, and there is
    room for so many batches."""
    lanes, bands = plan.band_shares.shape
    groups, tries = groups_in(plan), len(plan.back)
    return {
        "lines": np.zeros((len(PRIORITIES), bands, LINE_ANY + 1)),
        "line_batches": np.zeros((len(PRIORITIES), batches * min(1, bands), LINE_MASS + bands)),
        "known_back": _given_back((groups, ahead, lanes, tries, 3)),
        "known_level": np.zeros((groups, lanes, tries, 3)),
        "lots": np.zeros((2 * (1 + groups) * LOT_WAITS, lanes, 1 + tries), dtype=np.int64),
        "band_away": np.zeros((lanes, bands)),
        "band_hidden": np.zeros((lanes, bands)),
        "band_back": plan.band_shares.copy(),
        "by_group": np.zeros((lanes, groups)),
        "band_gone": np.zeros((2, lanes, bands)),
        "group_delays": scattered((groups, HELD_SLOPES + 1, len(plan.streams), histogram.BINS)),
        "group_told": np.zeros((TIMELY + 1, groups, len(plan.streams))),
    }


def _given_back(shape: tuple[int, ...]) -> Floats:
    """Zeros in a block of their own, whose memory is given back when they are done with: what is smaller may
    stay within that of others. What nobody wrote on takes none."""
    size = math.prod(shape)
    return np.zeros(max(size, _BLOCK) if size else 0)[:size].reshape(shape)


def scattered(shape: tuple[int, ...]) -> Floats:
    """Zeros of which few are written on, here and there: numpy's come 2 MB at a time, these by the page."""
    size = math.prod(shape)
    if size == 0:
        return np.zeros(shape)
    room = mmap.mmap(-1, 8 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(room, dtype=np.float64).reshape(shape)


def groups_in(plan: Plan) -> int:
    """How many groups of tenants a plan has; 0 in a queue without fair share."""
    return int(plan.bands[-1, GROUP]) + 1 if len(plan.bands) else 0


def known_of(plan: Plan, state: State) -> Floats:
    """float64 (4, lanes, groups): messages known to be of a group that were found expired in the queue,
    dropped by it, are still in it; and that arrive fresh."""
    told = np.array([state.band_gone[BAND_EXPIRED], state.band_gone[BAND_DROPPED], _queued(state)])
    found = np.zeros((4, told.shape[1], state.group_told.shape[1]))
    for group, of_band in zip(plan.bands[:, GROUP].astype(np.int64), np.moveaxis(told, 2, 0), strict=True):
        found[:3, :, group] += of_band
    np.add.at(found[3], plan.streams[:, LANE].astype(np.int64), state.group_told[TIMELY].T)
    return found


def _queued(state: State) -> Floats:
    """float64 (lanes, bands): messages that wait in lines."""
    found = np.zeros(state.band_away.shape)
    for p, (first, following, _) in enumerate(state.heads.tolist()):
        if first == following:
            continue
        batches = state.batches[p, np.array([first, following - 1]) % state.batches.shape[1]]
        parcels = np.arange(int(batches[0, FIRST_PARCEL]), int(batches[1, END_PARCEL]))
        rows = state.parcels[p, parcels % state.parcels.shape[1]]
        np.add.at(found, rows[:, STREAM].astype(np.int64), rows[:, BANDS:])
    return found


def groups(
    scenario: Scenario, streams: Sequence[Stream], totals: Floats, delays: Floats, known: Floats
) -> tuple[Group, ...]:
    """What became of each group of tenants, none in a season without.

    totals: float64 (quantities, streams). delays: (1 + groups, streams, BINS) of `delay_counts`. known:
    (4, streams, groups) of `known_of`. What left the queue is followed by stream alone: from there on all
    fates are shared alike.
    """
    if scenario.tenants is None or not scenario.pipeline.queue.fair_share:
        return split_evenly(scenario, streams, totals, delays[0])
    expired, dropped, waiting, fresh = known
    share = shares(scenario.tenants, group_ends(scenario), streams)
    served = np.maximum(totals[ACCEPTED][:, None] * share - expired - dropped - waiting, 0.0)
    behind = _normed(served, share)
    told = totals[:, :, None] * behind
    for row in (OFFERED, ACCEPTED, REJECTED):
        told[row] = totals[row][:, None] * share
    for row, own in ((EXPIRED, expired), (FAILED, dropped)):
        told[row] = own + (totals[row] - own.sum(axis=1))[:, None] * behind
    by_group, rest = _delays(delays, behind)
    told[FRESH] = fresh + np.maximum(totals[FRESH] - fresh.sum(axis=1), 0.0)[:, None] * rest
    told[FRESH] = np.minimum(told[FRESH], told[DELIVERED])
    missing = totals[FRESH] - told[FRESH].sum(axis=1)
    told[FRESH] += missing[:, None] * _normed(told[DELIVERED] - told[FRESH], behind)
    return groups_of(scenario, told.sum(axis=1), by_group.sum(axis=1))


def _normed(amounts: Floats, otherwise: Floats) -> Floats:
    """(n, groups): each row's shares of its sum; those of `otherwise` where that is 0."""
    sums = amounts.sum(axis=1, keepdims=True)
    return np.where(sums > 0.0, amounts / np.where(sums > 0.0, sums, 1.0), otherwise)


def _delays(delays: Floats, behind: Floats) -> tuple[Floats, Floats]:
    """float64 (groups, streams, BINS): what is known of each group, and of the rest as much as makes its
    share; and (streams, groups): whose that rest is."""
    known = delays[1:]
    wanted = delays[0].sum(axis=1)[:, None] * behind - known.sum(axis=2).T
    shares_of_rest = _normed(np.maximum(wanted, 0.0), behind)
    rest = np.maximum(delays[0] - known.sum(axis=0), 0.0)
    return known + shares_of_rest.T[:, :, None] * rest, shares_of_rest
