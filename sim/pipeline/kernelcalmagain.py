"""Calm bins of seasons in which messages are taken again, in closed form.

A crash ends a share of all that is served then; it is visible again a time-out later. Who waits for nothing
else has waited for so many time-outs exactly (State.recalled). sim.pipeline.kernelcalm has the rest. Compiled
into sim.pipeline.kernelagain.
"""

from __future__ import annotations

from sim.ledger import EXPIRED, FAILED, REDELIVERED
from sim.pipeline.columns import (
    AGAIN,
    AGAIN_UNTIL,
    AHEAD_FROM,
    AHEAD_UNTIL,
    ALIVE,
    BY_CLASS,
    CALM,
    CELL,
    CHANCE,
    DUE_S,
    ENDS,
    HIDDEN,
    LEAST_S,
    LOAD_CELL,
    LOAD_CHANCE,
    LOOK_FROM,
    MASS,
    MOST_S,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    STREAM,
    SURE_UNTIL,
    TRIES,
    VAR,
    WHOSE,
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.kernelexpiry import too_old_share
from sim.pipeline.kernelhidden import hide, hide_exactly, recalled_wait_s
from sim.pipeline.kernelrows import TINY
from sim.pipeline.kernelrun import all_pass
from sim.pipeline.provisions import FIRSTS
from sim.pipeline.recalls import (
    ACKS,
    ENDED,
    ENDED_LATER,
    LAG,
    NEXT,
    TIMEOUT_S,
    TIMES,
)
from sim.pipeline.state import Floats, Plan, State, Window


@part
def end_piece(plan: Plan, state: State, window: Window, t: int, piece: Floats, ended: float) -> float:
    """A crash ends this share of a piece. Returns how many messages will be visible again."""
    gone = _take_off(plan, state, window, t, piece, ended)
    if gone > 0.0:
        later = piece[LEAST_S] >= 0.9 * plan.again[TIMEOUT_S]
        hide(plan, state, t, piece, ENDED_LATER if later else ENDED, gone)
    return float(gone)


@inlined
def _take_off(plan: Plan, state: State, window: Window, t: int, piece: Floats, ended: float) -> float:
    """The same of a piece that is hidden already."""
    s, gone = int(piece[STREAM]), piece[MASS] * ended
    if gone <= TINY:
        return 0.0
    piece[MASS] -= gone
    if plan.again[ACKS] == 0.0:
        window.out[FAILED, int(plan.streams[s, OWNER]), t - window.first_bin] += gone
        return 0.0
    state.streams[s, HIDDEN] += gone
    return float(gone)


@part
def take_out_calm(plan: Plan, state: State, window: Window, t: int, served: float, ended: float) -> None:
    """What crashes end of a calm bin, so great a share, does not ask its provider then."""
    state.refused[1] = served * ended * plan.again[ACKS]
    if ended > 0.0:
        state.ahead[ENDS, t - window.first_bin - state.marks[AHEAD_FROM]] = ended
        if plan.again[ACKS] > 0.0:
            _hide_due(plan, state, window, t, ended)
        for v in range(state.shares.shape[0]):
            state.shares[v] *= 1.0 - ended
            state.providers[v, FIRSTS] *= 1.0 - ended
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        end_piece(plan, state, window, t, piece, ended)
        if piece[TRIES] == 0.0:
            state.providers[int(plan.streams[int(piece[STREAM]), PROVIDER]), FIRSTS] += piece[MASS]


@part
def _hide_due(plan: Plan, state: State, window: Window, t: int, ended: float) -> None:
    """So great a share of what is due and visible again in calm bin `t` is hidden, whatever the providers
    will say; whose it is, and what is left, sim.pipeline.kernelrunagain tells."""
    j, lag, marks = t - window.first_bin, int(plan.again[LAG]), state.marks
    k = j - marks[AHEAD_FROM]
    if state.ahead[AGAIN, k] > 0.0:
        _hide_recalled(plan, state, window, t, ended)
    for i in range(marks[ALIVE]):
        s = state.alive[i]
        if s < window.arrivals.shape[0] and window.arrivals[s, j] * ended > TINY:
            gone = window.arrivals[s, j] * ended
            hide_exactly(plan, state, t, s, 0, gone)
            if t + lag + 1 < plan.bins:
                _tell_ahead(plan, state, t + lag, k + lag, s, 0, gone * (1.0 - plan.again[NEXT]))
                _tell_ahead(plan, state, t + lag + 1, k + lag + 1, s, 0, gone * plan.again[NEXT])
    if marks[SURE_UNTIL] > j + lag:
        marks[SURE_UNTIL] = marks[LOOK_FROM] = j + lag


@part
def _hide_recalled(plan: Plan, state: State, window: Window, t: int, ended: float) -> None:
    """The same of what is visible again in bin `t`."""
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s >= window.arrivals.shape[0] or state.streams[s, AGAIN_UNTIL] < t:
            continue
        for times in range(TIMES):
            came = state.recalled[t % state.recalled.shape[0], s, times]
            piece = state.pieces[state.marks[PIECES]]
            if came > TINY:
                become_recalled(plan, state, piece, t, s, times + 1)
                gone = (came - came * too_old_share(t, plan.bin_s, piece, plan.streams[s], False)) * ended
                if gone > TINY:
                    hide(plan, state, t, piece, ENDED_LATER, gone)


@inlined
def become_recalled(plan: Plan, state: State, piece: Floats, t: int, s: int, times: int) -> None:
    """A piece is of lane `s`, was hidden so many times and is taken in bin `t`; how many messages is still to
    be said."""
    met, wait_s = state.classes[int(plan.streams[s, PRIORITY])], recalled_wait_s(plan, times)
    piece[STREAM], piece[TRIES], piece[MASS] = s, 0.0, 0.0
    piece[DUE_S], piece[VAR] = (t + 0.5) * plan.bin_s - wait_s, 0.0
    piece[LEAST_S], piece[MOST_S], piece[CALM] = wait_s, wait_s, 0.0
    piece[CELL], piece[CHANCE] = met[LOAD_CELL], met[LOAD_CHANCE]
    piece[WHOSE] = -1.0


@part
def look_ahead_again(plan: Plan, state: State, first: int, n: int) -> None:
    """Into `state.ahead`: what is visible again in the bins from `first` on."""
    ring = state.recalled.shape[0]
    at = first % ring
    for k in range(n):
        if state.recalled_for[at] == first + k:
            for i in range(state.marks[ALIVE]):
                s = state.alive[i]
                if s < state.recalled.shape[1] and state.streams[s, AGAIN_UNTIL] >= first + k:
                    for times in range(TIMES):
                        _tell_ahead(plan, state, first + k, k, s, times, state.recalled[at, s, times])
        at = at + 1 if at + 1 < ring else 0


@inlined
def _tell_ahead(plan: Plan, state: State, t: int, k: int, s: int, times: int, came: float) -> None:
    """Add to `state.ahead`, where it reaches bin `t`, the k-th ahead, what comes of lane `s` for the
    so-manieth time, counted from 0."""
    if came > TINY and t < state.marks[AHEAD_UNTIL]:
        own, piece = plan.streams[s], state.pieces[state.marks[PIECES]]
        by_provider = BY_CLASS + state.classes.shape[0]
        piece[DUE_S], piece[VAR] = (t + 0.5) * plan.bin_s - recalled_wait_s(plan, times + 1), 0.0
        kept = 1.0 - too_old_share(t, plan.bin_s, piece, own, False)
        state.ahead[AGAIN, k] += came
        state.ahead[BY_CLASS + int(own[PRIORITY]), k] += came * kept
        state.ahead[by_provider + int(own[PROVIDER]), k] += came * kept


@part
def stop_short_again(plan: Plan, state: State, window: Window, t: int, start: int) -> None:
    """Crashes end their share of newcomers whose provider does not take all of this bin's, the pieces from
    `start` on, and of what comes again and becomes a piece then."""
    ended = float(state.ahead[ENDS, t - window.first_bin - state.marks[AHEAD_FROM]])
    for i in range(start, state.marks[PIECES]):
        _take_off(plan, state, window, t, state.pieces[i], ended)
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s < window.arrivals.shape[0] and not all_pass(state, int(plan.streams[s, PROVIDER])):
            for times in range(TIMES):
                piece = state.pieces[state.marks[PIECES]]
                become_recalled(plan, state, piece, t, s, times + 1)
                old = too_old_share(t, plan.bin_s, piece, plan.streams[s], False)
                if _take_recalled(plan, state, window, t, piece, times, old, ended):
                    state.marks[PIECES] += 1


@part
def _take_recalled(
    plan: Plan, state: State, window: Window, t: int, piece: Floats, times: int, old: float, ended: float
) -> bool:
    """Those of a lane that are visible again in bin `t` for the so-manieth time, counted from 0, are taken,
    but for the share that is too old, and crashes end a share: the rest is the `piece`, which says of which
    lane and how old. Returns whether there are any."""
    s, j = int(piece[STREAM]), t - window.first_bin
    own, cell = int(plan.streams[s, OWNER]), state.recalled[t % state.recalled.shape[0], s]
    came, cell[times] = cell[times], 0.0
    if came <= TINY:
        return False
    window.out[REDELIVERED, own, j] += came
    if old > 0.0:  # its memory is far away
        window.out[EXPIRED, own, j] += came * old
    state.streams[s, HIDDEN] -= came
    piece[MASS] = came - came * old
    if ended > 0.0:
        _take_off(plan, state, window, t, piece, ended)
    return True
