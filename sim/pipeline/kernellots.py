"""What the workers take from lines of tenants, gathered into lots: pieces that may be of many batches and
bands. Compiled into sim.pipeline.kernellines.

What is alike to providers and in results makes one lot of a bin: stream, attempts, group of tenants, and
waits, in bins and one more, within a third of an octave of each other. A lot keeps mean and variance of its
waits and its due times. Without lots a bin with a deep queue has thirty times as many pieces.
"""

from __future__ import annotations

import math

from sim.pipeline.kernelcache import part
from sim.pipeline.kernelexpiry import leave_too_old, take_out
from sim.pipeline.kernelrounds import scatter
from sim.pipeline.lines import GROUP, LOT_WAITS, LOTS_PER_OCTAVE, TENANTS
from sim.pipeline.state import (
    BANDS,
    CALM,
    DUE_S,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_PARCEL,
    LEAST_S,
    LOT,
    MASS,
    MOST_S,
    PIECES,
    PRIORITY,
    STREAM,
    TRIES,
    VAR,
    WHOSE,
    Floats,
    Plan,
    State,
)


@part
def begin_lots(plan: Plan, state: State, p: int) -> None:
    """Nothing of class `p` is taken yet in this bin."""
    for s in range(plan.band_shares.shape[0]):
        if int(plan.streams[s, PRIORITY]) == p:
            for g in range(plan.band_shares.shape[1]):
                state.band_back[s, g] = 0.0


@part
def gather(
    plan: Plan,
    state: State,
    first: int,
    t: int,
    line: tuple[int, int, float],
    batch: Floats,
    share: float,
    spans: tuple[float, float, float, float],
) -> None:
    """Move `share` of what of a batch is of one band to the lots of this bin, pieces from `first` on, with
    `spans` of wait_spans. line: the class, the band, turns in this bin that scatter waits (0 = none do).
    """
    p, g, rounds = line
    of, group = BANDS + g, plan.bands[g, GROUP]
    if plan.bands[g, TENANTS] <= 1.0:  # a tenant alone in its band has as many ahead as are there
        rounds = 0.0
    lot = _lot_of(plan, 0.5 * (spans[0] + spans[1]), rounds)
    for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
        parcel = state.parcels[p, i % state.parcels.shape[1]]
        mass = parcel[of] * share
        if mass <= 0.0:
            continue
        s, rest = int(parcel[STREAM]), state.pieces[state.marks[PIECES]]  # no piece yet: room to work in
        state.band_back[s, g] += mass
        rest[DUE_S], rest[VAR] = parcel[DUE_S], parcel[VAR]
        leave_too_old(t, plan.bin_s, rest, plan.streams[s])
        due_s, var = rest[DUE_S], rest[VAR]
        if parcel[TRIES] > 0.0 or parcel[DUE_S] < batch[ENTERED_BIN] * plan.bin_s:
            half_s, delay_s = math.sqrt(3.0 * var), max(0.0, spans[3] - due_s)
            least_s, most_s = max(0.0, delay_s - half_s), delay_s + half_s
            at = _piece_of(state, first, parcel, group, _lot_of(plan, delay_s, 0.0))
            _add(state.pieces[at], mass, due_s - t * plan.bin_s, var, (least_s, most_s, 0.0))
        else:
            at = _piece_of(state, first, parcel, group, lot)
            _add(state.pieces[at], mass, due_s - t * plan.bin_s, var, spans[:3])
        take_out(parcel, of, mass)


@part
def _lot_of(plan: Plan, wait_s: float, rounds: float) -> float:
    """Which lot a wait belongs to, of those whose waits are scattered (odd) and of those whose are not."""
    octaves = math.log2(1.0 + wait_s / plan.bin_s)
    return 2.0 * min(int(LOTS_PER_OCTAVE * octaves), LOT_WAITS - 1) + (1.0 if rounds > 0.0 else 0.0)


@part
def _piece_of(state: State, first: int, parcel: Floats, group: float, lot: float) -> int:
    """Which piece a lot is; an empty one if there is none in this bin yet."""
    s, tries = int(parcel[STREAM]), int(parcel[TRIES])
    at = state.lots[s, tries, int(group), int(lot)]
    if first <= at < state.marks[PIECES]:
        piece = state.pieces[at]
        if piece[STREAM] == s and piece[TRIES] == tries and piece[WHOSE] == group and piece[LOT] == lot:
            return int(at)
    at = state.marks[PIECES]
    state.lots[s, tries, int(group), int(lot)] = at
    state.marks[PIECES] += 1
    piece = state.pieces[at]
    piece[:] = 0.0
    piece[STREAM], piece[TRIES], piece[WHOSE], piece[LOT] = s, tries, group, lot
    return int(at)


@part
def _add(piece: Floats, mass: float, due_s: float, var: float, spans: tuple[float, float, float]) -> None:
    """Until `end_lots` a lot has sums: of due times from the bin on, of waits, of the squares of both."""
    waits = mass * (1.0 - spans[2])
    middle_s, width_s = 0.5 * (spans[0] + spans[1]), spans[1] - spans[0]
    piece[MASS] += mass
    piece[DUE_S] += mass * due_s
    piece[VAR] += mass * (due_s * due_s + var)
    piece[CALM] += mass * spans[2]
    piece[LEAST_S] += waits * middle_s
    piece[MOST_S] += waits * (middle_s * middle_s + width_s * width_s / 12.0)


@part
def end_lots(plan: Plan, state: State, first: int, t: int, p: int, rounds: float) -> None:
    """All of class `p` is taken: from sums to moments, and to waits as scattered as `rounds` make them."""
    last = state.marks[PIECES]
    for i in range(first, last):
        piece = state.pieces[i]
        due_s, waits = piece[DUE_S] / piece[MASS], piece[MASS] - piece[CALM]
        piece[VAR] = max(0.0, piece[VAR] / piece[MASS] - due_s * due_s)
        piece[DUE_S] = t * plan.bin_s + due_s
        piece[CALM] = min(1.0, piece[CALM] / piece[MASS])
        mean_s = piece[LEAST_S] / waits if waits > 0.0 else 0.0
        var = max(0.0, piece[MOST_S] / waits - mean_s * mean_s) if waits > 0.0 else 0.0
        half_s = min(math.sqrt(3.0 * var), mean_s)
        piece[LEAST_S], piece[MOST_S] = mean_s - half_s, mean_s + half_s
        if piece[LOT] % 2.0 == 1.0:
            scatter(plan, state, i, rounds)
    _share_out(plan, state, p)


@part
def _share_out(plan: Plan, state: State, p: int) -> None:
    """Into `state.band_back`: of each group the shares of its bands in what was taken."""
    for s in range(plan.band_shares.shape[0]):
        if int(plan.streams[s, PRIORITY]) != p:
            continue
        first, own = 0, state.band_back[s]
        while first < own.shape[0]:
            end, total = first, 0.0
            while end < own.shape[0] and plan.bands[end, GROUP] == plan.bands[first, GROUP]:
                total += own[end]
                end += 1
            for g in range(first, end):
                own[g] = own[g] / total if total > 0.0 else 0.0
            first = end
