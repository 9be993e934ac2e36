"""The cohort's messages that are taken again: their worker crashed, or a service outlasted the visibility
time-out. Compiled apart from sim.pipeline.kernel, when a plan needs it.

sim.pipeline.redelivery has the law, sim.pipeline.recalls the columns. The lower half of the lanes are the
streams', the upper half their echoes (sim.echoes), where there are any.
"""

from __future__ import annotations

import math

from sim.ledger import REDELIVERED
from sim.pipeline.columns import (
    AGAIN_UNTIL,
    ALIVE,
    AWAY,
    CALM,
    CELL,
    CHANCE,
    DUE_S,
    HELD,
    HIDDEN,
    LEAST_S,
    MASS,
    MOST_S,
    NEXT_PARCEL,
    OWNER,
    PIECES,
    PRIORITY,
    STREAM,
    TRIES,
    VAR,
    WHOSE,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kernelcalmagain import (
    end_piece,
    look_ahead_again,
    stop_short_again,
    take_out_calm,
)
from sim.pipeline.kernelhidden import crash, hide, man, recalled_wait_s
from sim.pipeline.kernelnoting import share_below
from sim.pipeline.kernelparts import put
from sim.pipeline.kernelrows import TINY
from sim.pipeline.kernelrunagain import turn_over
from sim.pipeline.lines import RECALLED
from sim.pipeline.recalls import (
    ENDED,
    ENDED_LATER,
    FIRST_KEPT,
    FIRST_LATE,
    KEPT_POINTS,
    LATE,
    LATE_ONES,
    LATE_POINTS,
    SERVED_S,
    TIMES,
)
from sim.pipeline.state import Floats, Plan, State, Window
from sim.pipeline.steps import (
    AT_ONCE,
    COME_AGAIN,
    HIDE,
    LOOK_AHEAD,
    MAN,
    STOP_SHORT,
    TAKE_OUT,
    TAKE_OUT_CALM,
    TURN_OVER,
)


def again(
    plan: Plan, state: State, window: Window, step: int, t: int, at: int, row: int, mass: float
) -> float:
    """One of the steps of bin `t` that sim.pipeline.steps names; `mass`: what the workers took."""
    if step == MAN:
        man(plan, state, window, t)
    elif step in (COME_AGAIN, AT_ONCE):
        for i in range(state.marks[ALIVE]):
            _come_again(plan, state, window, t, state.alive[i], step == AT_ONCE)
        state.mixed[t % state.mixed.shape[0]] = 0.0
    elif step == TAKE_OUT:
        _take_out(plan, state, window, t, crash(plan, state, window, t, mass))
        for s in range(state.late.shape[1]):
            _ask_late(plan, state, t, s)
    elif step == TAKE_OUT_CALM:
        take_out_calm(plan, state, window, t, mass, crash(plan, state, window, t, mass))
    elif step == LOOK_AHEAD:
        look_ahead_again(plan, state, t, at)
    elif step == STOP_SHORT:
        stop_short_again(plan, state, window, t, at)
    elif step == TURN_OVER:
        return float(turn_over(plan, state, window, t, at, row))
    return 0.0


@part
def _take_out(plan: Plan, state: State, window: Window, t: int, ended: float) -> None:
    """What crashes end, so great a share, and what will be late, of the pieces that the workers took in bin
    `t`."""
    state.refused[1] = 0.0
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        late = piece[MASS] * plan.again[LATE]
        gone = end_piece(plan, state, window, t, piece, ended)
        state.refused[1] += gone
        if window.fair != 0:
            call_at(window.fair, plan, state, window, HIDE, t, i, 0, gone + late)
        if late > 0.0:
            piece[MASS] = max(0.0, piece[MASS] - late)
            hide(plan, state, t, piece, LATE_ONES, late)
            state.streams[int(piece[STREAM]), HELD] += late


@part
def _come_again(plan: Plan, state: State, window: Window, t: int, s: int, at_once: bool) -> None:
    """What of lane `s` is visible again in bin `t` joins its class; at_once: what waited for more than
    time-outs becomes pieces."""
    if s >= state.again.shape[1] or t > state.streams[s, AGAIN_UNTIL]:
        return
    cell, own = state.again[t % state.again.shape[0], s], state.streams[s]
    ended, late, back = cell[ENDED] + cell[ENDED_LATER], cell[LATE_ONES], 0.0
    if ended > TINY:
        back += ended
        _put_again(plan, state, t, s, cell[ENDED : ENDED + 4], cell[ENDED], at_once)
        _put_again(plan, state, t, s, cell[ENDED_LATER : ENDED_LATER + 4], cell[ENDED_LATER], at_once)
    if late > TINY:
        own[HELD] -= late
        firsts, echo = _split(plan, state, window, t, s, late), _echo(state, s)
        _put_again(plan, state, t, s, cell[LATE_ONES : LATE_ONES + 4], late - firsts, at_once)
        _put_again(plan, state, t, echo, cell[LATE_ONES : LATE_ONES + 4], firsts, at_once)
    cell[:] = 0.0
    if not at_once:
        back += _recall(plan, state, t, s)
    own[HIDDEN] -= back
    window.out[REDELIVERED, int(plan.streams[s, OWNER]), t - window.first_bin] += back + late


@part
def _recall(plan: Plan, state: State, t: int, s: int) -> float:
    """What of lane `s` has waited for time-outs alone joins its class. Returns how many messages."""
    back, own = 0.0, state.recalled[t % state.recalled.shape[0], s]
    for times in range(TIMES):
        mass, own[times] = own[times], 0.0
        if mass > TINY:
            due_s = (t + 0.5) * plan.bin_s - recalled_wait_s(plan, times + 1)
            _put_recalled(plan, state, s, 0.0, mass, due_s, 0.0)
            back += mass
    return back


@part
def _echo(state: State, s: int) -> int:
    """The lane of echoes of lane `s`."""
    half = state.again.shape[1] // 2
    return s + half if s < half else s


@part
def _put_again(plan: Plan, state: State, t: int, s: int, moments: Floats, mass: float, at_once: bool) -> None:
    """`mass` of the messages with these moments joins its class, at most two parcels: by their mean number of
    attempts, one less and one more. at_once: two pieces, counted as in backoff until they are served."""
    if mass <= TINY:
        return
    due_s, tries = moments[1] / moments[0], moments[3] / moments[0]
    var, fewer = max(0.0, moments[2] / moments[0] - due_s * due_s), 1.0 * math.floor(tries + 1e-9)
    more = max(0.0, tries - fewer)
    for step in range(2):
        share = mass * (more if step == 1 else 1.0 - more)
        if step == 1 and more <= 1e-9:
            continue
        if at_once:
            piece = state.pieces[state.marks[PIECES]]
            piece[STREAM], piece[TRIES], piece[MASS] = s, fewer + step, share
            piece[DUE_S], piece[VAR] = t * plan.bin_s + due_s, var
            piece[WHOSE] = -1.0
            state.marks[PIECES] += 1
            state.streams[s, AWAY] += share
        else:
            _put_recalled(plan, state, s, fewer + step, share, t * plan.bin_s + due_s, var)


@part
def _put_recalled(
    plan: Plan, state: State, s: int, tries: float, mass: float, due_s: float, var: float
) -> None:
    """As `put`, of what was hidden."""
    put(plan, state, s, tries, mass, due_s, var)
    p = int(plan.streams[s, PRIORITY])
    state.parcels[p, (state.heads[p, NEXT_PARCEL] - 1) % state.parcels.shape[1], WHOSE] = RECALLED


@part
def _split(plan: Plan, state: State, window: Window, t: int, s: int, mass: float) -> float:
    """Late workers go on with `mass` messages that others see from bin `t` on; returns for how many of them
    they will ask before others do.

    Others take them after the wait that is before them now.
    """
    ahead, firsts, h = 0.0, 0.0, plan.bin_s
    for p in range(int(plan.streams[s, PRIORITY]) + 1):
        ahead += state.waiting[p]
    wait_s = min(ahead / window.capacity[t - window.first_bin], 1e9) * h
    cell = state.again[t % state.again.shape[0], s]
    due_s = cell[LATE_ONES + 1] / cell[LATE_ONES]
    var = cell[LATE_ONES + 2] / cell[LATE_ONES] - due_s * due_s
    kept_s, echo = plan.again[FIRST_KEPT : FIRST_KEPT + KEPT_POINTS], _echo(state, s)
    for i in range(LATE_POINTS):
        left_s = plan.again[FIRST_LATE + i]
        first = 0.0 if echo == s else (1.0 - share_below(kept_s, left_s - wait_s)) * mass / LATE_POINTS
        firsts += first
        _lay_late(plan, state, t, s, left_s, first, due_s, var)
        _lay_late(plan, state, t, echo, left_s, mass / LATE_POINTS - first, due_s, var)
    state.streams[s, HELD] += firsts
    return firsts


@part
def _lay_late(
    plan: Plan, state: State, t: int, s: int, left_s: float, mass: float, due_s: float, var: float
) -> None:
    """In `left_s` late workers ask for `mass` messages of lane `s`, if the season lasts so long."""
    lag = int(left_s / plan.bin_s)
    if mass <= 0.0 or t + lag + 1 >= plan.bins:
        return
    later = left_s / plan.bin_s - lag
    for step in range(2):
        share = mass * (later if step == 1 else 1.0 - later)
        cell = state.late[(t + lag + step) % state.late.shape[0], s]
        cell[0] += share
        from_s = due_s - (lag + step) * plan.bin_s
        cell[1] += share * from_s
        cell[2] += share * (from_s * from_s + var)


@part
def _ask_late(plan: Plan, state: State, t: int, s: int) -> None:
    """What late workers ask for in bin `t` is one more piece; nobody sets back an echo that is refused."""
    cell, half, most = (
        state.late[t % state.late.shape[0], s],
        state.late.shape[1] // 2,
        state.back_level.shape[1],
    )
    mass = cell[0]
    if mass > TINY:
        piece = state.pieces[state.marks[PIECES]]
        state.marks[PIECES] += 1
        due_s = cell[1] / mass
        var = max(0.0, cell[2] / mass - due_s * due_s)
        half_s, delay_s = math.sqrt(3.0 * var), 0.5 * plan.bin_s - plan.again[SERVED_S] - due_s
        piece[STREAM], piece[MASS], piece[DUE_S], piece[VAR] = s, mass, t * plan.bin_s + due_s, var
        piece[TRIES] = most if s >= half else min(1, most)
        piece[LEAST_S], piece[MOST_S] = max(0.0, delay_s - half_s), max(0.0, delay_s + half_s)
        piece[CALM], piece[CELL], piece[CHANCE] = 0.0, 0.0, 0.0
        piece[WHOSE] = -1.0
        if s < half:
            state.streams[s, HELD] -= mass
    cell[:] = 0.0
