"""The workers take from the lines of tenants in turn. Compiled into sim.pipeline.kernelfair.

As many rounds are made as use up what the workers can (sim.pipeline.kernelrounds); every line is first in,
first out. Where all that waits is served within the bin it came in, lines make no difference: there are none.
"""

from __future__ import annotations

from sim.ledger import EXPIRED, FAILED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelexpiry import expire, take_out
from sim.pipeline.kernellots import begin_lots, end_lots, gather
from sim.pipeline.kernelparts import wait_spans
from sim.pipeline.kernelrounds import left_after, rounds_for
from sim.pipeline.lines import BAND_DROPPED, LINE_BATCH, LINE_CAME, LINE_LEFT, LINE_WAITING, TENANTS
from sim.pipeline.state import (
    BANDS,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_BATCH,
    FIRST_PARCEL,
    LEFT,
    MASS,
    NEXT_BATCH,
    OWNER,
    PIECES,
    STREAM,
    Floats,
    Plan,
    State,
    Window,
)

_PASSES = 3
"""Workers that found expired messages in a line serve others instead, so many times a bin."""
_CLOSE = 1e-6
"""Of a bin's capacity: nearer to it, rounding may leave something to wait."""


@part
def serve_lines(plan: Plan, state: State, window: Window, t: int, p: int, capacity: float) -> float:
    """The workers take up to `capacity` of one class, from all its lines in turn. Returns the messages
    served; -1 = nobody waited before, and all will be served: lines make no difference."""
    head = state.heads[p]
    newest = state.batches[p, (head[NEXT_BATCH] - 1) % state.batches.shape[1]]
    before = head[NEXT_BATCH] - head[FIRST_BATCH]
    if before > 0 and newest[ENTERED_BIN] == t:
        before -= 1
    if before <= 0:
        _begin_lines(state, p)
        if state.waiting[p] < capacity - _CLOSE * plan.capacity and state.drops[p] <= 0.0:
            return -1.0
    if state.drops[p] > 0.0:
        _drop(plan, state, window, t, p)
    served, rounds, first = 0.0, 0.0, state.marks[PIECES]
    begin_lots(plan, state, p)
    for _ in range(_PASSES):
        left = capacity - served
        if left <= 1e-9 * plan.capacity or state.waiting[p] <= 1e-9:
            break
        taken, made = _serve_rounds(plan, state, window, t, p, left, first)
        served, rounds = served + taken, max(rounds, made)
        for g in range(state.lines.shape[1]):
            state.lines[p, g, LINE_CAME] = 0.0
    end_lots(plan, state, first, t, p, rounds)
    _forget(state, p)
    return served


@part
def _begin_lines(state: State, p: int) -> None:
    """Nobody waited before this bin."""
    for g in range(state.lines.shape[1]):
        line = state.lines[p, g]
        line[LINE_BATCH], line[LINE_LEFT] = state.heads[p, FIRST_BATCH], 1.0
        line[LINE_WAITING] = line[LINE_CAME]


@part
def _forget(state: State, p: int) -> None:
    """Batches that no line waits in are done with."""
    oldest = state.heads[p, NEXT_BATCH]
    for g in range(state.lines.shape[1]):
        oldest = min(oldest, int(state.lines[p, g, LINE_BATCH]))
    state.heads[p, FIRST_BATCH] = oldest
    if oldest == state.heads[p, NEXT_BATCH]:
        state.waiting[p] = 0.0


@part
def _serve_rounds(
    plan: Plan, state: State, window: Window, t: int, p: int, capacity: float, first: int
) -> tuple[float, float]:
    """So many rounds as `capacity` allows, into pieces from `first` on. Returns the messages served, and how
    many rounds it took where some are left."""
    served, whole = 0.0, 0.0
    for g in range(plan.bands.shape[0]):
        whole += state.lines[p, g, LINE_WAITING]
    rounds = 0.0 if whole <= capacity else rounds_for(plan, state, p, capacity)
    for g in range(plan.bands.shape[0]):
        waiting = float(state.lines[p, g, LINE_WAITING])
        if waiting <= 0.0:
            state.lines[p, g, LINE_BATCH], state.lines[p, g, LINE_LEFT] = state.heads[p, NEXT_BATCH], 1.0
            continue
        if rounds <= 0.0:
            leaving = waiting / whole * capacity
        else:
            leaving = waiting - plan.bands[g, TENANTS] * left_after(plan, state, p, g, rounds)
        served += _serve_line(plan, state, window, t, (p, g, rounds), leaving, first)
    return served, rounds


@part
def _serve_line(
    plan: Plan,
    state: State,
    window: Window,
    t: int,
    of: tuple[int, int, float],
    leaving: float,
    first: int,
) -> float:
    """The workers take up to `leaving` messages of one line, the oldest first: that of a class and a band,
    in so many rounds. Returns how many."""
    p, g, rounds = of
    line, j = state.lines[p, g], t - window.first_bin
    before, gone = max(0.0, float(line[LINE_WAITING] - line[LINE_CAME])), 0.0
    if line[LINE_BATCH] < state.heads[p, FIRST_BATCH]:
        line[LINE_BATCH], line[LINE_LEFT] = state.heads[p, FIRST_BATCH], 1.0
    while line[LINE_BATCH] < state.heads[p, NEXT_BATCH] and leaving - gone > 1e-9 * leaving:
        batch = state.batches[p, int(line[LINE_BATCH]) % state.batches.shape[1]]
        batch[LEFT], held = line[LINE_LEFT], state.waiting[p]
        mass = expire(plan, state, p, batch, t, j, window.out[EXPIRED], BANDS + g)
        line[LINE_WAITING] -= held - state.waiting[p]
        taken = min(mass, leaving - gone)
        if mass > 0.0:
            share = taken / mass
            spans = wait_spans(plan, batch, t, share, (before, gone, taken, leaving))
            # expiry bounds waits otherwise
            scattering = rounds if held - state.waiting[p] <= 0.0 else 0.0
            gather(plan, state, first, t, (p, g, scattering), batch, share, spans)
            line[LINE_LEFT] *= 1.0 - share
            gone += taken
            state.waiting[p] -= taken
            line[LINE_WAITING] -= taken
        if taken >= mass:
            line[LINE_BATCH], line[LINE_LEFT] = line[LINE_BATCH] + 1.0, 1.0
    if line[LINE_BATCH] >= state.heads[p, NEXT_BATCH]:
        line[LINE_WAITING] = 0.0
    return gone


@part
def _drop(plan: Plan, state: State, window: Window, t: int, p: int) -> None:
    """What is to be dropped of a class in this bin: what entered first, whosever it is."""
    for b in range(state.heads[p, FIRST_BATCH], state.heads[p, NEXT_BATCH]):
        batch, mass = state.batches[p, b % state.batches.shape[1]], 0.0
        first, end = int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])
        for i in range(first, end):
            mass += state.parcels[p, i % state.parcels.shape[1], MASS]
        share = min(1.0, state.drops[p] / mass) if mass > 0.0 else 0.0
        for i in range(first, end):
            _drop_parcel(plan, state, window, t, p, state.parcels[p, i % state.parcels.shape[1]], share)
        state.drops[p] -= share * mass
        if share < 1.0 and mass > 0.0:
            break
    state.drops[p] = 0.0


@part
def _drop_parcel(
    plan: Plan, state: State, window: Window, t: int, p: int, parcel: Floats, share: float
) -> None:
    s = int(parcel[STREAM])
    for g in range(state.lines.shape[1]):
        gone = parcel[BANDS + g] * share
        take_out(parcel, BANDS + g, gone)
        state.waiting[p] -= gone
        state.lines[p, g, LINE_WAITING] -= gone
        state.band_gone[BAND_DROPPED, s, g] += gone
        window.out[FAILED, int(plan.streams[s, OWNER]), t - window.first_bin] += gone
