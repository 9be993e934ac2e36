"""The cohort faces, compiled and joined: one window of bins through queue, workers, limits and backoffs.

Compiled by numba. Messages are amounts here: what enters a class in one bin is a batch of parcels (stream,
attempts), workers and limits pass amounts per bin, and first in first out turns amounts into waits.
sim/README.md says what is exact and what is approximate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.ledger import EXPIRED, ONCE, QUANTITIES
from sim.pipeline.kernelagain import again
from sim.pipeline.kernelasking import ask
from sim.pipeline.kernelbeyond import beyond
from sim.pipeline.kernelcache import compiled, part
from sim.pipeline.kernelcalls import address_of, call_at, refer
from sim.pipeline.kernelcalm import all_pass, ask_for_all, fresh_at_once, is_calm, pass_all
from sim.pipeline.kerneldelivery import land
from sim.pipeline.kerneldoor import due_in, enter_newcomers
from sim.pipeline.kernelfull import full
from sim.pipeline.kernelparts import (
    ask_for_pieces,
    come_back,
    expire,
    hand_out,
    light_wait,
    wait_spans,
)
from sim.pipeline.kernelsettle import settle
from sim.pipeline.provisions import goes_beyond
from sim.pipeline.state import (
    ASK_STANDBYS,
    AWAY,
    CELL,
    CHANCE,
    COME_AGAIN,
    COUNT_OUTSIDE,
    DROP,
    DROP_SHARE,
    EARN_RETRIES,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_BATCH,
    FIRST_PARCEL,
    GRANT_RETRIES,
    HELD,
    HIDDEN,
    LANE,
    LEFT,
    MAN,
    MASS,
    NEXT_BATCH,
    NEXT_PARCEL,
    PIECES,
    PLAN_DROPS,
    REJECT,
    STREAM,
    TAKE_OUT,
    TRY_AGAIN,
    UNDER_WAY,
    UNTIL,
    Floats,
    Indices,
    Plan,
    State,
    Window,
)


@part
def _enter(plan: Plan, state: State, window: Window, t: int) -> None:
    """Newcomers and those whose backoff is over join each class as one batch."""
    for p in range(state.waiting.shape[0]):
        batch = state.batches[p, state.heads[p, NEXT_BATCH] % state.batches.shape[1]]
        batch[ENTERED_BIN], batch[LEFT] = t, 1.0
        batch[FIRST_PARCEL] = state.heads[p, NEXT_PARCEL]
    enter_newcomers(plan, state, window, t)
    if t <= state.marks[UNTIL] + 1:
        for s in range(window.arrivals.shape[0]):
            come_back(plan, state, t, s)
    if window.again != 0:
        call_at(window.again, plan, state, window, COME_AGAIN, t, 0, 0, 0.0)
    for p in range(state.waiting.shape[0]):
        batch = state.batches[p, state.heads[p, NEXT_BATCH] % state.batches.shape[1]]
        batch[END_PARCEL] = state.heads[p, NEXT_PARCEL]
        if batch[END_PARCEL] > batch[FIRST_PARCEL]:
            state.heads[p, NEXT_BATCH] += 1
    if plan.overflow == DROP:
        call_at(window.full, plan, state, window, PLAN_DROPS, t, 0, 0, 0.0)


@part
def _waiting_before(state: State, p: int, t: int) -> float:
    """Messages of class `p` that were there before bin `t`."""
    entering = 0.0
    if state.heads[p, NEXT_BATCH] > state.heads[p, FIRST_BATCH]:
        batch = state.batches[p, (state.heads[p, NEXT_BATCH] - 1) % state.batches.shape[1]]
        if batch[ENTERED_BIN] == t:
            for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
                entering += state.parcels[p, i % state.parcels.shape[1], MASS]
    return max(0.0, float(state.waiting[p]) - entering)


@part
def _serve_class(plan: Plan, state: State, window: Window, p: int, t: int, capacity: float) -> float:
    """The workers take up to `capacity` of one class, oldest batch first. Returns the messages served.

    What is dropped leaves with them: both take from the front.
    """
    leaving, before, j = capacity + state.drops[p], _waiting_before(state, p, t), t - window.first_bin
    gone, kept = 0.0, 1.0 if state.drops[p] <= 0.0 else capacity / leaving
    while state.heads[p, FIRST_BATCH] < state.heads[p, NEXT_BATCH] and leaving - gone > 1e-9 * plan.capacity:
        batch = state.batches[p, state.heads[p, FIRST_BATCH] % state.batches.shape[1]]
        mass = expire(plan, state, p, batch, t, j, window.out[EXPIRED])
        taken = min(mass, leaving - gone)
        if mass > 0.0:
            share = taken / mass
            spans = wait_spans(plan, batch, t, share, (before, gone, taken, leaving))
            hand_out(plan, state, p, batch, share * kept, spans)
            if kept < 1.0:
                dropped = share * (1.0 - kept) / (1.0 - share * kept)
                call_at(window.full, plan, state, window, DROP_SHARE, t, p, 0, dropped)
            batch[LEFT] *= 1.0 - share
            gone += taken
            state.waiting[p] -= taken
        if taken >= mass:
            state.heads[p, FIRST_BATCH] += 1
    if state.heads[p, FIRST_BATCH] == state.heads[p, NEXT_BATCH]:
        state.waiting[p] = 0.0
    state.drops[p] = 0.0
    return gone * kept


@part
def _serve(plan: Plan, state: State, window: Window, t: int) -> float:
    """The workers take what they can, the highest class first. Returns the messages served."""
    total, capacity = 0.0, window.capacity[t - window.first_bin]
    state.marks[PIECES] = 0
    for p in range(state.waiting.shape[0]):
        start = state.marks[PIECES]
        served = _serve_class(plan, state, window, p, t, capacity - total)
        for i in range(start, state.marks[PIECES]):
            # for now the loads that decide on waits below a bin; what they mean needs all classes' load
            state.pieces[i, CELL], state.pieces[i, CHANCE] = total / plan.capacity, served / plan.capacity
        total += served
    above, own, cell, chance = -1.0, -1.0, 0, 0.0
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        if piece[CELL] != above or piece[CHANCE] != own:
            above, own = piece[CELL], piece[CHANCE]
            cell, chance = light_wait(plan, above, own, total / plan.capacity)
        piece[CELL], piece[CHANCE] = cell, chance
    return total


@part
def _count_held(plan: Plan, state: State, held: Floats) -> None:
    """Into `held` (S,): messages in hand, those in the queue counted parcel by parcel."""
    for row in range(state.streams.shape[0]):
        own = state.streams[row]
        held[int(plan.streams[row, LANE])] += own[AWAY] + own[UNDER_WAY] + own[HELD] + own[HIDDEN]
    for p in range(state.waiting.shape[0]):
        for b in range(state.heads[p, FIRST_BATCH], state.heads[p, NEXT_BATCH]):
            batch = state.batches[p, b % state.batches.shape[1]]
            for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
                parcel = state.parcels[p, i % state.parcels.shape[1]]
                held[int(parcel[STREAM])] += parcel[MASS]


@compiled
def lay_causes(caused: Floats, slope: Floats, lags: Indices, jumps: Floats) -> None:
    """As sim.season.response.lay_causes, which see."""
    for k in range(lags.shape[0]):
        lag, jump = lags[k], jumps[k]
        for i in range(min(caused.shape[0], max(0, slope.shape[0] - lag))):
            slope[lag + i] += jump * caused[i]


class Units(NamedTuple):
    """Addresses of what is compiled apart, 0 where a plan does not need it."""

    beyond: int
    full: int
    again: int


def units_of(plan: Plan, state: State) -> Units:
    """What a plan needs beside `advance`, compiled now or taken from the cache.

    To be asked for once a plan: numba takes a millisecond to tell the types of so many arrays.
    """
    fields = plan, state, _window(0, np.zeros((1, 1)), np.zeros(1), Units(0, 0, 0))
    return Units(
        address_of(beyond, *fields) if goes_beyond(plan) else 0,
        address_of(full, *fields) if plan.overflow != REJECT else 0,
        address_of(again, *fields) if len(plan.again) else 0,
    )


def step(
    plan: Plan, state: State, units: Units, first_bin: int, arrivals: Floats, capacity: Floats
) -> Window:
    """The pipeline goes on for n bins from `first_bin`. arrivals: float64 (S, n), messages due; capacity:
    float64 (n,), how many the workers can serve."""
    window = _window(first_bin, arrivals, capacity, units)
    advance(plan, state, window)
    return window


def _window(first_bin: int, arrivals: Floats, capacity: Floats, units: Units) -> Window:
    lanes, bins = arrivals.shape
    counted = len(QUANTITIES) if units.again else ONCE
    out, under_way = np.zeros((counted, lanes, bins)), np.zeros((lanes, bins))
    return Window(first_bin, arrivals, capacity, out, under_way, np.zeros(bins), np.zeros(lanes), *units)


@compiled
def advance(plan: Plan, state: State, window: Window) -> None:
    """One window of bins."""
    plan, state, window = refer(plan), refer(state), refer(window)
    fresh_at_once(plan, state)
    for j in range(window.arrivals.shape[1]):
        _bin(plan, state, window, window.first_bin + j)
    _count_held(plan, state, window.held)
    if window.full != 0:
        call_at(window.full, plan, state, window, COUNT_OUTSIDE, 0, 0, 0, 0.0)


@part
def _bin(plan: Plan, state: State, window: Window, t: int) -> None:
    """One bin."""
    arrivals, out, j = window.arrivals, window.out, t - window.first_bin
    due = due_in(arrivals, j)
    if window.again != 0:
        call_at(window.again, plan, state, window, MAN, t, 0, 0, 0.0)
    calm = window.again == 0 and is_calm(state, t, due, window.capacity[j])
    if calm:
        ask_for_all(plan, j, arrivals, state.shares)
        ask(plan, state, window, t)
    if calm and all_pass(state, state.shares):
        if window.beyond != 0:
            call_at(window.beyond, plan, state, window, TRY_AGAIN, t, 0, 0, 0.0)
            call_at(window.beyond, plan, state, window, EARN_RETRIES, t, 0, 0, 0.0)
        pass_all(plan, state, t, j, due, arrivals, state.fresh_shares, out)
        window.busy[j] = due / plan.capacity
    else:
        _enter(plan, state, window, t)
        served = _serve(plan, state, window, t)
        always = served >= window.capacity[j] * (1.0 - 1e-9)
        window.busy[j] = 1.0 if always else served / plan.capacity
        if window.again != 0:
            call_at(window.again, plan, state, window, TAKE_OUT, t, 0, 0, served)
        if not calm:
            ask_for_pieces(plan, state, state.shares)
            ask(plan, state, window, t)
        if window.beyond != 0:
            call_at(window.beyond, plan, state, window, ASK_STANDBYS, t, 0, 0, 0.0)
            call_at(window.beyond, plan, state, window, TRY_AGAIN, t, 0, 0, 0.0)
            call_at(window.beyond, plan, state, window, GRANT_RETRIES, t, 0, 0, 0.0)
        settle(plan, state, window, t)
    land(plan, state, window, t)
