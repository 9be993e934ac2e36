"""What is gathered into lots becomes the pieces that providers are asked for. Compiled into
sim.pipeline.kernellines.

From sums to moments; lots of hardly any messages together; scattered waits in parts.
"""

from __future__ import annotations

import math

from sim.pipeline.columns import (
    CALM,
    DUE_S,
    LEAST_S,
    LOT,
    MASS,
    MOST_S,
    OWNER,
    PIECES,
    PRIORITY,
    STREAM,
    TRIES,
    VAR,
    WHOSE,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelrounds import scatter
from sim.pipeline.lines import END_BAND, FIRST_BAND, GROUP, HARDLY_ANY, LOT_WAITS
from sim.pipeline.state import Floats, Plan, State

_FEW = 1e-3
"""As a share of what is taken of a stream and a group in a bin."""
_SAME = 1e-12
"""Variance of waits, as a share of their squared mean: less is what rounding left."""
_REST = -2.0
"""The lot of what hardly any lots became."""


@part
def end_lots(plan: Plan, state: State, first: int, t: int, p: int, rounds: float) -> None:
    """All of class `p` is taken: from sums to moments, and to waits as scattered as `rounds` make them."""
    _count_by_group(plan, state, p)
    _join_hardly_any(plan, state, first)
    last = state.marks[PIECES]
    for i in range(first, last):
        piece = state.pieces[i]
        due_s, waits = piece[DUE_S] / piece[MASS], piece[MASS] - piece[CALM]
        piece[VAR] = max(0.0, piece[VAR] / piece[MASS] - due_s * due_s)
        piece[DUE_S] = t * plan.bin_s + due_s
        piece[CALM] = min(1.0, piece[CALM] / piece[MASS])
        mean_s = piece[LEAST_S] / waits if waits > 0.0 else 0.0
        var = max(0.0, piece[MOST_S] / waits - mean_s * mean_s) if waits > 0.0 else 0.0
        half_s = min(math.sqrt(3.0 * var), mean_s) if var > _SAME * mean_s * mean_s else 0.0
        piece[LEAST_S], piece[MOST_S] = mean_s - half_s, mean_s + half_s
        if piece[LOT] % 2.0 == 1.0:
            scatter(plan, state, i, rounds)
    _share_out(plan, state, p)


@part
def _join_hardly_any(plan: Plan, state: State, first: int) -> None:
    """Lots of hardly any messages become one for each lane and number of attempts; for each group those of
    first attempts that are hardly any of their group, but not of all that the workers can."""
    last = state.marks[PIECES]
    state.marks[PIECES] = first
    for i in range(first, last):
        piece, at = state.pieces[i], state.marks[PIECES]
        s, tries = int(piece[STREAM]), int(piece[TRIES])
        few = piece[WHOSE] < 0.0 or piece[MASS] <= _FEW * _of_group(plan, state, piece)
        if piece[MASS] <= HARDLY_ANY * plan.capacity or (few and tries > 0):
            piece[WHOSE] = -1.0
        if piece[WHOSE] < 0.0 or few:
            piece[LOT] = _REST
        if piece[LOT] == _REST:
            row = state.lots[2 * LOT_WAITS * (int(piece[WHOSE]) + 1), s]
            if first <= row[tries] < at and _is_rest(state.pieces[row[tries]], piece):
                for column in range(MASS, CALM + 1):
                    if column != WHOSE:
                        state.pieces[row[tries], column] += piece[column]
                continue
            row[tries] = at
        for column in range(piece.shape[0]):
            state.pieces[at, column] = piece[column]
        state.marks[PIECES] += 1


@part
def _of_group(plan: Plan, state: State, piece: Floats) -> float:
    """Messages taken of a piece's stream and group."""
    return float(state.by_group[int(plan.streams[int(piece[STREAM]), OWNER]), int(piece[WHOSE])])


@part
def _is_rest(piece: Floats, other: Floats) -> bool:
    """Whether a piece is what hardly any lots became, to which another belongs."""
    same = piece[STREAM] == other[STREAM] and piece[TRIES] == other[TRIES] and piece[WHOSE] == other[WHOSE]
    return bool(same and piece[LOT] == _REST)


@part
def _count_by_group(plan: Plan, state: State, p: int) -> None:
    """Into `by_group`: what is taken of the streams of class `p`."""
    state.by_group[:] = 0.0
    for s in range(plan.band_shares.shape[0]):
        if int(plan.streams[s, PRIORITY]) == p:
            own = state.by_group[int(plan.streams[s, OWNER])]
            for g in range(plan.band_shares.shape[1]):
                own[int(plan.bands[g, GROUP])] += state.band_back[s, g]


@part
def _share_out(plan: Plan, state: State, p: int) -> None:
    """Into `state.band_back`: of each group the shares of its bands in what was taken."""
    for s in range(plan.band_shares.shape[0]):
        if int(plan.streams[s, PRIORITY]) != p:
            continue
        own = state.band_back[s]
        for group in range(state.by_group.shape[1]):
            first, end, total = int(plan.bands[group, FIRST_BAND]), int(plan.bands[group, END_BAND]), 0.0
            for g in range(first, end):
                total += own[g]
            for g in range(first, end):
                own[g] = own[g] / total if total > 0.0 else 0.0
