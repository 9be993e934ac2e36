"""A queue in which tenants have lines of their own: compiled apart from sim.pipeline.kernel, if a plan asks.

Whose the messages are that come in, come back and leave for a backoff; sim.pipeline.kernellines serves them.
"""

from __future__ import annotations

import math

from sim.pipeline.columns import (
    BANDS,
    DUE_S,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_BATCH,
    FIRST_PARCEL,
    MASS,
    NEXT_BATCH,
    OWNER,
    PIECES,
    STREAM,
    TRIES,
    VAR,
    WHOSE,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelexpiry import too_old_from
from sim.pipeline.kernellines import serve_lines
from sim.pipeline.lines import (
    END_BAND,
    FIRST_BAND,
    HARDLY_ANY,
    KNOWN_LATER,
    LINE_CAME,
    LINE_MASS,
    LINE_WAITING,
    RECALLED,
    TOO_OLD_FROM,
)
from sim.pipeline.state import Floats, Plan, State, Window
from sim.pipeline.steps import COME_BACK, HIDE, SERVE_LINES, SET_BACK, TELL_APART

_GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
"""Whose multiples are spread evenly over a circle."""
_FEW = 3e-3
"""As a share of what comes back of a stream and a group in a bin."""


def fair(
    plan: Plan, state: State, window: Window, step: int, t: int, at: int, row: int, mass: float
) -> float:
    """One of the steps of bin `t` that sim.pipeline.steps names; `at` is a class or a piece, `row`
    how many bins later something begins."""
    if step == COME_BACK:
        _come_back(plan, state)
    elif step == TELL_APART:
        _tell_apart(plan, state, t)
    elif step == SERVE_LINES:
        return float(serve_lines(plan, state, window, t, at, mass))
    elif step == SET_BACK:
        _set_back(plan, state, at, row, mass)
    elif step == HIDE:
        _hide(plan, state, at, mass)
    return 0.0


@part
def _come_back(plan: Plan, state: State) -> None:
    """Which bands the pieces are of that come back. Hardly any of a group join those of the same lane and
    number of attempts whose group is not known."""
    last, few = state.marks[PIECES], HARDLY_ANY * plan.capacity
    state.by_group[:] = 0.0
    for i in range(last):
        piece = state.pieces[i]
        if piece[WHOSE] >= 0.0:
            owner = int(plan.streams[int(piece[STREAM]), OWNER])
            state.by_group[owner, int(piece[WHOSE])] += piece[MASS]
    state.marks[PIECES] = 0
    for i in range(last):
        piece, at = state.pieces[i], state.marks[PIECES]
        s, tries, group = int(piece[STREAM]), int(piece[TRIES]), int(piece[WHOSE])
        if group >= 0:
            _from_away(plan, state, s, group, float(piece[MASS]))
            if piece[MASS] <= max(few, _FEW * state.by_group[int(plan.streams[s, OWNER]), group]):
                piece[WHOSE] = -1.0
        if piece[WHOSE] < 0.0:
            row = state.lots[0, s]
            if row[tries] < at and _is_unknown(state.pieces[row[tries]], s, tries):
                _join(state.pieces[row[tries]], piece)
                continue
            row[tries] = at
        for column in range(WHOSE + 1):
            state.pieces[at, column] = piece[column]
        state.marks[PIECES] += 1


@part
def _is_unknown(piece: Floats, s: int, tries: int) -> bool:
    """Whether a piece is of a lane, a number of attempts and whatever group."""
    return bool(piece[WHOSE] < 0.0 and piece[STREAM] == s and piece[TRIES] == tries)


@part
def _join(piece: Floats, other: Floats) -> None:
    """A piece and another become one."""
    mass, apart_s = piece[MASS] + other[MASS], other[DUE_S] - piece[DUE_S]
    share = other[MASS] / mass
    piece[VAR] += share * (other[VAR] - piece[VAR] + (1.0 - share) * apart_s * apart_s)
    piece[DUE_S] += share * apart_s
    piece[MASS] = mass


@part
def _from_away(plan: Plan, state: State, s: int, group: int, mass: float) -> None:
    """Messages of a group come back: of each of its bands a share of those away."""
    first, end, total = int(plan.bands[group, FIRST_BAND]), int(plan.bands[group, END_BAND]), 0.0
    for g in range(first, end):
        total += state.band_away[s, g]
    if total <= 0.0:  # rounding left none of those away
        for g in range(first, end):
            state.band_away[s, g] = plan.band_shares[s, g]
            total += plan.band_shares[s, g]
    if total > 0.0:
        for g in range(first, end):
            state.band_back[s, g] = state.band_away[s, g] / total
            state.band_away[s, g] -= min(state.band_away[s, g], mass * state.band_back[s, g])


@part
def _hide(plan: Plan, state: State, i: int, mass: float) -> None:
    """Messages of piece `i` are hidden: band by band where their group is known."""
    s, group = int(state.pieces[i, STREAM]), int(state.pieces[i, WHOSE])
    if group >= 0:
        for g in range(int(plan.bands[group, FIRST_BAND]), int(plan.bands[group, END_BAND])):
            state.band_hidden[s, g] += mass * state.band_back[s, g]


@part
def _tell_recalled(plan: Plan, state: State, s: int, parcel: Floats) -> None:
    """Whose the messages are that are visible again: as those that were hidden; as the stream's where these
    are not known."""
    known = 0.0
    for g in range(plan.bands.shape[0]):
        known += state.band_hidden[s, g]
    share = min(1.0, known / parcel[MASS]) if parcel[MASS] > 0.0 else 0.0
    for g in range(plan.bands.shape[0]):
        own = parcel[MASS] * share * (state.band_hidden[s, g] / known if known > 0.0 else 0.0)
        state.band_hidden[s, g] = max(0.0, state.band_hidden[s, g] - own)
        parcel[BANDS + g] = own + parcel[MASS] * (1.0 - share) * plan.band_shares[s, g]


@part
def _tell_apart(plan: Plan, state: State, t: int) -> None:
    """Whose the messages are that entered in bin `t`."""
    for p in range(state.waiting.shape[0]):
        for g in range(state.lines.shape[1]):
            state.lines[p, g, LINE_CAME] = 0.0
        newest = state.heads[p, NEXT_BATCH] - 1
        batch = state.batches[p, newest % state.batches.shape[1]]
        if newest < state.heads[p, FIRST_BATCH] or batch[ENTERED_BIN] != t:
            continue
        told = state.line_batches[p, newest % state.line_batches.shape[1]]
        told[:] = 0.0
        told[TOO_OLD_FROM] = plan.bins
        for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
            parcel = state.parcels[p, i % state.parcels.shape[1]]
            _tell_parcel(plan, state, t, parcel)
            told[TOO_OLD_FROM] = min(told[TOO_OLD_FROM], too_old_from(plan, parcel))
            for g in range(state.lines.shape[1]):
                told[LINE_MASS + g] += parcel[BANDS + g]
        for g in range(state.lines.shape[1]):
            state.lines[p, g, LINE_CAME] = told[LINE_MASS + g]
            state.lines[p, g, LINE_WAITING] += told[LINE_MASS + g]


@part
def _tell_parcel(plan: Plan, state: State, t: int, parcel: Floats) -> None:
    """Whose the messages of a parcel are that has just entered."""
    s, group = int(parcel[STREAM]), int(parcel[WHOSE])
    if parcel[WHOSE] == RECALLED:
        _tell_recalled(plan, state, s, parcel)
        return
    if group < 0 and parcel[TRIES] > 0.0 and parcel[MASS] <= HARDLY_ANY * plan.capacity:
        parcel[BANDS:] = 0.0
        parcel[BANDS + _any_band(plan, s, t)] = parcel[MASS]
        return
    first, end, parts = 0, plan.bands.shape[0], plan.band_shares[s]
    if group >= 0:
        parcel[BANDS:] = 0.0
        first, end = int(plan.bands[group, FIRST_BAND]), int(plan.bands[group, END_BAND])
        parts = state.band_back[s]
    for g in range(first, end):
        parcel[BANDS + g] = parcel[MASS] * parts[g]


@part
def _any_band(plan: Plan, s: int, t: int) -> int:
    """One of the bands that lane `s` has messages of, bin after bin each as often as its share has it."""
    left, last = _GOLDEN * (t + s) % 1.0, 0
    for g in range(plan.bands.shape[0]):
        if plan.band_shares[s, g] > 0.0:
            last = g
            left -= plan.band_shares[s, g]
            if left < 0.0:
                break
    return last


@part
def _set_back(plan: Plan, state: State, i: int, later: int, mass: float) -> None:
    """Messages of piece `i` leave for their backoff, which begins so many bins `later`: band by band where
    their group is known. It is forgotten of hardly any, and of those that are told to wait for long: that
    wait is the same for all."""
    s, group = int(state.pieces[i, STREAM]), int(state.pieces[i, WHOSE])
    if later > KNOWN_LATER or mass <= HARDLY_ANY * plan.capacity:
        state.pieces[i, WHOSE] = -1.0
    elif group >= 0:
        for g in range(int(plan.bands[group, FIRST_BAND]), int(plan.bands[group, END_BAND])):
            state.band_away[s, g] += mass * state.band_back[s, g]
