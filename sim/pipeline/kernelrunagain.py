"""Runs of calm bins of seasons in which messages are taken again: what crashes and time-outs make of the few
columns in which there are any. sim.pipeline.kernelrun has the rest. Compiled into sim.pipeline.kernelagain.
"""

from __future__ import annotations

from sim.ledger import ATTEMPTS, FAILED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalmagain import take_recalled
from sim.pipeline.kernelhidden import hide_exactly
from sim.pipeline.kernelnoting import cell_of, fresh_share, landing_share
from sim.pipeline.kernelrows import TINY, multiply
from sim.pipeline.recalls import ACKS, ASKING, TIMES, TOO_LATE
from sim.pipeline.state import (
    AHEAD_FROM,
    ARRIVING_SHARE,
    ENDS,
    HIDDEN,
    LATE_AT_ONCE,
    LEAST_S,
    MASS,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    RECALLED_UNTIL,
    TURNS,
    WAITS,
    Plan,
    State,
    Window,
)


@part
def turn_over(plan: Plan, state: State, window: Window, t: int, end: int, s: int) -> float:
    """What crashes end of the newcomers of lane `s`, who all were admitted from bin `t` to column `end`, is
    hidden; what is visible again is taken.

    Into State.taken: what its provider takes in these columns. Returns whether any of that will be too late,
    as 0.0 or 1.0; -1.0 where it is the newcomers and nothing else.
    """
    own, at = plan.streams[s], t - window.first_bin
    due, late = window.arrivals[s, at:end], float(own[LATE_AT_ONCE])
    multiply(1.0, due, state.taken[ASKING])
    multiply(late, due, state.taken[TOO_LATE])
    other, some_late = _end_newcomers(plan, state, window, at, s), late > 0.0
    for times in range(TIMES):
        if state.streams[s, RECALLED_UNTIL + times] >= t:
            came, came_late = _admit_recalled(plan, state, window, at, s, times)
            other, some_late = other or came, some_late or came_late
    return (1.0 if some_late else 0.0) if other else -1.0


@part
def _end_newcomers(plan: Plan, state: State, window: Window, at: int, s: int) -> bool:
    """Crashes end their share of the newcomers in a run from column `at` on. Returns whether that is any."""
    own, first, some = plan.streams[s], state.marks[AHEAD_FROM], False
    row, v, late, light = int(own[OWNER]), int(own[PROVIDER]), float(own[LATE_AT_ONCE]), state.light[s]
    met, ends = state.met[v, int(own[PRIORITY])], state.ahead[ENDS]
    for i in range(state.marks[TURNS]):
        k = state.turns[i]
        j = first + k
        gone = window.arrivals[s, j] * ends[k]
        if gone <= TINY:
            continue
        some, t = True, window.first_bin + j
        if plan.again[ACKS] > 0.0:
            hide_exactly(plan, state, t, s, 0, gone)
            state.streams[s, HIDDEN] += gone
        else:
            window.out[FAILED, row, j] += gone
        window.out[ATTEMPTS, row, j] -= gone
        state.taken[ASKING, j - at] -= gone
        state.taken[TOO_LATE, j - at] -= gone * late
        landing = gone * own[ARRIVING_SHARE] * landing_share(plan, t, v)
        light[int(met[0, k])] -= landing * met[1, k]
        state.delays[WAITS, s, 0] -= landing * (1.0 - met[1, k])
    return some


@part
def _admit_recalled(
    plan: Plan, state: State, window: Window, at: int, s: int, times: int
) -> tuple[bool, bool]:
    """Those of a lane that are visible again for the so-manieth time, counted from 0, in a run from column
    `at` on, go to the provider. Returns whether there are any, and any that will be too late."""
    own, first, late, cell = plan.streams[s], state.marks[AHEAD_FROM], -1.0, 0
    piece, ring = state.pieces[state.marks[PIECES]], state.recalled.shape[2]
    for i in range(state.marks[TURNS]):
        j = first + state.turns[i]
        t = window.first_bin + j
        if state.recalled[s, times, t % ring] <= TINY:
            continue
        take_recalled(plan, state, window, t, s, times, float(state.ahead[ENDS, state.turns[i]]))
        if late < 0.0:  # who waited so often waited as long, in whatever bin
            late, cell = 1.0 - fresh_share(plan, s, piece), cell_of(plan, piece[LEAST_S])
        window.out[ATTEMPTS, int(own[OWNER]), j] += piece[MASS]
        landing = piece[MASS] * own[ARRIVING_SHARE] * landing_share(plan, t, int(own[PROVIDER]))
        state.delays[WAITS, s, cell] += landing
        state.taken[ASKING, j - at] += piece[MASS]
        state.taken[TOO_LATE, j - at] += piece[MASS] * late
    return late >= 0.0, late > 0.0
