"""The cohort's messages behind a provider's door: its own queue, deferrals, delivery. Compiled into
sim.pipeline.kernelbeyond.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from sim.ledger import EXPIRED
from sim.pipeline.columns import (
    ALIVE,
    BEHIND,
    CALM,
    CELL,
    CHANCE,
    DEFERRED_UNTIL,
    HELD,
    HELD_UNTIL,
    LAG,
    LEAST_S,
    MOST_S,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    WHOSE,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kerneldelivery import send_on
from sim.pipeline.kernelnoting import AT_DOOR, HELD_BACK, piece_moments
from sim.pipeline.kernelparts import enlist, later, with_turn_below_bin
from sim.pipeline.kernelproviders import ask_mailboxes
from sim.pipeline.kernelrows import TINY
from sim.pipeline.provisions import (
    AT_ONCE,
    DEFERS,
    DEFERS_UNTIL,
    DEPTH,
    KEPT,
    LIGHT_CHANCE,
    LIGHT_S,
    MAIL_BIN,
    MAIL_SHARE,
    PACE_ROW,
    RETRY_UNTIL,
    TRIES,
    TURN_FROM_S,
    TURN_TO_S,
)
from sim.pipeline.state import Floats, Plan, State, Window

_NEVER = cast(int, np.int64(0))
"""As a plain 0 it would be a type of its own, and all that takes it would be compiled once more."""
_RESIDUE = 1e-7
"""Less than this of a message is what rounding left; sums of differences leave more of it."""


@part
def accept(plan: Plan, state: State, window: Window, t: int, row: int, mass: float, piece: Floats) -> None:
    """The provider of `row` takes `mass` of a piece."""
    own, v = state.providers[int(plan.streams[row, PROVIDER])], int(plan.streams[row, PROVIDER])
    paced = plan.providers[v, PACE_ROW] >= 0.0
    if paced:
        lapsed = mass * (1.0 - own[KEPT])
        window.out[EXPIRED, int(plan.streams[row, OWNER]), t - window.first_bin] += lapsed
        mass -= lapsed
    if own[AT_ONCE] > 0.0:
        if paced:
            cell, chance = with_turn_below_bin(
                own[LIGHT_S], own[LIGHT_CHANCE], int(piece[CELL]), float(piece[CHANCE])
            )
            piece[CELL], piece[CHANCE] = cell, chance
        send_on(plan, state, t, row, mass, piece, AT_DOOR)
    elif paced:
        _await_turn(plan, state, t, row, mass, piece)
    else:
        taken = mass * state.class_shares[BEHIND, v, int(plan.streams[row, PRIORITY])]
        send_on(plan, state, t, row, taken, piece, AT_DOOR)
        mean_s, square = piece_moments(piece)
        _defer(plan, state, window, t, row, _NEVER, mass - taken, mean_s, square)


@part
def _await_turn(plan: Plan, state: State, t: int, row: int, mass: float, piece: Floats) -> None:
    """Spread `mass` over the bins in which its turn in the provider's own queue comes."""
    v, h = int(plan.streams[row, PROVIDER]), plan.bin_s
    own, defers = state.providers[v], plan.providers[v, DEFERS] > 0.0
    from_s, to_s = own[TURN_FROM_S], own[TURN_TO_S]
    least_s, most_s, calm = piece[LEAST_S], piece[MOST_S], piece[CALM]
    first, last = from_s / h, 1.0 + to_s / h
    width, at = max(last - first, 1e-9), int(first)
    piece[CALM] = 0.0
    while at < last:
        low, high = max(first, at), min(last, at + 1.0)
        share = max(0.0, high - low) / width
        if t + at >= plan.bins:
            state.streams[row, HELD] += mass * share
            enlist(state, row)
        elif share > 0.0:
            begin_s = from_s + (to_s - from_s) * (low - first) / width
            end_s = from_s + (to_s - from_s) * (high - first) / width
            piece[LEAST_S] = (1.0 - calm) * least_s + min(begin_s, end_s)
            piece[MOST_S] = (1.0 - calm) * most_s + max(begin_s, end_s)
            if defers:
                mean_s, square = piece_moments(piece)
                # what a bin's turns meet is asked at the next one's start: this bin's tries are over
                slot = state.queued[row, (t + at + 1) % state.queued.shape[1]]
                slot[0] += mass * share
                slot[1] += mass * share * mean_s
                slot[2] += mass * share * square
                state.streams[row, HELD] += mass * share
                _expect(plan, state, row, t + at + 1)
            else:
                send_on(plan, state, t + at, row, mass * share, piece, HELD_BACK)
        at += 1
    piece[LEAST_S], piece[MOST_S], piece[CALM] = least_s, most_s, calm


@part
def _defer(
    plan: Plan,
    state: State,
    window: Window,
    t: int,
    row: int,
    tried: int,
    mass: float,
    mean_s: float,
    square: float,
) -> None:
    """The mailboxes do not take `mass` that was deferred `tried` times before: once more, or given up."""
    v = int(plan.streams[row, PROVIDER])
    if mass <= 0.0:
        return
    if tried >= plan.providers[v, TRIES]:
        window.out[EXPIRED, int(plan.streams[row, OWNER]), t - window.first_bin] += mass
        return
    ring, at, jumps = state.deferred.shape[2], min(tried, state.deferred.shape[0] - 1), plan.deferrals[v]
    for k in range(jumps.shape[0]):
        if jumps[k, LAG] > 0.0:
            _change(state.deferred[at, row, (t + int(jumps[k, LAG])) % ring], mass, mean_s, square, jumps[k])
    state.streams[row, HELD] += mass
    state.providers[v, DEPTH] = max(state.providers[v, DEPTH], tried + 1.0)
    _expect(plan, state, row, t + int(plan.providers[v, RETRY_UNTIL]))


@part
def _change(moments: Floats, mass: float, mean_s: float, square: float, jump: Floats) -> None:
    """Add a jump of `mass` messages that are tried in a bin, and of the sums of their delays and squared
    delays: those until now and a retry's, which know nothing of each other."""
    share, sums_s, squares = later(mass, mean_s, square, jump)
    moments[0] += share
    moments[1] += sums_s
    moments[2] += squares


@part
def _expect(plan: Plan, state: State, row: int, bin_: int) -> None:
    """Something is held back in a row until `bin_`."""
    until = state.providers[int(plan.streams[row, PROVIDER]), DEFERS_UNTIL : DEFERS_UNTIL + 1]
    until[0] = max(until[0], float(bin_))
    state.marks[HELD_UNTIL] = max(state.marks[HELD_UNTIL], bin_)
    state.streams[row, DEFERRED_UNTIL] = max(state.streams[row, DEFERRED_UNTIL], float(bin_))
    enlist(state, row)


@part
def try_again(plan: Plan, state: State, window: Window, t: int) -> None:
    """Every provider tries again what is due in bin `t`, before newcomers are deferred beside it."""
    for v in range(plan.providers.shape[0]):
        if plan.providers[v, DEFERS] == 0.0 or t > state.providers[v, DEFERS_UNTIL] + 1.0:
            continue
        if state.providers[v, MAIL_BIN] != t:
            ask_mailboxes(plan, state, t, v, 0.0)
        for i in range(state.marks[ALIVE]):
            row = state.alive[i]
            if int(plan.streams[row, PROVIDER]) == v and t <= state.streams[row, DEFERRED_UNTIL]:
                _try_row(plan, state, window, t, v, row)
        if t > state.providers[v, DEFERS_UNTIL]:
            state.providers[v, DEPTH] = 0.0


@part
def _try_row(plan: Plan, state: State, window: Window, t: int, v: int, row: int) -> None:
    depth = int(state.providers[v, DEPTH])  # it grows meanwhile
    for back in range(depth):
        tried = depth - 1 - back
        level = state.deferred_level[row, tried]
        _try_cell(plan, state, window, t, row, tried + 1, level)
    if plan.providers[v, PACE_ROW] >= 0.0:
        turn = state.queued[row, t % state.queued.shape[1]]
        _try_cell(plan, state, window, t, row, _NEVER, turn)
        turn[:] = 0.0


@part
def _try_cell(plan: Plan, state: State, window: Window, t: int, row: int, tried: int, cell: Floats) -> None:
    """Messages that were deferred `tried` times: taken now, or deferred once more."""
    mass = cell[0]
    if mass <= _RESIDUE:
        return
    v = int(plan.streams[row, PROVIDER])
    mean_s, square = cell[1] / mass, cell[2] / mass
    state.streams[row, HELD] -= mass
    passed = mass * state.providers[v, MAIL_SHARE]
    if passed > TINY:
        piece = state.pieces[state.marks[PIECES]]
        half_s = math.sqrt(3.0 * max(0.0, square - mean_s * mean_s))
        piece[LEAST_S], piece[MOST_S] = max(0.0, mean_s - half_s), mean_s + half_s
        piece[CALM], piece[WHOSE] = 0.0, -1.0
        send_on(plan, state, t, row, passed, piece, HELD_BACK)
    _defer(plan, state, window, t, row, tried, mass - passed, mean_s, square)
