"""Runs of calm bins of seasons in which messages are taken again: what crashes and time-outs make of the few
columns in which there are any. sim.pipeline.kernelrun has the rest. Compiled into sim.pipeline.kernelagain.
"""

from __future__ import annotations

from sim.ledger import EXPIRED, FAILED, REDELIVERED
from sim.pipeline.columns import (
    AHEAD_FROM,
    ARRIVING_SHARE,
    ENDINGS,
    ENDS,
    HIDDEN,
    LATE_AT_ONCE,
    LEAST_S,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    RECALLED_UNTIL,
    RETURNS,
    WAITS,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalmagain import become_recalled
from sim.pipeline.kernelexpiry import too_old_share
from sim.pipeline.kernelnoting import cell_of, fresh_share, landing_share
from sim.pipeline.kernelrows import TINY, multiply
from sim.pipeline.recalls import ACKS, ASKING, TIMES, TOO_LATE
from sim.pipeline.state import Plan, State, Window


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
    own, first, ended, waits = plan.streams[s], state.marks[AHEAD_FROM], 0.0, 0.0
    row, v, late, light = int(own[OWNER]), int(own[PROVIDER]), float(own[LATE_AT_ONCE]), state.light[s]
    met, ends = state.met[v, int(own[PRIORITY])], state.ahead[ENDS]
    for i in range(state.marks[ENDINGS]):
        k = state.turns[0, i]
        j = first + k
        gone = window.arrivals[s, j] * ends[k]
        if gone <= TINY:
            continue
        if plan.again[ACKS] == 0.0:
            window.out[FAILED, row, j] += gone
        ended += gone
        state.taken[ASKING, j - at] -= gone
        state.taken[TOO_LATE, j - at] -= gone * late
        landing = gone * own[ARRIVING_SHARE] * landing_share(plan, window.first_bin + j, v)
        light[int(met[0, k])] -= landing * met[1, k]
        waits += landing * (1.0 - met[1, k])
    state.streams[s, HIDDEN] += ended * plan.again[ACKS]
    state.delays[WAITS, s, 0] -= waits
    return bool(ended > 0.0)


@part
def _admit_recalled(
    plan: Plan, state: State, window: Window, at: int, s: int, times: int
) -> tuple[bool, bool]:
    """Those of a lane that are visible again for the so-manieth time, counted from 0, in a run from column
    `at` on, go to the provider. Returns whether there are any, and any that will be too late.

    Who waited so often waited as long, in whatever bin.
    """
    own, first, late, old, waits = plan.streams[s], state.marks[AHEAD_FROM], -1.0, 0.0, 0.0
    piece, ring = state.pieces[state.marks[PIECES]], state.recalled.shape[0]
    row, v, began = int(own[OWNER]), int(own[PROVIDER]), (window.first_bin + first) % ring
    again, expired = window.out[REDELIVERED, row], window.out[EXPIRED, row]
    hidden, ends = state.streams[s, HIDDEN], state.ahead[ENDS]
    for i in range(state.marks[RETURNS]):
        k = state.turns[1, i]
        cell = began + k if began + k < ring else began + k - ring
        came = state.recalled[cell, s, times]
        if came <= TINY:
            continue
        state.recalled[cell, s, times] = 0.0
        j, t = first + k, window.first_bin + first + k
        if late < 0.0:
            become_recalled(plan, state, piece, t, s, times + 1)
            old = too_old_share(t, plan.bin_s, piece, own, False)
            late = 1.0 - fresh_share(plan, s, piece)
        again[j] += came
        if old > 0.0:  # its memory is far away
            expired[j] += came * old
        mass = came - came * old
        gone = mass * ends[k]
        hidden -= came
        if gone > TINY:
            mass -= gone
            hidden += gone * plan.again[ACKS]
            if plan.again[ACKS] == 0.0:
                window.out[FAILED, row, j] += gone
        waits += mass * own[ARRIVING_SHARE] * landing_share(plan, t, v)
        state.taken[ASKING, j - at] += mass
        state.taken[TOO_LATE, j - at] += mass * late
    state.streams[s, HIDDEN] = hidden
    if late < 0.0:
        return False, False
    state.delays[WAITS, s, cell_of(plan, piece[LEAST_S])] += waits
    return True, late > 0.0
