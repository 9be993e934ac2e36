"""What is in hand between two bins, and whether the rings have room. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.pipeline.columns import (
    AWAY,
    END_PARCEL,
    FIRST_BATCH,
    FIRST_OUTSIDE,
    FIRST_PARCEL,
    HELD,
    HIDDEN,
    MASS,
    NEXT_BATCH,
    NEXT_OUTSIDE,
    NEXT_PARCEL,
    OWNER,
    STREAM,
    UNDER_WAY,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.recalls import AGAIN_PARCELS
from sim.pipeline.state import Plan, State, Window


@part
def anybody_waits(state: State) -> bool:
    """In the queue or outside of it."""
    waits = state.marks[FIRST_OUTSIDE] < state.marks[NEXT_OUTSIDE]
    for p in range(state.waiting.shape[0]):
        waits = waits or state.heads[p, FIRST_BATCH] < state.heads[p, NEXT_BATCH]
    return bool(waits)


@part
def has_room(state: State, window: Window) -> bool:
    """Whether the rings take what may come into one class in a bin: newcomers, what comes back, and all that
    waits outside."""
    rows = window.arrivals.shape[0]
    columns = state.back_level.shape[1] * (1 + state.known_level.shape[0])
    most = rows * (1 + columns) + AGAIN_PARCELS * state.again.shape[1]
    outside = state.marks[NEXT_OUTSIDE] - state.marks[FIRST_OUTSIDE]
    if outside + 2 > state.outside.shape[0] > 0:
        return False
    for p in range(state.waiting.shape[0]):
        first, following = state.heads[p, FIRST_BATCH], state.heads[p, NEXT_BATCH]
        oldest = state.heads[p, NEXT_PARCEL]
        if first < following:
            oldest = int(state.batches[p, first % state.batches.shape[1], FIRST_PARCEL])
        if following - first + 2 > state.batches.shape[1]:
            return False
        if state.heads[p, NEXT_PARCEL] - oldest + most + outside * rows > state.parcels.shape[1]:
            return False
    return True


@part
def count_held(plan: Plan, state: State, window: Window) -> None:
    """Into `window.held`: messages in hand, those in the queue counted parcel by parcel."""
    held = window.held
    for row in range(state.streams.shape[0]):
        own = state.streams[row]
        held[int(plan.streams[row, OWNER])] += own[AWAY] + own[UNDER_WAY] + own[HELD] + own[HIDDEN]
    for p in range(state.waiting.shape[0]):
        for b in range(state.heads[p, FIRST_BATCH], state.heads[p, NEXT_BATCH]):
            batch = state.batches[p, b % state.batches.shape[1]]
            for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
                parcel = state.parcels[p, i % state.parcels.shape[1]]
                held[int(plan.streams[int(parcel[STREAM]), OWNER])] += parcel[MASS]
