"""The queue's door: newcomers come in as far as there is room. Compiled into sim.pipeline.kernel.

What is too many is rejected here; sim.pipeline.kernelfull has what else a full queue may do.
"""

from __future__ import annotations

import math

from sim.ledger import ACCEPTED, FAILED, OFFERED, REJECTED
from sim.pipeline.columns import ALIVE, AWAY, DROP, HIDDEN, MASS, OWNER, PIECES, SPILL
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kernellimits import blocked_share, breaker_wait, limit_pass
from sim.pipeline.kernelparts import put
from sim.pipeline.provisions import ASKING, BREAKER_FIGURES, BREAKER_STATE, BREAKS, OUT, REFUSED
from sim.pipeline.state import Plan, State, Window
from sim.pipeline.steps import COME_IN, CROWD_OUT, SPILL_OVER


@part
def queued(state: State) -> float:
    """Messages of all classes that wait in the queue."""
    total = 0.0
    for p in range(state.waiting.shape[0]):
        total += state.waiting[p]
    return total


@part
def room(plan: Plan, state: State, t: int, capacity: float) -> float:
    """Messages that may wait besides those in backoff or not visible yet, and those that will be refused or
    hidden in bin `t`: as many as in the last one, of as many as the workers take now, but for whom their
    provider takes now. Below 0 if those are too many already."""
    refused, last = float(state.refused[0]), float(state.refused[4])
    if last > 0.0:
        more = min(capacity, max(queued(state), last)) / last
        refused *= more
        if refused > 0.0:
            refused = max(0.0, refused - _taken_now(plan, state, t, more))
    return plan.bound - refused - float(state.refused[1] + state.refused[2]) - elsewhere(state)


@part
def _taken_now(plan: Plan, state: State, t: int, more: float) -> float:
    """Of those who were set back in the last bin, `more` times as many, how many bin `t` would not refuse: a
    window begins, a breaker lets in again, a fault is over."""
    taken = 0.0
    for v in range(plan.providers.shape[0]):
        refused, asking = state.providers[v, REFUSED] * more, state.providers[v, ASKING] * more
        if refused > 0.0 and plan.providers[v, OUT] == 0.0:
            taken += max(0.0, refused - max(0.0, asking - _passes(plan, state, v, t, asking)))
    return taken


@part
def let_ask(plan: Plan, state: State, t: int, v: int) -> tuple[float, float]:
    """From when on in bin `t`, and for how long (s), the breaker of provider `v` lets messages ask."""
    from_s, shut_s = t * plan.bin_s, 0.0
    if plan.providers[v, BREAKS] > 0.0:
        breaker, figures = state.providers[v, :BREAKER_STATE], plan.providers[v, :BREAKER_FIGURES]
        shut_s = min(plan.bin_s, breaker_wait(breaker, figures, from_s))
    return from_s + shut_s, plan.bin_s - shut_s


@part
def _passes(plan: Plan, state: State, v: int, t: int, asking: float) -> float:
    """How many of `asking` messages the limits of provider `v` pass in bin `t`, once its breaker lets ask."""
    from_s, for_s = let_ask(plan, state, t, v)
    asking *= for_s / plan.bin_s
    passes = asking
    for row in range(plan.limit_first[v], plan.limit_first[v + 1]):
        figures, asks = plan.limit_figures[row], (asking, asking)
        passes = min(passes, limit_pass(plan, state.limits[row], figures, from_s, for_s, asks, 1.0))
    return max(0.0, passes)


@part
def elsewhere(state: State) -> float:
    """Messages in backoff or not visible yet."""
    away = 0.0
    for i in range(state.marks[ALIVE]):
        away += state.streams[state.alive[i], AWAY] + state.streams[state.alive[i], HIDDEN]
    return away


@part
def let_in(plan: Plan, state: State, t: int, capacity: float, newcomers: float) -> float:
    """How many `newcomers` come in during bin `t`, in which the workers take up to `capacity`: for whom there
    is room, or a worker who is idle though what comes back is served as well."""
    left, coming_back = capacity - queued(state), 0.0
    by_room = max(0.0, left + room(plan, state, t, capacity))
    if by_room >= newcomers:
        return newcomers
    for i in range(state.marks[PIECES]):
        coming_back += state.pieces[i, MASS]
    if plan.overflow == SPILL:
        return min(newcomers, max(by_room, left - coming_back))
    return min(
        newcomers, max(by_room, newcomers * _idle_chance(plan, capacity, left - coming_back, newcomers))
    )


@part
def _idle_chance(plan: Plan, capacity: float, left: float, newcomers: float) -> float:
    """The chance that a newcomer finds one of the workers idle, and so need not wait, when all but `left` of
    their `capacity` is used by what may wait, and newcomers who find none are rejected.

    A birth and death process: below c busy ones Erlang's loss system of all that comes, from c on a queue of
    what may wait. Where more than they can serve waits already, hardly anyone finds one.
    """
    servers = plan.workers * plan.batch * capacity / plan.capacity
    if servers <= 0.0:
        return 0.0
    share = left / capacity
    blocked = blocked_share(servers, (capacity - left + newcomers) / capacity * servers)
    below = (1.0 - blocked) * (math.sqrt(share * share + plan.unevenness) + min(0.0, share))
    return float(below / (below + blocked))


@part
def enter_newcomers(plan: Plan, state: State, window: Window, t: int, total: float) -> None:
    """All the `total` messages due in bin `t` join their classes, wait outside, or are rejected."""
    arrivals, out, j = window.arrivals, window.out, t - window.first_bin
    if plan.overflow == SPILL:
        call_at(window.full, plan, state, window, COME_IN, t, 0, 0, 0.0)
    if total <= 0.0:
        return
    if plan.overflow == DROP:
        kept, turned_away = 1.0 - call_at(window.full, plan, state, window, CROWD_OUT, t, 0, 0, total), FAILED
    else:
        kept, turned_away = let_in(plan, state, t, window.capacity[j], total) / total, REJECTED
    due_s, var = (t + 0.5) * plan.bin_s, plan.bin_s * plan.bin_s / 12.0
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s >= arrivals.shape[0] or arrivals[s, j] <= 0.0:
            continue
        came = arrivals[s, j]
        own = int(plan.streams[s, OWNER])
        out[OFFERED, own, j] += came
        out[ACCEPTED, own, j] += came if plan.overflow == DROP else came * kept
        out[turned_away, own, j] += came - came * kept
        if came * kept > 0.0:
            put(plan, state, s, 0.0, came * kept, due_s, var)
    if plan.overflow == SPILL and kept < 1.0:
        call_at(window.full, plan, state, window, SPILL_OVER, t, 0, 0, 1.0 - kept)
