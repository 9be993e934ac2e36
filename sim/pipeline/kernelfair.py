"""A queue in which tenants have lines of their own: compiled apart from sim.pipeline.kernel, if plans need it.

The tenants of a band are alike, their waiting messages as scattered as Poisson's: of n with x waiting each on
average n (1 - exp(-x)) have any, and take part in a round of turns. With r rounds a bin and a newcomers each,
dx/dt = a - r (1 - exp(-x)), which is linear in exp(x). As many rounds are made as use up what the workers
can; every line is first in, first out. Where all is served within the bin it came in, there are no lines.
"""

from __future__ import annotations

import math

from sim.ledger import EXPIRED, FAILED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelparts import expire, hand_out, take_out, wait_spans
from sim.pipeline.state import (
    BAND,
    BAND_DROPPED,
    BANDS,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_BATCH,
    FIRST_PARCEL,
    LEFT,
    LINE_BATCH,
    LINE_CAME,
    LINE_LEFT,
    LINE_WAITING,
    MASS,
    NEXT_BATCH,
    SERVE_LINES,
    SET_BACK,
    STREAM,
    TELL_APART,
    TENANTS,
    TRIES,
    Floats,
    Plan,
    State,
    Window,
)

_PASSES = 3
"""Workers that found expired messages in a line serve others instead, so many times a bin."""
_CLOSE = 1e-6
"""Of a bin's capacity: nearer to it, rounding may leave something to wait."""
_STEPS = 40
_MOST_ROUNDS = 1e12
_LARGE = 30.0
"""A tenant with so many messages has one, however they are scattered."""


def fair(
    plan: Plan, state: State, window: Window, step: int, t: int, at: int, row: int, mass: float
) -> float:
    """One of the steps of bin `t` that sim.pipeline.state names; `at` is a class or a piece."""
    if step == TELL_APART:
        _tell_apart(plan, state, t)
    elif step == SERVE_LINES:
        return float(_serve_lines(plan, state, window, t, at, mass))
    elif step == SET_BACK:
        _set_back(plan, state, row, mass, state.pieces[at])
    return 0.0


@part
def _tell_apart(plan: Plan, state: State, t: int) -> None:
    """Whose the messages are that entered in bin `t`: newcomers as their stream's, those that come back as
    those that are away."""
    for p in range(state.waiting.shape[0]):
        for g in range(state.lines.shape[1]):
            state.lines[p, g, LINE_CAME] = 0.0
        newest = state.heads[p, NEXT_BATCH] - 1
        batch = state.batches[p, newest % state.batches.shape[1]]
        if newest < state.heads[p, FIRST_BATCH] or batch[ENTERED_BIN] != t:
            continue
        for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
            parcel = state.parcels[p, i % state.parcels.shape[1]]
            s = int(parcel[STREAM])
            if parcel[TRIES] > 0.0:
                _come_back(state.band_away[s], state.band_back[s], parcel[MASS])
            whose = state.band_back[s] if parcel[TRIES] > 0.0 else plan.band_shares[s]
            for g in range(whose.shape[0]):
                parcel[BANDS + g] = parcel[MASS] * whose[g]
                state.lines[p, g, LINE_CAME] += parcel[BANDS + g]
        for g in range(plan.bands.shape[0]):
            state.lines[p, g, LINE_WAITING] += state.lines[p, g, LINE_CAME]


@part
def _come_back(away: Floats, back: Floats, mass: float) -> None:
    """Messages come back from their backoff: of each band a share of those away."""
    total = 0.0
    for g in range(away.shape[0]):
        total += away[g]
    if total <= 0.0:
        return
    for g in range(away.shape[0]):
        back[g] = away[g] / total
        away[g] -= min(away[g], mass * back[g])


@part
def _set_back(plan: Plan, state: State, s: int, mass: float, piece: Floats) -> None:
    """Messages of a piece leave for their backoff."""
    if piece[BAND] >= 0.0:
        state.band_away[s, int(piece[BAND])] += mass
        return
    whose = state.band_back[s] if piece[TRIES] > 0.0 else plan.band_shares[s]
    for g in range(whose.shape[0]):
        state.band_away[s, g] += mass * whose[g]


@part
def _serve_lines(plan: Plan, state: State, window: Window, t: int, p: int, capacity: float) -> float:
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
        _drop(state, window, t, p)
    served = 0.0
    for _ in range(_PASSES):
        left = capacity - served
        if left <= 1e-9 * plan.capacity or state.waiting[p] <= 1e-9:
            break
        served += _serve_rounds(plan, state, window, t, p, left)
        for g in range(state.lines.shape[1]):
            state.lines[p, g, LINE_CAME] = 0.0
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
def _serve_rounds(plan: Plan, state: State, window: Window, t: int, p: int, capacity: float) -> float:
    """So many rounds as `capacity` allows. Returns the messages served."""
    served, whole = 0.0, 0.0
    for g in range(plan.bands.shape[0]):
        whole += state.lines[p, g, LINE_WAITING]
    rounds = -1.0 if whole <= capacity else _rounds(plan, state, p, capacity)
    for g in range(plan.bands.shape[0]):
        waiting = float(state.lines[p, g, LINE_WAITING])
        if waiting <= 0.0:
            state.lines[p, g, LINE_BATCH], state.lines[p, g, LINE_LEFT] = state.heads[p, NEXT_BATCH], 1.0
            continue
        if rounds < 0.0:
            leaving = waiting / whole * capacity
        else:
            leaving = waiting - plan.bands[g, TENANTS] * _left(plan, state, p, g, rounds)
        served += _serve_line(plan, state, window, t, p, g, leaving)
    return served


@part
def _left(plan: Plan, state: State, p: int, g: int, rounds: float) -> float:
    """Messages that wait for each tenant of a band after so many rounds."""
    line, tenants = state.lines[p, g], plan.bands[g, TENANTS]
    came = line[LINE_CAME] / tenants
    before = max(0.0, line[LINE_WAITING] / tenants - came)
    more = came - rounds
    if before + more > _LARGE:
        return float(before + more)
    factor = math.expm1(more) / more if abs(more) > 1e-9 else 1.0 + 0.5 * more
    return math.log1p(max(0.0, math.expm1(before + more) + rounds * factor))


@part
def _rounds(plan: Plan, state: State, p: int, capacity: float) -> float:
    """Rounds of turns that take `capacity` messages from the lines of a class: by false position, after
    Illinois."""
    active = 0.0
    for g in range(plan.bands.shape[0]):
        tenants = plan.bands[g, TENANTS]
        active -= tenants * math.expm1(-state.lines[p, g, LINE_WAITING] / tenants)
    low, short, high = 0.0, capacity, capacity / max(active, 1e-9)
    over = _taken(plan, state, p, high) - capacity
    while over < 0.0 and high < _MOST_ROUNDS:
        low, short, high = high, -over, 2.0 * high
        over = _taken(plan, state, p, high) - capacity
    last = 0
    for _ in range(_STEPS):
        middle = low + (high - low) * short / (short + over)
        gap = _taken(plan, state, p, middle) - capacity
        if abs(gap) <= 1e-9 * capacity:
            break
        if gap < 0.0:
            low, short, over, last = middle, -gap, over * (0.5 if last < 0 else 1.0), -1
        else:
            high, over, short, last = middle, gap, short * (0.5 if last > 0 else 1.0), 1
    return float(low + (high - low) * short / (short + over))


@part
def _taken(plan: Plan, state: State, p: int, rounds: float) -> float:
    """Messages that so many rounds take from the lines of a class."""
    taken = 0.0
    for g in range(plan.bands.shape[0]):
        taken += state.lines[p, g, LINE_WAITING] - plan.bands[g, TENANTS] * _left(plan, state, p, g, rounds)
    return taken


@part
def _serve_line(plan: Plan, state: State, window: Window, t: int, p: int, g: int, leaving: float) -> float:
    """The workers take up to `leaving` messages of one line, the oldest first. Returns how many."""
    line, of, j = state.lines[p, g], BANDS + g, t - window.first_bin
    before, gone = max(0.0, float(line[LINE_WAITING] - line[LINE_CAME])), 0.0
    if line[LINE_BATCH] < state.heads[p, FIRST_BATCH]:
        line[LINE_BATCH], line[LINE_LEFT] = state.heads[p, FIRST_BATCH], 1.0
    while line[LINE_BATCH] < state.heads[p, NEXT_BATCH] and leaving - gone > 1e-9 * leaving:
        batch = state.batches[p, int(line[LINE_BATCH]) % state.batches.shape[1]]
        batch[LEFT], held = line[LINE_LEFT], state.waiting[p]
        mass = expire(plan, state, p, batch, t, j, window.out[EXPIRED], of)
        line[LINE_WAITING] -= held - state.waiting[p]
        taken = min(mass, leaving - gone)
        if mass > 0.0:
            share = taken / mass
            spans = wait_spans(plan, batch, t, share, (before, gone, taken, leaving))
            hand_out(plan, state, p, batch, share, spans, of)
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
def _drop(state: State, window: Window, t: int, p: int) -> None:
    """What is to be dropped of a class in this bin: what entered first, whosever it is."""
    for b in range(state.heads[p, FIRST_BATCH], state.heads[p, NEXT_BATCH]):
        batch, mass = state.batches[p, b % state.batches.shape[1]], 0.0
        first, end = int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])
        for i in range(first, end):
            mass += state.parcels[p, i % state.parcels.shape[1], MASS]
        share = min(1.0, state.drops[p] / mass) if mass > 0.0 else 0.0
        for i in range(first, end):
            _drop_parcel(state, window, t, p, state.parcels[p, i % state.parcels.shape[1]], share)
        state.drops[p] -= share * mass
        if share < 1.0 and mass > 0.0:
            break
    state.drops[p] = 0.0


@part
def _drop_parcel(state: State, window: Window, t: int, p: int, parcel: Floats, share: float) -> None:
    s = int(parcel[STREAM])
    for g in range(state.lines.shape[1]):
        gone = parcel[BANDS + g] * share
        take_out(parcel, BANDS + g, gone)
        state.waiting[p] -= gone
        state.lines[p, g, LINE_WAITING] -= gone
        state.band_gone[BAND_DROPPED, s, g] += gone
        window.out[FAILED, s, t - window.first_bin] += gone
