"""The queue's door: newcomers come in as far as there is room. Compiled into sim.pipeline.kernel.

What is too many is rejected here; sim.pipeline.kernelfull has what else a full queue may do.
"""

from __future__ import annotations

from sim.ledger import ACCEPTED, OFFERED, REJECTED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kernelparts import put
from sim.pipeline.state import AWAY, COME_IN, DROP, HIDDEN, SPILL, SPILL_OVER, Floats, Plan, State, Window


@part
def due_in(arrivals: Floats, j: int) -> float:
    """Messages of all streams that are due in bin `j` of the window."""
    total = 0.0
    for s in range(arrivals.shape[0]):
        total += arrivals[s, j]
    return total


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
    for s in range(state.streams.shape[0]):
        away += state.streams[s, AWAY] + state.streams[s, HIDDEN]
    return plan.bound - away


@part
def _kept_share(plan: Plan, state: State, newcomers: float, capacity: float) -> float:
    """Share of this bin's newcomers that the queue's bound lets in, given what the workers take meanwhile."""
    left, most = max(0.0, queued(state) + newcomers - capacity), room(plan, state)
    if plan.overflow == SPILL:
        most = max(0.0, most)
    return 1.0 - min(max(left - most, 0.0) / newcomers, 1.0)


@part
def enter_newcomers(plan: Plan, state: State, window: Window, t: int) -> None:
    """Messages due in bin `t` join their classes, wait outside, or are rejected."""
    arrivals, out, j = window.arrivals, window.out, t - window.first_bin
    total = due_in(arrivals, j)
    if plan.overflow == SPILL:
        call_at(window.full, plan, state, window, COME_IN, t, 0, 0, 0.0)
    if total <= 0.0:
        return
    kept = _kept_share(plan, state, total, window.capacity[j]) if plan.overflow != DROP else 1.0
    due_s, var = (t + 0.5) * plan.bin_s, plan.bin_s * plan.bin_s / 12.0
    for s in range(arrivals.shape[0]):
        came = arrivals[s, j]
        out[OFFERED, s, j] = came
        out[ACCEPTED, s, j] = came * kept
        out[REJECTED, s, j] = came - came * kept
        if came * kept > 0.0:
            put(plan, state, s, 0.0, came * kept, due_s, var)
    if plan.overflow == SPILL and kept < 1.0:
        call_at(window.full, plan, state, window, SPILL_OVER, t, 0, 0, 0.0)
