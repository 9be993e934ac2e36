"""A queue in which tenants have lines of their own: compiled apart from sim.pipeline.kernel, if a plan asks.

Whose the messages are that come in, come back and leave for a backoff; sim.pipeline.kernellines serves them.
"""

from __future__ import annotations

from sim.pipeline.kernelbackoff import set_back
from sim.pipeline.kernelcache import part
from sim.pipeline.kernellines import serve_lines
from sim.pipeline.state import (
    BAND,
    BANDS,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_BATCH,
    FIRST_PARCEL,
    GROUP,
    LINE_CAME,
    LINE_WAITING,
    MASS,
    NEXT_BATCH,
    PIECES,
    STREAM,
    TRIES,
    WHOSE,
    Plan,
    State,
    Window,
)
from sim.pipeline.steps import COME_BACK, SERVE_LINES, SET_BACK, TELL_APART


def fair(
    plan: Plan, state: State, window: Window, step: int, t: int, at: int, row: int, mass: float
) -> float:
    """One of the steps of bin `t` that sim.pipeline.steps names; `at` is a class or a piece."""
    if step == COME_BACK:
        _come_back(plan, state)
    elif step == TELL_APART:
        _tell_apart(plan, state, t)
    elif step == SERVE_LINES:
        return float(serve_lines(plan, state, window, t, at, mass))
    elif step == SET_BACK:
        _set_back(plan, state, t, at, row, mass)
    return 0.0


@part
def _come_back(plan: Plan, state: State) -> None:
    """Whose the pieces are that come back: attempts and groups share the columns of `back`."""
    groups = state.group_fresh.shape[0]
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        column = int(piece[TRIES]) - 1
        piece[TRIES], piece[WHOSE] = column // groups + 1.0, column % groups
        _from_away(plan, state, int(piece[STREAM]), column % groups, float(piece[MASS]))


@part
def _from_away(plan: Plan, state: State, s: int, group: int, mass: float) -> None:
    """Messages of a group come back: of each of its bands a share of those away."""
    total = 0.0
    for g in range(plan.bands.shape[0]):
        if plan.bands[g, GROUP] == group:
            total += state.band_away[s, g]
    for g in range(plan.bands.shape[0]):
        if plan.bands[g, GROUP] == group and total > 0.0:
            state.band_back[s, g] = state.band_away[s, g] / total
            state.band_away[s, g] -= min(state.band_away[s, g], mass * state.band_back[s, g])


@part
def _part_of(plan: Plan, state: State, s: int, whose: float, g: int) -> float:
    """Band `g`'s share of messages of lane `s` that are of the group `whose`, or as the stream's."""
    if whose < 0.0:
        return float(plan.band_shares[s, g])
    return float(state.band_back[s, g]) if plan.bands[g, GROUP] == whose else 0.0


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
        for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
            parcel = state.parcels[p, i % state.parcels.shape[1]]
            for g in range(state.lines.shape[1]):
                mass = parcel[MASS] * _part_of(plan, state, int(parcel[STREAM]), float(parcel[WHOSE]), g)
                parcel[BANDS + g] = mass
                state.lines[p, g, LINE_CAME] += mass
        for g in range(state.lines.shape[1]):
            state.lines[p, g, LINE_WAITING] += state.lines[p, g, LINE_CAME]


@part
def _set_back(plan: Plan, state: State, t: int, i: int, later: int, mass: float) -> None:
    """Messages of piece `i` leave for their backoff, group by group."""
    piece, groups = state.pieces[i], state.group_fresh.shape[0]
    s, first = int(piece[STREAM]), int(piece[TRIES]) * groups
    if piece[BAND] >= 0.0:
        state.band_away[s, int(piece[BAND])] += mass
        set_back(plan, state, t, s, first + int(piece[WHOSE]), mass, piece, later)
        return
    for g in range(plan.bands.shape[0]):
        own = mass * _part_of(plan, state, s, float(piece[WHOSE]), g)
        state.band_away[s, g] += own
        if own > 0.0:
            set_back(plan, state, t, s, first + int(plan.bands[g, GROUP]), own, piece, later)
