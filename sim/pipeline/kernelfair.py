"""A queue in which tenants have lines of their own: compiled apart from sim.pipeline.kernel, if a plan asks.

Whose the messages are that come in, come back and leave for a backoff; sim.pipeline.kernellines serves them.
"""

from __future__ import annotations

from sim.pipeline.kernelcache import part
from sim.pipeline.kernellines import serve_lines
from sim.pipeline.lines import GROUP, KNOWN_LATER, LINE_CAME, LINE_WAITING, RECALLED
from sim.pipeline.state import (
    BANDS,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_BATCH,
    FIRST_PARCEL,
    MASS,
    NEXT_BATCH,
    PIECES,
    STREAM,
    WHOSE,
    Floats,
    Plan,
    State,
    Window,
)
from sim.pipeline.steps import COME_BACK, HIDE, SERVE_LINES, SET_BACK, TELL_APART

_HARDLY_ANY = 1e-6
"""As a share of a bin's capacity."""


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
    """Which bands the pieces are of that come back."""
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        if piece[WHOSE] >= 0.0:
            _from_away(plan, state, int(piece[STREAM]), int(piece[WHOSE]), float(piece[MASS]))


@part
def _from_away(plan: Plan, state: State, s: int, group: int, mass: float) -> None:
    """Messages of a group come back: of each of its bands a share of those away."""
    total = 0.0
    for g in range(plan.bands.shape[0]):
        if plan.bands[g, GROUP] == group:
            total += state.band_away[s, g]
    if total <= 0.0:  # rounding left none of those away
        for g in range(plan.bands.shape[0]):
            if plan.bands[g, GROUP] == group:
                state.band_away[s, g] = plan.band_shares[s, g]
                total += plan.band_shares[s, g]
    for g in range(plan.bands.shape[0]):
        if plan.bands[g, GROUP] == group and total > 0.0:
            state.band_back[s, g] = state.band_away[s, g] / total
            state.band_away[s, g] -= min(state.band_away[s, g], mass * state.band_back[s, g])


@part
def _hide(plan: Plan, state: State, i: int, mass: float) -> None:
    """Messages of piece `i` are hidden: band by band where their group is known."""
    s, whose = int(state.pieces[i, STREAM]), float(state.pieces[i, WHOSE])
    if whose >= 0.0:
        for g in range(plan.bands.shape[0]):
            state.band_hidden[s, g] += mass * _part_of(plan, state, s, whose, g)


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
            s, whose = int(parcel[STREAM]), float(parcel[WHOSE])
            if whose == RECALLED:
                _tell_recalled(plan, state, s, parcel)
            for g in range(state.lines.shape[1]):
                if whose != RECALLED:
                    parcel[BANDS + g] = parcel[MASS] * _part_of(plan, state, s, whose, g)
                state.lines[p, g, LINE_CAME] += parcel[BANDS + g]
        for g in range(state.lines.shape[1]):
            state.lines[p, g, LINE_WAITING] += state.lines[p, g, LINE_CAME]


@part
def _set_back(plan: Plan, state: State, i: int, later: int, mass: float) -> None:
    """Messages of piece `i` leave for their backoff, which begins so many bins `later`: band by band where
    their group is known. It is forgotten of hardly any, and of those that are told to wait for long: that
    wait is the same for all."""
    s, whose = int(state.pieces[i, STREAM]), float(state.pieces[i, WHOSE])
    if later > KNOWN_LATER or mass <= _HARDLY_ANY * plan.capacity:
        state.pieces[i, WHOSE] = -1.0
    elif whose >= 0.0:
        for g in range(plan.bands.shape[0]):
            state.band_away[s, g] += mass * _part_of(plan, state, s, whose, g)
