"""The workers take from the lines of tenants in turn. Compiled into sim.pipeline.kernelfair.

As many rounds are made as use up what the workers can (sim.pipeline.kernelrounds); every line is first in,
first out. Where all that waits is served within the bin it came in, lines make no difference: there are none.
"""

from __future__ import annotations

from sim.ledger import EXPIRED, FAILED
from sim.pipeline.columns import (
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
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelexpiry import expire, take_out
from sim.pipeline.kernellots import begin_lots, gather, note_spans
from sim.pipeline.kernelparts import wait_spans
from sim.pipeline.kernelpieces import end_lots
from sim.pipeline.kernelrounds import left_after, rounds_for
from sim.pipeline.lines import (
    BAND_DROPPED,
    LINE_BATCH,
    LINE_BEFORE,
    LINE_CAME,
    LINE_GONE,
    LINE_LEAVING,
    LINE_LEFT,
    LINE_MASS,
    LINE_SHARE,
    LINE_WAITING,
    TENANTS,
    TOO_OLD_FROM,
)
from sim.pipeline.state import Floats, Plan, State, Window

_PASSES = 3
"""Workers that found expired messages in a line serve others instead, so many times a bin."""
_NOTHING = 1e-9
"""Of what is to leave a line: so little more is rounding."""
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
    rounds, served = _plan_rounds(plan, state, p, capacity), 0.0
    b = _oldest_wanted(state, p)
    while b < state.heads[p, NEXT_BATCH]:
        served += _serve_batch(plan, state, window, t, p, b, rounds)
        gather(plan, state, first, t, p, b)
        b = _oldest_wanted(state, p)
    for g in range(plan.bands.shape[0]):
        if state.lines[p, g, LINE_BATCH] >= state.heads[p, NEXT_BATCH]:
            state.lines[p, g, LINE_WAITING] = 0.0
    return served, rounds


@part
def _plan_rounds(plan: Plan, state: State, p: int, capacity: float) -> float:
    """How many messages are to leave each line, together as many as `capacity` allows. Returns in how many
    rounds; 0.0 = none are left."""
    whole, oldest = 0.0, state.heads[p, FIRST_BATCH]
    for g in range(plan.bands.shape[0]):
        whole += state.lines[p, g, LINE_WAITING]
    rounds = 0.0 if whole <= capacity else rounds_for(plan, state, p, capacity)
    for g in range(plan.bands.shape[0]):
        line = state.lines[p, g]
        waiting = float(line[LINE_WAITING])
        line[LINE_BEFORE], line[LINE_GONE] = max(0.0, waiting - line[LINE_CAME]), 0.0
        if waiting <= 0.0:
            line[LINE_BATCH], line[LINE_LEFT], line[LINE_LEAVING] = state.heads[p, NEXT_BATCH], 1.0, 0.0
        elif rounds <= 0.0:
            line[LINE_LEAVING] = waiting / whole * capacity
        else:
            line[LINE_LEAVING] = waiting - plan.bands[g, TENANTS] * left_after(plan, state, p, g, rounds)
        if line[LINE_BATCH] < oldest:
            line[LINE_BATCH], line[LINE_LEFT] = oldest, 1.0
    return float(rounds)


@part
def _is_wanted(line: Floats) -> bool:
    """Whether more is to leave a line."""
    return bool(line[LINE_LEAVING] - line[LINE_GONE] > _NOTHING * line[LINE_LEAVING])


@part
def _oldest_wanted(state: State, p: int) -> int:
    """Counter of the oldest batch of which something is still to leave."""
    oldest = state.heads[p, NEXT_BATCH]
    for g in range(state.lines.shape[1]):
        line = state.lines[p, g]
        if line[LINE_BATCH] < oldest and _is_wanted(line):
            oldest = int(line[LINE_BATCH])
    return int(oldest)


@part
def _serve_batch(plan: Plan, state: State, window: Window, t: int, p: int, b: int, rounds: float) -> float:
    """The workers take of the lines in which batch `b` is the oldest what is to leave them, in so many
    rounds. Returns how much; `lines` say the shares and the waits."""
    served = 0.0
    for g in range(plan.bands.shape[0]):
        line = state.lines[p, g]
        line[LINE_SHARE] = 0.0
        if line[LINE_BATCH] == b and _is_wanted(line):
            served += _serve_line(plan, state, window, t, p, g, rounds)
    return served


@part
def _serve_line(plan: Plan, state: State, window: Window, t: int, p: int, g: int, rounds: float) -> float:
    """The workers take of the oldest batch of one line. Returns how many messages."""
    line, at = state.lines[p, g], int(state.lines[p, g, LINE_BATCH]) % state.batches.shape[1]
    batch, own, held = state.batches[p, at], state.line_batches[p, at], state.waiting[p]
    batch[LEFT] = line[LINE_LEFT]
    if t >= own[TOO_OLD_FROM]:
        own[LINE_MASS + g], _ = expire(
            plan, state, p, batch, t, t - window.first_bin, window.out[EXPIRED], BANDS + g
        )
        line[LINE_WAITING] -= held - state.waiting[p]
    mass, leaving = own[LINE_MASS + g], line[LINE_LEAVING]
    taken = min(mass, leaving - line[LINE_GONE])
    if mass > 0.0:
        line[LINE_SHARE] = taken / mass
        flow = (line[LINE_BEFORE], line[LINE_GONE], taken, leaving)
        spans = wait_spans(plan, batch, t, line[LINE_SHARE], flow)
        # expiry bounds waits otherwise; a tenant alone in its band has as many ahead as are there
        alone = held > state.waiting[p] or plan.bands[g, TENANTS] <= 1.0
        note_spans(plan, line, t, spans, 0.0 if alone else rounds)
        line[LINE_LEFT] *= 1.0 - line[LINE_SHARE]
        line[LINE_GONE] += taken
        line[LINE_WAITING] -= taken
        own[LINE_MASS + g] -= taken
        state.waiting[p] -= taken
    if taken >= mass:
        line[LINE_BATCH], line[LINE_LEFT] = line[LINE_BATCH] + 1.0, 1.0
    return float(taken)


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
        for g in range(state.lines.shape[1]):
            state.line_batches[p, b % state.line_batches.shape[1], LINE_MASS + g] *= 1.0 - share
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
