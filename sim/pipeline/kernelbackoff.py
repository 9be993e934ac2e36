"""Backoffs: what is not taken is spread over bins ahead and comes back. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.pipeline.kernelcache import part
from sim.pipeline.kernelparts import put
from sim.pipeline.state import AWAY, DUE_S, ORIGIN, UNTIL, VAR, Floats, Plan, State

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def come_back(plan: Plan, state: State, t: int, s: int) -> None:
    """What of stream `s` comes back from its backoffs in bin `t`;

    after the last of them, rounding is cleared.
    """
    for k in range(state.back_level.shape[1]):
        bring_back(plan, state, t, s, k, k + 1.0)
    if t > state.marks[UNTIL]:
        state.streams[s, AWAY] = 0.0


@part
def bring_back(plan: Plan, state: State, t: int, s: int, column: int, tries: float) -> float:
    """What comes back of one column of `back` joins the newest batch; returns the messages."""
    over = t > state.marks[UNTIL]
    origin_s = state.marks[ORIGIN] * plan.bin_s
    level, change = state.back_level[s, column], state.back[t % state.back.shape[0], s, column]
    for moment in range(3):
        level[moment] = 0.0 if over else level[moment] + change[moment]
        change[moment] = 0.0
    mass = float(level[0])
    if mass <= _TINY:
        return 0.0
    due_s = min(max(level[1] / mass, -origin_s), t * plan.bin_s - origin_s)
    var = max(0.0, level[2] / mass - due_s * due_s)
    put(plan, state, s, tries, mass, origin_s + due_s, var)
    state.streams[s, AWAY] -= mass
    return mass


@part
def set_back(
    plan: Plan, state: State, t: int, s: int, column: int, mass: float, piece: Floats, later: int
) -> None:
    """Not taken: spread over the bins in which the backoff may end, which begins so many bins `later`, in a
    column of `back`."""
    k = column // (state.back_level.shape[1] // plan.back.shape[0])
    if state.marks[UNTIL] < t:
        state.marks[ORIGIN] = max(0, int(piece[DUE_S] / plan.bin_s))
    due_s = piece[DUE_S] - state.marks[ORIGIN] * plan.bin_s
    for i in range(plan.back.shape[1]):
        jump = mass * plan.back[k, i, 1]
        if jump != 0.0:
            ahead = t + later + int(plan.back[k, i, 0])
            change = state.back[ahead % state.back.shape[0], s, column]
            change[0] += jump
            change[1] += jump * due_s
            change[2] += jump * (due_s * due_s + piece[VAR])
            state.marks[UNTIL] = max(state.marks[UNTIL], ahead)
    state.streams[s, AWAY] += mass
