"""The common bin, in closed form: nobody waits, and the workers can take all that is due and comes back.

Then all of it is served at once; what a provider takes whole needs no pieces. The long way round (batches,
parcels) tells the same, many times slower. Compiled into sim.pipeline.kernel.
"""

from __future__ import annotations

import math

from sim.ledger import ACCEPTED, EXPIRED, OFFERED
from sim.pipeline.columns import (
    AGAIN,
    ALIVE,
    AWAY,
    CALM,
    CELL,
    CHANCE,
    DUE_S,
    FIRST_BATCH,
    FIRST_OUTSIDE,
    LEAST_S,
    LOAD,
    LOAD_CELL,
    LOAD_CHANCE,
    MASS,
    MOST_S,
    NEXT_BATCH,
    NEXT_OUTSIDE,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    RUN_FROM,
    SPILL,
    STREAM,
    TRIES,
    VAR,
    WHOSE,
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kerneldoor import elsewhere
from sim.pipeline.kernelexpiry import leave_too_old, too_old_share
from sim.pipeline.kernelparts import light_wait, usual_capacity
from sim.pipeline.kernelrun import all_pass
from sim.pipeline.recalls import LATE
from sim.pipeline.state import Plan, State, Window
from sim.pipeline.steps import AT_ONCE, STOP_SHORT, TAKE_OUT_CALM


@inlined
def is_calm(plan: Plan, state: State, due: float, capacity: float, j: int) -> bool:
    """Nobody waits; the workers can take all that is `due` in column `j` and the pieces that come back; there
    is room for them while the places of those in backoff, or not visible yet, are kept."""
    total = due
    for i in range(state.marks[PIECES]):
        total += state.pieces[i, MASS]
    if total >= capacity * (1.0 - 1e-9) or state.marks[FIRST_OUTSIDE] < state.marks[NEXT_OUTSIDE]:
        return False
    for p in range(state.waiting.shape[0]):
        if state.heads[p, FIRST_BATCH] < state.heads[p, NEXT_BATCH]:
            return False
    if plan.overflow == SPILL or plan.bound == math.inf:
        return True
    if state.marks[RUN_FROM] == j:
        state.refused[3] = elsewhere(state)
    return bool(plan.bound >= state.refused[0] + state.refused[1] + state.refused[2] + state.refused[3])


@inlined
def visible_again(plan: Plan, state: State, window: Window, t: int, k: int) -> float:
    """Messages that are to be taken again in bin `t`, the k-th ahead; not to be told before where services
    outlast the time-out."""
    if window.again == 0:
        return 0.0
    if plan.again[LATE] > 0.0:
        return math.inf
    return float(state.ahead[AGAIN, k] + state.mixed[t % state.mixed.shape[0]])


@part
def serve_at_once(plan: Plan, state: State, window: Window, t: int) -> float:
    """All that is due and comes back in bin `t` is served. Returns how many messages that are."""
    if window.again != 0 and state.mixed[t % state.mixed.shape[0]] > 0.0:
        call_at(window.again, plan, state, window, AT_ONCE, t, 0, 0, 0.0)
    for i in range(state.marks[PIECES]):
        _serve_again(plan, state, window, t, i)
    total, above, usual = 0.0, 0.0, usual_capacity(plan, state)
    for p in range(state.classes.shape[0]):
        total += state.classes[p, LOAD]
    for p in range(state.classes.shape[0]):
        own = state.classes[p]
        if own[LOAD] > 0.0:
            cell, chance = light_wait(plan, above / usual, own[LOAD] / usual, total / usual)
            own[LOAD_CELL], own[LOAD_CHANCE] = cell, chance
        above += own[LOAD]
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        own = state.classes[int(plan.streams[int(piece[STREAM]), PRIORITY])]
        piece[CELL], piece[CHANCE] = own[LOAD_CELL], own[LOAD_CHANCE]
    if window.again != 0:
        call_at(window.again, plan, state, window, TAKE_OUT_CALM, t, 0, 0, total)
    return total


@part
def _serve_again(plan: Plan, state: State, window: Window, t: int, i: int) -> None:
    """A piece that came back is expired or served."""
    piece = state.pieces[i]
    s = int(piece[STREAM])
    own = plan.streams[s]
    state.streams[s, AWAY] -= piece[MASS]
    gone = piece[MASS] * too_old_share(t, plan.bin_s, piece, own, False)
    window.out[EXPIRED, int(own[OWNER]), t - window.first_bin] += gone
    piece[MASS] -= gone
    leave_too_old(t, plan.bin_s, piece, own)
    half_s, delay_s = math.sqrt(3.0 * piece[VAR]), max(0.0, (t + 0.5) * plan.bin_s - piece[DUE_S])
    piece[LEAST_S], piece[MOST_S], piece[CALM] = max(0.0, delay_s - half_s), delay_s + half_s, 0.0
    state.classes[int(own[PRIORITY]), LOAD] += piece[MASS]
    state.shares[int(own[PROVIDER])] += piece[MASS]


@part
def stop_short(plan: Plan, state: State, window: Window, t: int) -> None:
    """Newcomers that their provider does not take whole come in and become pieces."""
    out, j = window.out, t - window.first_bin
    start = state.marks[PIECES]
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s >= window.arrivals.shape[0] or window.arrivals[s, j] <= 0.0:
            continue
        own = plan.streams[s]
        if not all_pass(state, int(own[PROVIDER])):
            out[OFFERED, int(own[OWNER]), j] += window.arrivals[s, j]
            out[ACCEPTED, int(own[OWNER]), j] += window.arrivals[s, j]
            piece, met = state.pieces[state.marks[PIECES]], state.classes[int(own[PRIORITY])]
            piece[STREAM], piece[TRIES], piece[MASS] = s, 0.0, window.arrivals[s, j]
            piece[WHOSE] = -1.0
            piece[DUE_S], piece[VAR] = (t + 0.5) * plan.bin_s, plan.bin_s * plan.bin_s / 12.0
            piece[LEAST_S], piece[MOST_S], piece[CALM] = 0.0, 0.0, 1.0
            piece[CELL], piece[CHANCE] = met[LOAD_CELL], met[LOAD_CHANCE]
            state.marks[PIECES] += 1
    if window.again != 0:
        call_at(window.again, plan, state, window, STOP_SHORT, t, start, 0, 0.0)
