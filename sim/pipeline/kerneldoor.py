"""The queue's door: newcomers come in as far as there is room. Compiled into sim.pipeline.kernel.

What is too many is rejected here; sim.pipeline.kernelfull has what else a full queue may do.
"""

from __future__ import annotations

from sim.ledger import ACCEPTED, OFFERED, REJECTED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kernelparts import put
from sim.pipeline.state import (
    ALIVE,
    AWAY,
    COME_IN,
    DROP,
    HIDDEN,
    OWNER,
    SPILL,
    SPILL_OVER,
    Plan,
    State,
    Window,
)


@part
def queued(state: State) -> float:
    """Messages of all classes that wait in the queue."""
    total = 0.0
    for p in range(state.waiting.shape[0]):
        total += state.waiting[p]
    return total


@part
def room(plan: Plan, state: State) -> float:
    """Messages that may wait besides those in backoff or not visible yet, and those that will be refused or
    hidden in this bin: as many as in the last one. Below 0 if those are too many already."""
    away = float(state.refused[0] + state.refused[1])
    for i in range(state.marks[ALIVE]):
        away += state.streams[state.alive[i], AWAY] + state.streams[state.alive[i], HIDDEN]
    return plan.bound - away


@part
def _kept_share(plan: Plan, state: State, newcomers: float, capacity: float) -> float:
    """Share of this bin's newcomers that the queue's bound lets in, given what the workers take meanwhile."""
    left, most = max(0.0, queued(state) + newcomers - capacity), room(plan, state)
    if plan.overflow == SPILL:
        most = max(0.0, most)
    return 1.0 - min(max(left - most, 0.0) / newcomers, 1.0)


@part
def enter_newcomers(plan: Plan, state: State, window: Window, t: int, total: float) -> None:
    """All the `total` messages due in bin `t` join their classes, wait outside, or are rejected."""
    arrivals, out, j = window.arrivals, window.out, t - window.first_bin
    if plan.overflow == SPILL:
        call_at(window.full, plan, state, window, COME_IN, t, 0, 0, 0.0)
    if total <= 0.0:
        return
    kept = _kept_share(plan, state, total, window.capacity[j]) if plan.overflow != DROP else 1.0
    due_s, var = (t + 0.5) * plan.bin_s, plan.bin_s * plan.bin_s / 12.0
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s >= arrivals.shape[0] or arrivals[s, j] <= 0.0:
            continue
        came = arrivals[s, j]
        own = int(plan.streams[s, OWNER])
        out[OFFERED, own, j] += came
        out[ACCEPTED, own, j] += came * kept
        out[REJECTED, own, j] += came - came * kept
        if came * kept > 0.0:
            put(plan, state, s, 0.0, came * kept, due_s, var)
    if plan.overflow == SPILL and kept < 1.0:
        call_at(window.full, plan, state, window, SPILL_OVER, t, 0, 0, 1.0 - kept)
