"""The queue's door, compiled: what a bounded queue does when more come than it has room for.

It rejects newcomers, drops what waits longest, or lets newcomers wait outside until there is room.
"""

from __future__ import annotations

from sim.ledger import ACCEPTED, OFFERED, REJECTED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelparts import put
from sim.pipeline.state import (
    AWAY,
    DROP,
    FIRST_OUTSIDE,
    NEXT_OUTSIDE,
    SPILL,
    Floats,
    Plan,
    State,
)


@part
def due_in(arrivals: Floats, j: int) -> float:
    """Messages of all streams that are due in bin `j` of the window."""
    total = 0.0
    for s in range(arrivals.shape[0]):
        total += arrivals[s, j]
    return total


@part
def _queued(state: State) -> float:
    queued = 0.0
    for p in range(state.waiting.shape[0]):
        queued += state.waiting[p]
    return queued


@part
def _room(plan: Plan, state: State) -> float:
    """Messages that may wait besides those in backoff, and those that will be refused in this bin: as many as
    in the last one. Below 0 if those are too many already."""
    away = float(state.drops[state.waiting.shape[0]])
    for s in range(state.streams.shape[0]):
        away += state.streams[s, AWAY]
    return plan.bound - away


@part
def _kept_share(plan: Plan, state: State, newcomers: float) -> float:
    """Share of this bin's newcomers that the queue's bound lets in, given what the workers take meanwhile."""
    left, room = max(0.0, _queued(state) + newcomers - plan.capacity), _room(plan, state)
    if plan.overflow == SPILL:
        room = max(0.0, room)
    return 1.0 - min(max(left - room, 0.0) / newcomers, 1.0)


@part
def enter_newcomers(plan: Plan, state: State, t: int, j: int, arrivals: Floats, out: Floats) -> None:
    """Messages due in bin `t` join their classes, wait outside, or are rejected."""
    total = due_in(arrivals, j)
    if plan.overflow == SPILL:
        _from_outside(plan, state)
    if total <= 0.0:
        return
    kept = _kept_share(plan, state, total) if plan.overflow != DROP else 1.0
    due_s, var = (t + 0.5) * plan.bin_s, plan.bin_s * plan.bin_s / 12.0
    for s in range(arrivals.shape[0]):
        came = arrivals[s, j]
        entered = came * kept
        out[OFFERED, s, j] = came
        if plan.overflow == SPILL:
            out[ACCEPTED, s, j] = came
            state.outside[state.marks[NEXT_OUTSIDE] % state.outside.shape[0], s] = came - entered
        else:
            out[ACCEPTED, s, j] = entered
            out[REJECTED, s, j] = came - entered
        if entered > 0.0:
            put(plan, state, s, 0.0, entered, due_s, var)
    if plan.overflow == SPILL and kept < 1.0:
        state.outside[state.marks[NEXT_OUTSIDE] % state.outside.shape[0], arrivals.shape[0]] = t
        state.marks[NEXT_OUTSIDE] += 1


@part
def _from_outside(plan: Plan, state: State) -> None:
    """Spilled messages come in as far as there is room, those of the earliest bin first."""
    room = max(0.0, _room(plan, state)) + plan.capacity - _queued(state)
    streams = state.streams.shape[0]
    while state.marks[FIRST_OUTSIDE] < state.marks[NEXT_OUTSIDE] and room > 1e-9 * plan.capacity:
        row = state.outside[state.marks[FIRST_OUTSIDE] % state.outside.shape[0]]
        mass = 0.0
        for s in range(streams):
            mass += row[s]
        share = min(1.0, room / mass) if mass > 0.0 else 1.0
        for s in range(streams):
            if row[s] > 0.0:
                due_s, var = (row[streams] + 0.5) * plan.bin_s, plan.bin_s * plan.bin_s / 12.0
                put(plan, state, s, 0.0, row[s] * share, due_s, var)
                row[s] -= row[s] * share
        room -= mass * share
        if share >= 1.0:
            state.marks[FIRST_OUTSIDE] += 1


@part
def plan_drops(plan: Plan, state: State) -> None:
    """Into `state.drops` (P,): how much of each class is dropped in this bin, the lowest class first."""
    over = max(0.0, _queued(state) - plan.capacity - max(0.0, _room(plan, state)))
    for p in range(state.waiting.shape[0] - 1, -1, -1):
        above = 0.0
        for q in range(p):
            above += state.waiting[q]
        stays = max(0.0, state.waiting[p] - max(0.0, plan.capacity - above))
        state.drops[p] = min(over, stays)
        over -= state.drops[p]


@part
def count_outside(state: State, held: Floats) -> None:
    """Add to `held` (S,) the messages that wait outside."""
    for i in range(state.marks[FIRST_OUTSIDE], state.marks[NEXT_OUTSIDE]):
        for s in range(held.shape[0]):
            held[s] += state.outside[i % state.outside.shape[0], s]
