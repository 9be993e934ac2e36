"""Room for what waits: rings that grow when they are full, by the amount that came to wait."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.pipeline.columns import (
    FIRST_OUTSIDE,
    FIRST_PARCEL,
    LOT,
    NEXT_BATCH,
    NEXT_OUTSIDE,
    NEXT_PARCEL,
)
from sim.pipeline.lines import SCATTERED
from sim.pipeline.recalls import AGAIN_PARCELS
from sim.pipeline.state import Floats, Indices, State


def waiting(state: State) -> float:
    """Messages that wait in the queue and outside of it."""
    outside = float(state.outside[_rows_outside(state), :-1].sum()) if len(state.outside) else 0.0
    return float(state.waiting.sum()) + outside


def with_more_room(state: State) -> State:
    """The state with longer rings, and still longer where all that waits outside would not fit in."""
    outside, used = _rows_outside(state), [_used(state, p) for p in range(len(state.waiting))]
    if len(state.outside):
        following = state.marks[[NEXT_OUTSIDE]]
        wider = _grown(state.outside[None], following, [len(outside)], 2 * len(state.outside))[0]
        state = state._replace(outside=wider)
    lanes, tries = state.back_level.shape[:2]
    tries *= 1 + len(state.known_level)
    newcomers = lanes * (1 + tries + AGAIN_PARCELS + len(state.outside))
    batches, following = [b for b, _ in used], state.heads[:, NEXT_BATCH]
    longer = max(state.batches.shape[1], 2 * (max(batches) + 2))
    lines = state.line_batches
    lines = _grown(lines, following, batches, longer) if lines.shape[1] else lines
    parcels = max(state.parcels.shape[1] * 3 // 2, max(n for _, n in used) + newcomers)
    return state._replace(
        batches=_grown(state.batches, following, batches, longer),
        line_batches=lines,
        parcels=_grown(state.parcels, state.heads[:, NEXT_PARCEL], [n for _, n in used], parcels),
        pieces=room_for_pieces(len(state.waiting) * parcels, state.lots),
    )


def room_for_pieces(parcels: int, lots: Indices) -> Floats:
    """Room for the pieces of so many parcels, or of all lots, half of which are scattered."""
    return np.zeros((parcels + lots.size // 2 * (1 + SCATTERED), LOT + 1))


def _rows_outside(state: State) -> Indices:
    """Rows of `state.outside` that are in use."""
    first, following = state.marks[[FIRST_OUTSIDE, NEXT_OUTSIDE]].tolist()
    return np.arange(first, following) % max(1, len(state.outside))


def _used(state: State, p: int) -> tuple[int, int]:
    """Batches and parcels of class `p` that are in use."""
    first, following, parcel = state.heads[p].tolist()
    if first == following:
        return 0, 0
    oldest = int(state.batches[p, first % state.batches.shape[1], FIRST_PARCEL])
    return following - first, parcel - oldest


def _grown(old: Floats, following: Indices, used: Sequence[int], size: int) -> Floats:
    """A ring of `size` for each class, the `used` entries before each counter `following` in their places."""
    new = np.zeros((len(old), size, old.shape[2]))
    for p in range(len(old)):
        counters = np.arange(following[p] - used[p], following[p])
        new[p, counters % size] = old[p, counters % old.shape[1]]
    return new
