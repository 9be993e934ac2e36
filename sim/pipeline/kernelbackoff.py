"""Backoffs: what is not taken is spread over bins ahead, and comes back. Compiled into
sim.pipeline.kernel.
"""

from __future__ import annotations

from sim.pipeline.kernelcache import part
from sim.pipeline.kernelparts import enlist, put
from sim.pipeline.state import (
    ALIVE,
    AWAY,
    BACK_UNTIL,
    BAND,
    DUE_S,
    MASS,
    MOST_TRIES,
    NEXT_PARCEL,
    ORIGIN,
    PIECES,
    PRIORITY,
    STREAM,
    TRIES,
    UNTIL,
    VAR,
    WHOSE,
    Floats,
    Plan,
    State,
)

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def come_back(plan: Plan, state: State, t: int) -> None:
    """Make a piece of all that comes back from its backoffs in bin `t`; it is still counted as away.

    After the last of a row's, rounding is cleared.
    """
    state.marks[PIECES] = 0
    if t > state.marks[UNTIL] + 1:
        return
    for i in range(state.marks[ALIVE]):
        row = state.alive[i]
        until = state.streams[row, BACK_UNTIL]
        if t <= until:
            _come_back_in(plan, state, t, row)
        elif t == until + 1.0:
            state.back_level[row] = 0.0
            state.back[t % state.back.shape[0], row] = 0.0
            state.streams[row, AWAY] = state.streams[row, MOST_TRIES] = 0.0


@part
def _come_back_in(plan: Plan, state: State, t: int, s: int) -> None:
    origin_s, at = state.marks[ORIGIN] * plan.bin_s, t % state.back.shape[0]
    for k in range(int(state.streams[s, MOST_TRIES])):
        level, change = state.back_level[s, k], state.back[at, s, k]
        for moment in range(3):
            level[moment] += change[moment]
            change[moment] = 0.0
        mass = level[0]
        if mass > _TINY:
            due_s = min(max(level[1] / mass, -origin_s), t * plan.bin_s - origin_s)
            piece = state.pieces[state.marks[PIECES]]
            piece[STREAM], piece[TRIES], piece[MASS] = s, k + 1.0, mass
            piece[BAND], piece[WHOSE] = -1.0, -1.0
            piece[DUE_S], piece[VAR] = origin_s + due_s, max(0.0, level[2] / mass - due_s * due_s)
            state.marks[PIECES] += 1


@part
def join_again(plan: Plan, state: State) -> None:
    """What came back joins its class."""
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        s = int(piece[STREAM])
        put(plan, state, s, piece[TRIES], piece[MASS], piece[DUE_S], piece[VAR])
        p = int(plan.streams[s, PRIORITY])
        state.parcels[p, (state.heads[p, NEXT_PARCEL] - 1) % state.parcels.shape[1], WHOSE] = piece[WHOSE]
        state.streams[s, AWAY] -= piece[MASS]


@part
def set_back(
    plan: Plan, state: State, t: int, s: int, column: int, mass: float, piece: Floats, later: int
) -> None:
    """Not taken: spread over the bins in which the backoff may end, which begins so many bins `later`, in a
    column of `back`."""
    k = column // (state.back_level.shape[1] // plan.back.shape[0])
    if state.marks[UNTIL] < t:
        state.marks[ORIGIN] = max(0, int(piece[DUE_S] / plan.bin_s))
    due_s, ahead = piece[DUE_S] - state.marks[ORIGIN] * plan.bin_s, 0
    for i in range(plan.back.shape[1]):
        jump = mass * plan.back[k, i, 1]
        if jump != 0.0:
            ahead = t + later + int(plan.back[k, i, 0])
            change = state.back[ahead % state.back.shape[0], s, column]
            change[0] += jump
            change[1] += jump * due_s
            change[2] += jump * (due_s * due_s + piece[VAR])
            state.marks[UNTIL] = max(state.marks[UNTIL], ahead)
            state.streams[s, BACK_UNTIL] = max(state.streams[s, BACK_UNTIL], ahead)
    state.streams[s, AWAY] += mass
    state.streams[s, MOST_TRIES] = max(state.streams[s, MOST_TRIES], column + 1.0)
    enlist(state, s)
