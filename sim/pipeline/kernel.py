"""The cohort faces, compiled and joined: one window of bins through queue, workers, limits and backoffs.

Compiled by numba. Messages are amounts here: what enters a class in one bin is a batch of parcels (stream,
attempts), workers and limits pass amounts per bin, and first in first out turns amounts into waits.
sim/README.md says what is exact and what is approximate.
"""

from __future__ import annotations

from sim.ledger import ATTEMPTS, DELIVERED, EXPIRED, FAILED, FRESH, LIMITED
from sim.pipeline.kernelcache import compiled, part
from sim.pipeline.kernelcalm import all_pass, ask_for_all, deliver, fresh_at_once, is_calm, pass_all
from sim.pipeline.kerneldoor import count_outside, due_in, enter_newcomers, plan_drops
from sim.pipeline.kernelparts import (
    ask,
    ask_for_pieces,
    come_back,
    drop,
    expire,
    fresh_share,
    hand_out,
    light_wait,
    note_wait,
    set_back,
    wait_spans,
)
from sim.pipeline.state import (
    ARRIVING_SHARE,
    AWAY,
    CELL,
    CHANCE,
    DROP,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_BATCH,
    FIRST_PARCEL,
    LEAVING,
    LEAVING_FRESH,
    LEFT,
    MASS,
    NEXT_BATCH,
    NEXT_PARCEL,
    PIECES,
    PROVIDER,
    STREAM,
    TRIES,
    UNDER_WAY,
    UNTIL,
    Floats,
    Indices,
    Plan,
    State,
)

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def _enter(plan: Plan, state: State, t: int, j: int, arrivals: Floats, out: Floats) -> None:
    """Newcomers and those whose backoff is over join each class as one batch."""
    for p in range(state.waiting.shape[0]):
        batch = state.batches[p, state.heads[p, NEXT_BATCH] % state.batches.shape[1]]
        batch[ENTERED_BIN], batch[LEFT] = t, 1.0
        batch[FIRST_PARCEL] = state.heads[p, NEXT_PARCEL]
    enter_newcomers(plan, state, t, j, arrivals, out)
    if t <= state.marks[UNTIL] + 1:
        for s in range(arrivals.shape[0]):
            come_back(plan, state, t, s)
    for p in range(state.waiting.shape[0]):
        batch = state.batches[p, state.heads[p, NEXT_BATCH] % state.batches.shape[1]]
        batch[END_PARCEL] = state.heads[p, NEXT_PARCEL]
        if batch[END_PARCEL] > batch[FIRST_PARCEL]:
            state.heads[p, NEXT_BATCH] += 1
    if plan.overflow == DROP:
        plan_drops(plan, state)


@part
def _waiting_before(state: State, p: int, t: int) -> float:
    """Messages of class `p` that were there before bin `t`."""
    entering = 0.0
    if state.heads[p, NEXT_BATCH] > state.heads[p, FIRST_BATCH]:
        batch = state.batches[p, (state.heads[p, NEXT_BATCH] - 1) % state.batches.shape[1]]
        if batch[ENTERED_BIN] == t:
            for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
                entering += state.parcels[p, i % state.parcels.shape[1], MASS]
    return max(0.0, float(state.waiting[p]) - entering)


@part
def _serve_class(plan: Plan, state: State, p: int, t: int, j: int, out: Floats, capacity: float) -> float:
    """The workers take up to `capacity` of one class, oldest batch first. Returns the messages served.

    What is dropped leaves with them: both take from the front.
    """
    leaving, before = capacity + state.drops[p], _waiting_before(state, p, t)
    gone, kept = 0.0, 1.0 if state.drops[p] <= 0.0 else capacity / leaving
    while state.heads[p, FIRST_BATCH] < state.heads[p, NEXT_BATCH] and leaving - gone > 1e-9 * plan.capacity:
        batch = state.batches[p, state.heads[p, FIRST_BATCH] % state.batches.shape[1]]
        mass = expire(plan, state, p, batch, t, j, out[EXPIRED])
        taken = min(mass, leaving - gone)
        if mass > 0.0:
            share = taken / mass
            spans = wait_spans(plan, batch, t, share, (before, gone, taken, leaving))
            hand_out(plan, state, p, batch, share * kept, spans)
            if kept < 1.0:
                drop(state, p, batch, share * (1.0 - kept) / (1.0 - share * kept), j, out[FAILED])
            batch[LEFT] *= 1.0 - share
            gone += taken
            state.waiting[p] -= taken
        if taken >= mass:
            state.heads[p, FIRST_BATCH] += 1
    if state.heads[p, FIRST_BATCH] == state.heads[p, NEXT_BATCH]:
        state.waiting[p] = 0.0
    return gone * kept


@part
def _serve(plan: Plan, state: State, t: int, j: int, out: Floats) -> float:
    """The workers take what they can, the highest class first. Returns the messages served."""
    total = 0.0
    state.marks[PIECES] = 0
    for p in range(state.waiting.shape[0]):
        start = state.marks[PIECES]
        served = _serve_class(plan, state, p, t, j, out, plan.capacity - total)
        for i in range(start, state.marks[PIECES]):
            # for now the loads that decide on waits below a bin; what they mean needs all classes' load
            state.pieces[i, CELL], state.pieces[i, CHANCE] = total / plan.capacity, served / plan.capacity
        total += served
    above, own, cell, chance = -1.0, -1.0, 0, 0.0
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        if piece[CELL] != above or piece[CHANCE] != own:
            above, own = piece[CELL], piece[CHANCE]
            cell, chance = light_wait(plan, above, own, total / plan.capacity)
        piece[CELL], piece[CHANCE] = cell, chance
    return total


@part
def _accepted(plan: Plan, state: State, t: int, piece: Floats, mass: float) -> None:
    """The provider takes `mass` of a piece: note its wait, spread its delivery ahead."""
    s = int(piece[STREAM])
    note_wait(plan, state, s, mass * plan.streams[s, ARRIVING_SHARE], piece)
    deliver(plan, state, t, s, mass, mass * fresh_share(plan, s, piece))


@part
def _settle(plan: Plan, state: State, t: int, j: int, shares: Floats, out: Floats) -> None:
    """What the providers said to each piece, and what follows from it."""
    attempts = state.back_level.shape[1] + 1
    state.drops[state.waiting.shape[0]] = 0.0
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        s, tries = int(piece[STREAM]), int(piece[TRIES]) + 1
        admitted = piece[MASS] * shares[int(plan.streams[s, PROVIDER])]
        refused = piece[MASS] - admitted
        out[ATTEMPTS, s, j] += piece[MASS]
        if admitted > 0.0:
            _accepted(plan, state, t, piece, admitted)
        if refused > 0.0:
            out[LIMITED, s, j] += refused
            if tries >= attempts:
                out[FAILED, s, j] += refused
            else:
                set_back(plan, state, t, s, tries, refused, piece)
                state.drops[state.waiting.shape[0]] += refused


@part
def _land(plan: Plan, state: State, t: int, j: int, out: Floats, under_way: Floats) -> None:
    """What leaves the providers in bin `t`: delivered or bounced."""
    streams, coming = state.streams, state.coming
    row = t % coming.shape[1]
    for s in range(streams.shape[0]):
        leaving = streams[s, LEAVING] + coming[s, row, 0]
        fresh = streams[s, LEAVING_FRESH] + coming[s, row, 1]
        streams[s, LEAVING], streams[s, LEAVING_FRESH] = leaving, fresh
        coming[s, row, 0], coming[s, row, 1] = 0.0, 0.0
        landed = min(max(leaving, 0.0), streams[s, UNDER_WAY])
        if landed >= _TINY:
            arriving_share = plan.streams[s, ARRIVING_SHARE]
            delivered = landed * arriving_share
            out[DELIVERED, s, j] = delivered
            out[FAILED, s, j] += landed - delivered
            out[FRESH, s, j] = min(max(fresh, 0.0) * arriving_share, delivered)
            streams[s, UNDER_WAY] -= landed
        under_way[s, j] = streams[s, UNDER_WAY]


@part
def _count_held(state: State, held: Floats) -> None:
    """Into `held` (S,): messages in hand, those in the queue counted parcel by parcel."""
    for s in range(state.streams.shape[0]):
        held[s] = state.streams[s, AWAY] + state.streams[s, UNDER_WAY]
    for p in range(state.waiting.shape[0]):
        for b in range(state.heads[p, FIRST_BATCH], state.heads[p, NEXT_BATCH]):
            batch = state.batches[p, b % state.batches.shape[1]]
            for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
                parcel = state.parcels[p, i % state.parcels.shape[1]]
                held[int(parcel[STREAM])] += parcel[MASS]
    count_outside(state, held)


@compiled
def lay_causes(caused: Floats, slope: Floats, lags: Indices, jumps: Floats) -> None:
    """As sim.season.response.lay_causes, which see."""
    for k in range(lags.shape[0]):
        lag, jump = lags[k], jumps[k]
        for i in range(min(caused.shape[0], max(0, slope.shape[0] - lag))):
            slope[lag + i] += jump * caused[i]


@compiled
def advance(
    plan: Plan,
    state: State,
    first_bin: int,
    arrivals: Floats,
    out: Floats,
    under_way: Floats,
    busy: Floats,
    held: Floats,
) -> None:
    """One window of n bins from `first_bin`.

    arrivals: float64 (S, n), messages due. Into `out`, float64 (quantities of sim.ledger, S, n), all zero
    before, go the counts; into `under_way`, float64 (S, n), the messages with a worker or a provider at each
    bin's end; into `busy`, float64 (n,), the share of the workers' time that is used; into `held`, float64
    (S,), the messages in hand at the window's end.
    """
    shares, fresh_shares = state.shares, state.fresh_shares
    safe = fresh_at_once(plan, fresh_shares)
    for j in range(arrivals.shape[1]):
        t = first_bin + j
        due = due_in(arrivals, j)
        calm = safe and is_calm(plan, state, t, due)
        if calm:
            ask_for_all(plan, j, arrivals, shares)
            ask(plan, state, t, shares)
        if calm and all_pass(shares):
            pass_all(plan, state, t, j, due, arrivals, fresh_shares, out)
            busy[j] = due / plan.capacity
        else:
            _enter(plan, state, t, j, arrivals, out)
            busy[j] = _serve(plan, state, t, j, out) / plan.capacity
            if not calm:
                ask_for_pieces(plan, state, shares)
                ask(plan, state, t, shares)
            _settle(plan, state, t, j, shares, out)
        _land(plan, state, t, j, out, under_way)
    _count_held(state, held)
