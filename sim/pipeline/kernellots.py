"""What the workers take from lines of tenants, gathered into lots: pieces that may be of many batches and
bands. Compiled into sim.pipeline.kernellines.

What is alike to providers and in results makes one lot of a bin: stream, attempts, group of tenants, and
waits, in bins and one more, within a third of an octave of each other. A lot keeps mean and variance of its
waits and its due times. Without lots a bin with a deep queue has thirty times as many pieces.
"""

from __future__ import annotations

import math

from sim.pipeline.columns import (
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
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.kernelexpiry import leave_too_old
from sim.pipeline.lines import (
    END_BAND,
    FIRST_BAND,
    GROUP,
    HARDLY_ANY,
    LINE_ANY,
    LINE_CALM,
    LINE_END,
    LINE_LOT,
    LINE_MIDDLE_S,
    LINE_SHARE,
    LINE_SQUARE,
    LINE_WAIT_S,
    LOT_WAITS,
    TOO_OLD_FROM,
)
from sim.pipeline.state import Floats, Plan, State

_THIRD, _TWO_THIRDS = 2.0 ** (1.0 / 3.0 - 1.0), 2.0 ** (2.0 / 3.0 - 1.0)
"""Of an octave, as math.frexp has them."""


@part
def begin_lots(plan: Plan, state: State, p: int) -> None:
    """Nothing of class `p` is taken yet in this bin."""
    for s in range(plan.band_shares.shape[0]):
        if int(plan.streams[s, PRIORITY]) == p:
            for g in range(plan.band_shares.shape[1]):
                state.band_back[s, g] = 0.0


@part
def note_spans(
    plan: Plan, line: Floats, t: int, spans: tuple[float, float, float, float], rounds: float
) -> None:
    """Into a line: how what is taken of it has waited, with `spans` of wait_spans, and its lot; turns in this
    bin scatter it (0 = none do)."""
    middle_s, width_s = 0.5 * (spans[0] + spans[1]), spans[1] - spans[0]
    line[LINE_CALM], line[LINE_WAIT_S] = spans[2], (1.0 - spans[2]) * middle_s
    line[LINE_SQUARE] = (1.0 - spans[2]) * (middle_s * middle_s + width_s * width_s / 12.0)
    line[LINE_MIDDLE_S] = spans[3] - t * plan.bin_s
    line[LINE_LOT] = _lot_of(plan, middle_s, rounds)


@part
def gather(plan: Plan, state: State, first: int, t: int, p: int, b: int) -> None:
    """Move what `lines` say of batch `b` to the lots of this bin, pieces from `first` on: bands together that
    are of one group, and of one lot unless the messages were due long ago; and all bands of hardly any."""
    at, bands = b % state.batches.shape[1], plan.bands.shape[0]
    batch, is_old = state.batches[p, at], t >= state.line_batches[p, at, TOO_OLD_FROM]
    began_s = batch[ENTERED_BIN] * plan.bin_s
    _tell_alike(plan, state, p)
    for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
        parcel = state.parcels[p, i % state.parcels.shape[1]]
        group = int(parcel[WHOSE])
        if parcel[TRIES] <= 0.0 and parcel[DUE_S] >= began_s:
            g = 0
            while g < bands:
                end = int(state.lines[p, g, LINE_END])
                if end > 0:
                    _gather_new(plan, state, first, t, p, parcel, g, end, is_old)
                g = max(end, g + 1)
        elif group >= 0:
            _gather_late(plan, state, first, t, p, parcel, group, is_old)
        elif parcel[MASS] <= HARDLY_ANY * plan.capacity:
            _gather_late(plan, state, first, t, p, parcel, -1, is_old)
        else:
            for each in range(int(plan.bands[bands - 1, GROUP]) + 1):
                _gather_late(plan, state, first, t, p, parcel, each, is_old)


@part
def _tell_alike(plan: Plan, state: State, p: int) -> None:
    """Into `lines`: which bands follow one another of which something is taken that is of one group and one
    lot; and of which groups anything is taken."""
    g, bands = 0, plan.bands.shape[0]
    state.lines[p, :, LINE_ANY] = 0.0
    while g < bands:
        end, line = g + 1, state.lines[p, g]
        line[LINE_END] = 0.0
        if line[LINE_SHARE] > 0.0:
            while end < bands and _is_alike(plan, state, p, g, end):
                end += 1
            line[LINE_END] = end
            state.lines[p, int(plan.bands[g, GROUP]), LINE_ANY] = 1.0
        g = end


@part
def _is_alike(plan: Plan, state: State, p: int, g: int, other: int) -> bool:
    """Whether of an `other` band something is taken that is alike to what is taken of band `g`."""
    one, two = state.lines[p, g], state.lines[p, other]
    same = plan.bands[g, GROUP] == plan.bands[other, GROUP] and one[LINE_LOT] == two[LINE_LOT]
    return bool(same and two[LINE_SHARE] > 0.0)


@part
def _gather_new(
    plan: Plan, state: State, first: int, t: int, p: int, parcel: Floats, g: int, end: int, is_old: bool
) -> None:
    """Of a parcel that came as its messages were due: all have waited as their lines say."""
    mass = calm = wait_s = square = 0.0
    own = state.band_back[int(parcel[STREAM])]
    for k in range(g, end):
        line = state.lines[p, k]
        taken = _take(parcel, k, line, own)
        mass += taken
        calm += taken * line[LINE_CALM]
        wait_s += taken * line[LINE_WAIT_S]
        square += taken * line[LINE_SQUARE]
    if mass > 0.0:
        parcel[MASS] -= mass
        at = _piece_of(state, first, parcel, int(plan.bands[g, GROUP]), state.lines[p, g, LINE_LOT])
        piece = state.pieces[at]
        _add(piece, mass, _due(plan, state, t, parcel, is_old))
        piece[CALM] += calm
        piece[LEAST_S] += wait_s
        piece[MOST_S] += square


@part
def _gather_late(
    plan: Plan, state: State, first: int, t: int, p: int, parcel: Floats, group: int, is_old: bool
) -> None:
    """Of a parcel whose messages were due before it came, those of a group (-1 = all): they have waited since
    then, and differ as their due times do and as the moments of this bin when bands are served."""
    g, end = 0, plan.bands.shape[0]
    if group >= 0:
        g, end = int(plan.bands[group, FIRST_BAND]), int(plan.bands[group, END_BAND])
        if state.lines[p, group, LINE_ANY] == 0.0:
            return
    mass = left_s = square = 0.0
    own = state.band_back[int(parcel[STREAM])]
    for k in range(g, end):
        line = state.lines[p, k]
        taken = _take(parcel, k, line, own)
        mass += taken
        left_s += taken * line[LINE_MIDDLE_S]
        square += taken * line[LINE_MIDDLE_S] * line[LINE_MIDDLE_S]
    if mass > 0.0:
        parcel[MASS] -= mass
        left_s /= mass
        due_s, var = _due(plan, state, t, parcel, is_old)
        delay_s = max(0.0, left_s - due_s)
        half_s = math.sqrt(3.0 * (var + max(0.0, square / mass - left_s * left_s)))
        least_s, most_s = max(0.0, delay_s - half_s), delay_s + half_s
        middle_s, width_s = 0.5 * (least_s + most_s), most_s - least_s
        at = _piece_of(state, first, parcel, group, _lot_of(plan, delay_s, 0.0))
        piece = state.pieces[at]
        _add(piece, mass, (due_s, var))
        piece[LEAST_S] += mass * middle_s
        piece[MOST_S] += mass * (middle_s * middle_s + width_s * width_s / 12.0)


@inlined
def _take(parcel: Floats, k: int, line: Floats, own: Floats) -> float:
    """What goes of a parcel's band `k`, as its line says; `own`: what was taken of its lane, by band."""
    taken = parcel[BANDS + k] * line[LINE_SHARE]
    parcel[BANDS + k] -= taken
    own[k] += taken
    return float(taken)


@inlined
def _lot_of(plan: Plan, wait_s: float, rounds: float) -> float:
    """Which lot a wait belongs to, of those whose waits are scattered (odd) and of those whose are not."""
    part, octaves = math.frexp(1.0 + wait_s / plan.bin_s)
    thirds = 3 * (octaves - 1) + (1 if part >= _THIRD else 0) + (1 if part >= _TWO_THIRDS else 0)
    return 2.0 * min(thirds, LOT_WAITS - 1) + (1.0 if rounds > 0.0 else 0.0)


@inlined
def _piece_of(state: State, first: int, parcel: Floats, group: int, lot: float) -> int:
    """Which piece a lot is; an empty one if there is none in this bin yet."""
    s, tries = int(parcel[STREAM]), int(parcel[TRIES])
    row = state.lots[2 * LOT_WAITS * (group + 1) + int(lot), s]
    at = row[tries]
    if first <= at < state.marks[PIECES]:
        piece = state.pieces[at]
        if piece[STREAM] == s and piece[TRIES] == tries and piece[WHOSE] == group and piece[LOT] == lot:
            return int(at)
    at = state.marks[PIECES]
    row[tries] = at
    state.marks[PIECES] += 1
    piece = state.pieces[at]
    piece[:] = 0.0
    piece[STREAM], piece[TRIES], piece[WHOSE], piece[LOT] = s, tries, group, lot
    return int(at)


@inlined
def _due(plan: Plan, state: State, t: int, parcel: Floats, is_old: bool) -> tuple[float, float]:
    """Mean, from the bin on, and variance of a parcel's due times, without what was too old."""
    if not is_old:
        return parcel[DUE_S] - t * plan.bin_s, parcel[VAR]
    rest = state.pieces[state.marks[PIECES]]  # no piece yet: room to work in
    rest[DUE_S], rest[VAR] = parcel[DUE_S], parcel[VAR]
    leave_too_old(t, plan.bin_s, rest, plan.streams[int(parcel[STREAM])])
    return rest[DUE_S] - t * plan.bin_s, rest[VAR]


@inlined
def _add(piece: Floats, mass: float, of: tuple[float, float]) -> None:
    """Until `end_lots` a lot has sums: of due times from the bin on, of waits, of the squares of both. of:
    mean and variance of due times."""
    due_s, var = of
    piece[MASS] += mass
    piece[DUE_S] += mass * due_s
    piece[VAR] += mass * (due_s * due_s + var)
