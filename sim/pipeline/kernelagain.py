"""The cohort's messages that are taken again: their worker crashed, or a service outlasted the visibility
time-out. Compiled apart from sim.pipeline.kernel, when a plan needs it.

sim.pipeline.redelivery has the law, sim.pipeline.recalls the columns. The lower half of the lanes are the
streams', the upper half their echoes (sim.echoes), where there are any.
"""

from __future__ import annotations

import math

from sim.ledger import FAILED, REDELIVERED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelhidden import crash, hide, lost_share, man
from sim.pipeline.kernelnoting import share_below
from sim.pipeline.kernelparts import put
from sim.pipeline.recalls import (
    ACKS,
    ENDED,
    ENDED_LATER,
    FIRST_KEPT,
    FIRST_LATE,
    KEPT_POINTS,
    LATE,
    LATE_ONES,
    LATE_POINTS,
    SERVED_S,
    TIMEOUT_S,
)
from sim.pipeline.state import (
    CALM,
    CELL,
    CHANCE,
    COME_AGAIN,
    DUE_S,
    HELD,
    HIDDEN,
    LEAST_S,
    MAN,
    MASS,
    MOST_S,
    OWNER,
    PIECES,
    PRIORITY,
    STREAM,
    TAKE_OUT,
    TRIES,
    VAR,
    WHOSE,
    Floats,
    Plan,
    State,
    Window,
)

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


def again(
    plan: Plan, state: State, window: Window, step: int, t: int, _at: int, _row: int, mass: float
) -> float:
    """One of the steps of bin `t` that sim.pipeline.state names; `mass`: what the workers took."""
    if step == MAN:
        man(plan, state, window, t)
    elif step == COME_AGAIN:
        for s in range(state.again.shape[1]):
            _come_again(plan, state, window, t, s)
    elif step == TAKE_OUT:
        crash(plan, state, t, mass)
        _take_out(plan, state, window, t)
        for s in range(state.late.shape[1]):
            _ask_late(plan, state, t, s)
    return 0.0


@part
def _take_out(plan: Plan, state: State, window: Window, t: int) -> None:
    """What crashes end, and what will be late, of the pieces that the workers took in bin `t`."""
    ended, j = lost_share(plan, t), t - window.first_bin
    state.refused[1] = 0.0
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        s, gone, late = int(piece[STREAM]), piece[MASS] * ended, piece[MASS] * plan.again[LATE]
        piece[MASS] = max(0.0, piece[MASS] - gone - late)
        if plan.again[ACKS] == 0.0:
            window.out[FAILED, int(plan.streams[s, OWNER]), j] += gone
        else:
            later = piece[LEAST_S] >= 0.9 * plan.again[TIMEOUT_S]
            hide(plan, state, t, piece, ENDED_LATER if later else ENDED, gone)
            hide(plan, state, t, piece, LATE_ONES, late)
            state.streams[s, HIDDEN] += gone
            state.refused[1] += gone
            state.streams[s, HELD] += late


@part
def _come_again(plan: Plan, state: State, window: Window, t: int, s: int) -> None:
    """What of lane `s` is visible again in bin `t`."""
    cell, own = state.again[t % state.again.shape[0], s], state.streams[s]
    ended, late = cell[ENDED] + cell[ENDED_LATER], cell[LATE_ONES]
    if ended > _TINY:
        own[HIDDEN] -= ended
        _put_again(plan, state, t, s, cell[ENDED : ENDED + 4], cell[ENDED])
        _put_again(plan, state, t, s, cell[ENDED_LATER : ENDED_LATER + 4], cell[ENDED_LATER])
    if late > _TINY:
        own[HELD] -= late
        firsts, echo = _split(plan, state, window, t, s, late), _echo(state, s)
        _put_again(plan, state, t, s, cell[LATE_ONES : LATE_ONES + 4], late - firsts)
        _put_again(plan, state, t, echo, cell[LATE_ONES : LATE_ONES + 4], firsts)
    window.out[REDELIVERED, int(plan.streams[s, OWNER]), t - window.first_bin] += ended + late
    cell[:] = 0.0


@part
def _echo(state: State, s: int) -> int:
    """The lane of echoes of lane `s`."""
    half = state.again.shape[1] // 2
    return s + half if s < half else s


@part
def _put_again(plan: Plan, state: State, t: int, s: int, moments: Floats, mass: float) -> None:
    """`mass` of the messages with these moments joins its class, at most two parcels: by their mean number of
    attempts, one less and one more."""
    if mass <= _TINY:
        return
    due_s, tries = moments[1] / moments[0], moments[3] / moments[0]
    var, fewer = max(0.0, moments[2] / moments[0] - due_s * due_s), 1.0 * math.floor(tries + 1e-9)
    more = max(0.0, tries - fewer)
    put(plan, state, s, fewer, mass * (1.0 - more), t * plan.bin_s + due_s, var)
    if more > 1e-9:
        put(plan, state, s, fewer + 1.0, mass * more, t * plan.bin_s + due_s, var)


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
    if mass > _TINY:
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
