"""A full queue that drops what waits longest, or lets newcomers wait outside: compiled apart from
sim.pipeline.kernel, when a plan needs it.
"""

from __future__ import annotations

import math

from sim.ledger import ACCEPTED, FAILED, REJECTED
from sim.pipeline.columns import (
    AWAY,
    END_PARCEL,
    FIRST_BATCH,
    FIRST_OUTSIDE,
    FIRST_PARCEL,
    MASS,
    NEXT_OUTSIDE,
    OWNER,
    PIECES,
    STREAM,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kerneldoor import elsewhere, let_in, queued, room
from sim.pipeline.kernelexpiry import too_old_share
from sim.pipeline.kernellimits import blocked_share
from sim.pipeline.kernelparts import put
from sim.pipeline.state import Plan, State, Window
from sim.pipeline.steps import COME_IN, COUNT_OUTSIDE, CROWD_OUT, DROP_SHARE, PLAN_DROPS, SPILL_OVER


def full(
    plan: Plan, state: State, window: Window, step: int, t: int, at: int, _row: int, mass: float
) -> float:
    """One of the steps of bin `t` that sim.pipeline.steps names; `at` is a class."""
    if step == COME_IN:
        _come_in(plan, state, t, window.capacity[t - window.first_bin])
    elif step == SPILL_OVER:
        _spill_over(plan, state, window, t, mass)
    elif step == PLAN_DROPS:
        _plan_drops(plan, state, t, window.capacity[t - window.first_bin])
    elif step == DROP_SHARE:
        _drop(plan, state, window, t, at, mass)
    elif step == COUNT_OUTSIDE:
        _count_outside(plan, state, window)
    elif step == CROWD_OUT:
        return float(_crowd_out(plan, state, window, t, mass))
    return 0.0


@part
def _come_in(plan: Plan, state: State, t: int, capacity: float) -> None:
    """Spilled messages come in as far as there is room, those of the earliest bin first."""
    left, streams = let_in(plan, state, t, capacity, math.inf), state.outside.shape[1] - 1
    while state.marks[FIRST_OUTSIDE] < state.marks[NEXT_OUTSIDE] and left > 1e-9 * plan.capacity:
        row = state.outside[state.marks[FIRST_OUTSIDE] % state.outside.shape[0]]
        mass = 0.0
        for s in range(streams):
            mass += row[s]
        share = min(1.0, left / mass) if mass > 0.0 else 1.0
        due_s, var = (row[streams] + 0.5) * plan.bin_s, plan.bin_s * plan.bin_s / 12.0
        for s in range(streams):
            if row[s] > 0.0:
                put(plan, state, s, 0.0, row[s] * share, due_s, var)
                row[s] -= row[s] * share
        left -= mass * share
        if share >= 1.0:
            state.marks[FIRST_OUTSIDE] += 1


@part
def _spill_over(plan: Plan, state: State, window: Window, t: int, share: float) -> None:
    """The share of bin `t` that was rejected is taken in all the same, to wait outside."""
    row, j = state.outside[state.marks[NEXT_OUTSIDE] % state.outside.shape[0]], t - window.first_bin
    streams = window.arrivals.shape[0]
    for s in range(streams):
        own = int(plan.streams[s, OWNER])
        row[s] = window.arrivals[s, j] * share
        window.out[ACCEPTED, own, j] += row[s]
        window.out[REJECTED, own, j] = 0.0
    row[streams] = t
    state.marks[NEXT_OUTSIDE] += 1


@part
def _plan_drops(plan: Plan, state: State, t: int, capacity: float) -> None:
    """Into `state.drops` (P,): how much of each class is dropped in bin `t`, the lowest class first."""
    over = max(0.0, queued(state) - capacity - max(0.0, room(plan, state, t, capacity)))
    for p in range(state.waiting.shape[0] - 1, -1, -1):
        above = 0.0
        for q in range(p):
            above += state.waiting[q]
        stays = max(0.0, state.waiting[p] - max(0.0, capacity - above))
        state.drops[p] = min(over, stays)
        over -= state.drops[p]


@part
def _crowd_out(plan: Plan, state: State, window: Window, t: int, newcomers: float) -> float:
    """Where backoffs alone fill the bound, a newcomer who finds no worker idle crowds out all that waits,
    itself last. Drops what comes back in bin `t` and is crowded out; returns the share of the `newcomers`
    that are.

    A birth and death process of c workers for whom only what comes back may wait, until the next newcomer.
    Up to c it is Erlang's loss system of both; beyond, each number is x times as likely as one less, the
    lesser root of C x^2 - (n + r + C) x + r = 0 where n come, r come back and C are served in a bin.
    """
    capacity, returning, late = window.capacity[t - window.first_bin], 0.0, 0.0
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        stale = too_old_share(t, plan.bin_s, piece, plan.streams[int(piece[STREAM])], False)
        returning, late = returning + piece[MASS] * (1.0 - stale), late + piece[MASS] * stale
    away = elsewhere(state) + 0.5 * (float(state.refused[0]) - returning - late)
    servers = plan.workers * plan.batch * capacity / plan.capacity
    if away < plan.bound or servers <= 0.0:
        return 0.0
    half = 0.5 * (1.0 + (newcomers + returning) / capacity)
    more = half - math.sqrt(half * half - returning / capacity)
    full = blocked_share(servers, (newcomers + returning) / capacity * servers)
    full /= 1.0 - more + full * more
    if returning > 0.0:
        _lose(plan, state, window, t, min(1.0, newcomers * full * more / (1.0 - more) / returning))
    return float(full)


@part
def _lose(plan: Plan, state: State, window: Window, t: int, share: float) -> None:
    """A share of what comes back in bin `t` is dropped."""
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        s, gone = int(piece[STREAM]), piece[MASS] * share
        window.out[FAILED, int(plan.streams[s, OWNER]), t - window.first_bin] += gone
        state.streams[s, AWAY] -= gone
        piece[MASS] -= gone


@part
def _drop(plan: Plan, state: State, window: Window, t: int, p: int, share: float) -> None:
    """Take `share` of what is left of the oldest batch of class `p` out of the queue."""
    batch = state.batches[p, state.heads[p, FIRST_BATCH] % state.batches.shape[1]]
    for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
        parcel = state.parcels[p, i % state.parcels.shape[1]]
        gone = parcel[MASS] * min(share, 1.0)
        window.out[FAILED, int(plan.streams[int(parcel[STREAM]), OWNER]), t - window.first_bin] += gone
        parcel[MASS] -= gone


@part
def _count_outside(plan: Plan, state: State, window: Window) -> None:
    """Add the messages that wait outside to those in hand."""
    for i in range(state.marks[FIRST_OUTSIDE], state.marks[NEXT_OUTSIDE]):
        for s in range(window.arrivals.shape[0]):
            window.held[int(plan.streams[s, OWNER])] += state.outside[i % state.outside.shape[0], s]
