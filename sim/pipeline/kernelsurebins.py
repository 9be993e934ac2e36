"""Calm bins in which every provider surely takes all that asks, as sim.pipeline.kernelsure finds and books
them: of the rest, bin by bin only the workers are looked at. Compiled into sim.pipeline.kernel.
"""

from __future__ import annotations

from sim.pipeline.columns import (
    AGAIN,
    AHEAD_FROM,
    AHEAD_UNTIL,
    BY_CLASS,
    HELD_UNTIL,
    LOOK_FROM,
    SURE_FROM,
    SURE_UNTIL,
    UNTIL,
    USED,
    USUAL,
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kernelparts import usual_capacity
from sim.pipeline.kernelrhythm import rest
from sim.pipeline.recalls import LATE
from sim.pipeline.state import Plan, State, Window
from sim.pipeline.steps import LOOK_FOR, TAKE_ALL, TAKE_OUT_CALM

_AT_A_TIME, _PAUSE = 32, 8
"""Bins that are looked for at a time, and until the next look where there are none."""


@part
def look_for_sure(plan: Plan, state: State, window: Window, j: int) -> None:
    """Once those that were found last have passed: which columns from `j` on are sure, if the workers suffice
    for them."""
    marks, t, n = state.marks, window.first_bin + j, 0
    if j < marks[LOOK_FROM]:
        return
    book_sure(plan, state, window, j)
    nobody_back = t > marks[UNTIL] + 1 and t > marks[HELD_UNTIL] + 1
    if nobody_back and (window.again == 0 or plan.again[LATE] == 0.0):
        at, most = j - marks[AHEAD_FROM], min(_AT_A_TIME, marks[AHEAD_UNTIL] - t)
        n = int(call_at(window.sure, plan, state, window, LOOK_FOR, t, at, most, 0.0))
    marks[SURE_FROM], marks[SURE_UNTIL] = j, j + n
    marks[LOOK_FROM] = j + (n if n > 0 else _PAUSE)


@inlined
def pass_surely(plan: Plan, state: State, window: Window, j: int) -> None:
    """The workers serve all that is due and visible again in column `j`, which is sure; what the providers
    took is booked later."""
    ahead, k, served = state.ahead, j - state.marks[AHEAD_FROM], 0.0
    ahead[USUAL, k] = usual_capacity(plan, state)
    for p in range(state.classes.shape[0]):
        served += ahead[BY_CLASS + p, k]
    if window.again != 0:
        call_at(window.again, plan, state, window, TAKE_OUT_CALM, window.first_bin + j, 0, 0, served)
    window.busy[j] = served / plan.capacity
    rest(state, window.busy[j])
    if window.stall != 0:
        state.stalled[USED] = window.busy[j]
    state.refused[2] += state.refused[1] - ahead[AGAIN, k]


@part
def book_sure(plan: Plan, state: State, window: Window, end: int) -> None:
    """What the providers took in sure columns before `end`."""
    at, until = state.marks[SURE_FROM], min(end, state.marks[SURE_UNTIL])
    if at < until:
        t, k = window.first_bin + at, at - state.marks[AHEAD_FROM]
        call_at(window.sure, plan, state, window, TAKE_ALL, t, k, until - at, 0.0)
        state.marks[SURE_FROM] = until
