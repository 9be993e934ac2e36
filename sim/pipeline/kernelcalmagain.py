"""Calm bins of seasons in which messages are taken again, in closed form.

A crash ends a share of all that is served then; it is visible again a time-out later. Who waits for nothing
else has waited for so many time-outs exactly (State.recalled). sim.pipeline.kernelcalm has the rest. Compiled
into sim.pipeline.kernelagain.
"""

from __future__ import annotations

from sim.ledger import EXPIRED, FAILED, REDELIVERED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelexpiry import too_old_share
from sim.pipeline.kernelhidden import hide, recalled_wait_s, tell_hidden
from sim.pipeline.kernelrows import TINY
from sim.pipeline.kernelrun import all_pass
from sim.pipeline.provisions import FIRSTS
from sim.pipeline.recalls import (
    ACKS,
    ENDED,
    ENDED_LATER,
    TIMEOUT_S,
    TIMES,
)
from sim.pipeline.state import (
    AGAIN,
    AGAIN_UNTIL,
    AHEAD_FROM,
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
    MASS,
    MOST_S,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    STREAM,
    TRIES,
    VAR,
    WHOSE,
    Floats,
    Plan,
    State,
    Window,
)


@part
def end_piece(plan: Plan, state: State, window: Window, t: int, piece: Floats, ended: float) -> float:
    """A crash ends this share of a piece. Returns how many messages will be visible again."""
    s, gone = int(piece[STREAM]), piece[MASS] * ended
    if gone <= TINY:
        return 0.0
    piece[MASS] -= gone
    if plan.again[ACKS] == 0.0:
        window.out[FAILED, int(plan.streams[s, OWNER]), t - window.first_bin] += gone
        return 0.0
    later = piece[LEAST_S] >= 0.9 * plan.again[TIMEOUT_S]
    hide(plan, state, t, piece, ENDED_LATER if later else ENDED, gone)
    state.streams[s, HIDDEN] += gone
    return float(gone)


@part
def take_out_calm(plan: Plan, state: State, window: Window, t: int, served: float, ended: float) -> None:
    """What crashes end of a calm bin, so great a share, does not ask its provider then."""
    state.refused[1] = served * ended * plan.again[ACKS]
    if ended > 0.0:
        state.ahead[ENDS, t - window.first_bin - state.marks[AHEAD_FROM]] = ended
        if plan.again[ACKS] > 0.0:
            tell_hidden(plan, state, t)
        for v in range(state.shares.shape[0]):
            state.shares[v] *= 1.0 - ended
            state.providers[v, FIRSTS] *= 1.0 - ended
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        end_piece(plan, state, window, t, piece, ended)
        if piece[TRIES] == 0.0:
            state.providers[int(plan.streams[int(piece[STREAM]), PROVIDER]), FIRSTS] += piece[MASS]


@part
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
    ring = state.recalled.shape[2]
    at = first % ring
    for k in range(n):
        if state.recalled_for[at] == first + k:
            _look_at(plan, state, first + k, k, at)
        at = at + 1 if at + 1 < ring else 0


@part
def _look_at(plan: Plan, state: State, t: int, k: int, at: int) -> None:
    """The same of bin `t`, the k-th ahead and cell `at` of State.recalled."""
    ahead, by_provider = state.ahead, BY_CLASS + state.classes.shape[0]
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s >= state.recalled.shape[0] or state.streams[s, AGAIN_UNTIL] < t:
            continue
        own, piece = plan.streams[s], state.pieces[state.marks[PIECES]]
        for times in range(TIMES):
            came = state.recalled[s, times, at]
            if came > TINY:
                become_recalled(plan, state, piece, t, s, times + 1)
                kept = 1.0 - too_old_share(t, plan.bin_s, piece, own, False)
                ahead[AGAIN, k] += came
                ahead[BY_CLASS + int(own[PRIORITY]), k] += came * kept
                ahead[by_provider + int(own[PROVIDER]), k] += came * kept


@part
def stop_short_again(plan: Plan, state: State, window: Window, t: int, start: int) -> None:
    """Crashes end their share of newcomers whose provider does not take all of this bin's, the pieces from
    `start` on, and of what comes again and becomes a piece then."""
    ended = float(state.ahead[ENDS, t - window.first_bin - state.marks[AHEAD_FROM]])
    for i in range(start, state.marks[PIECES]):
        end_piece(plan, state, window, t, state.pieces[i], ended)
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s < window.arrivals.shape[0] and not all_pass(state, int(plan.streams[s, PROVIDER])):
            for times in range(TIMES):
                if take_recalled(plan, state, window, t, s, times, ended):
                    state.marks[PIECES] += 1


@part
def take_recalled(plan: Plan, state: State, window: Window, t: int, s: int, times: int, ended: float) -> bool:
    """Those of a lane that are visible again in bin `t` for the so-manieth time, counted from 0, are taken,
    and crashes end a share: what is left is the piece behind the last one. Returns whether there are any."""
    slot, own, j = state.recalled[s, times], int(plan.streams[s, OWNER]), t - window.first_bin
    came, slot[t % slot.shape[0]] = slot[t % slot.shape[0]], 0.0
    if came <= TINY:
        return False
    piece = state.pieces[state.marks[PIECES]]
    become_recalled(plan, state, piece, t, s, times + 1)
    old = came * too_old_share(t, plan.bin_s, piece, plan.streams[s], False)
    window.out[REDELIVERED, own, j] += came
    if old > 0.0:  # its memory is far away
        window.out[EXPIRED, own, j] += old
    state.streams[s, HIDDEN] -= came
    piece[MASS] = came - old
    end_piece(plan, state, window, t, piece, ended)
    return True
