"""The cohort faces, compiled and joined: one window of bins through queue, workers, limits and backoffs.

Compiled by numba. Messages are amounts here: what enters a class in one bin is a batch of parcels (stream,
attempts), workers and limits pass amounts per bin, and first in first out turns amounts into waits.
sim/README.md says what is exact and what is approximate.
"""

from __future__ import annotations

from sim.ledger import EXPIRED
from sim.pipeline.columns import (
    AGAIN,
    AHEAD_FROM,
    AHEAD_UNTIL,
    CELL,
    CHANCE,
    DROP,
    DUE,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_BATCH,
    FIRST_PARCEL,
    LEFT,
    MASS,
    NEXT_BATCH,
    NEXT_PARCEL,
    PIECES,
    REGULAR,
    RUN_FROM,
    SURE_UNTIL,
    USED,
)
from sim.pipeline.kernelalive import list_alive
from sim.pipeline.kernelasking import ask
from sim.pipeline.kernelbackoff import come_back, join_again
from sim.pipeline.kernelcache import compiled, part
from sim.pipeline.kernelcalls import call_at, refer
from sim.pipeline.kernelcalm import is_calm, serve_at_once, stop_short, visible_again
from sim.pipeline.kerneldoor import enter_newcomers, queued
from sim.pipeline.kernelexpiry import expire
from sim.pipeline.kernelparts import (
    ask_for_pieces,
    hand_out,
    light_wait,
    usual_capacity,
    wait_spans,
)
from sim.pipeline.kernelrhythm import keep_on, wait_for_the_dense
from sim.pipeline.kernelrings import anybody_waits, count_held, has_room
from sim.pipeline.kernelrun import end_run, go_on, joins_run, look_ahead, note_due
from sim.pipeline.kernelsettle import settle
from sim.pipeline.kernelsurebins import book_sure, look_for_sure, pass_surely
from sim.pipeline.state import Plan, State, Window
from sim.pipeline.steps import (
    ASK_ON,
    CAUSE,
    COME_AGAIN,
    COME_BACK,
    COUNT_OUTSIDE,
    DROP_SHARE,
    MAN,
    PLAN_DROPS,
    SEND,
    SERVE_LINES,
    STALL,
    START_LATE,
    TAKE_OUT,
    TELL_APART,
)


@part
def _enter(plan: Plan, state: State, window: Window, t: int, due: float) -> None:
    """Newcomers and those whose backoff is over join each class as one batch."""
    for p in range(state.waiting.shape[0]):
        batch = state.batches[p, state.heads[p, NEXT_BATCH] % state.batches.shape[1]]
        batch[ENTERED_BIN], batch[LEFT] = t, 1.0
        batch[FIRST_PARCEL] = state.heads[p, NEXT_PARCEL]
    enter_newcomers(plan, state, window, t, due)
    join_again(plan, state)
    if window.again != 0:
        call_at(window.again, plan, state, window, COME_AGAIN, t, 0, 0, 0.0)
    for p in range(state.waiting.shape[0]):
        batch = state.batches[p, state.heads[p, NEXT_BATCH] % state.batches.shape[1]]
        batch[END_PARCEL] = state.heads[p, NEXT_PARCEL]
        if batch[END_PARCEL] > batch[FIRST_PARCEL]:
            state.heads[p, NEXT_BATCH] += 1
    if plan.overflow == DROP:
        call_at(window.full, plan, state, window, PLAN_DROPS, t, 0, 0, 0.0)
    if window.fair != 0:
        call_at(window.fair, plan, state, window, TELL_APART, t, 0, 0, 0.0)


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
def _serve_class(plan: Plan, state: State, window: Window, p: int, t: int, capacity: float) -> float:
    """The workers take up to `capacity` of one class, oldest batch first. Returns the messages served.

    What is dropped leaves with them: both take from the front.
    """
    leaving, before, j = capacity + state.drops[p], _waiting_before(state, p, t), t - window.first_bin
    gone, kept = 0.0, 1.0 if state.drops[p] <= 0.0 else capacity / leaving
    while state.heads[p, FIRST_BATCH] < state.heads[p, NEXT_BATCH] and leaving - gone > 1e-9 * plan.capacity:
        batch = state.batches[p, state.heads[p, FIRST_BATCH] % state.batches.shape[1]]
        mass, stale = expire(plan, state, p, batch, t, j, window.out[EXPIRED], MASS)
        taken = min(mass, leaving - gone)
        if mass + stale > 0.0:
            share = taken / mass if mass > 0.0 else 1.0
            spans = wait_spans(plan, batch, t, share, (before, gone, taken, leaving))
            hand_out(plan, state, window, p, t, batch, share * kept, spans)
            if kept < 1.0:
                dropped = share * (1.0 - kept) / (1.0 - share * kept)
                call_at(window.full, plan, state, window, DROP_SHARE, t, p, 0, dropped)
            batch[LEFT] *= 1.0 - share
            gone += taken
            state.waiting[p] -= taken + share * stale
        if taken >= mass:
            state.heads[p, FIRST_BATCH] += 1
    if state.heads[p, FIRST_BATCH] == state.heads[p, NEXT_BATCH]:
        state.waiting[p] = 0.0
    state.drops[p] = 0.0
    return gone * kept


@part
def _always_busy(served: float, capacity: float) -> bool:
    """Whether the workers serve all they can, but for rounding."""
    return bool(served >= capacity * (1.0 - 1e-9))


@part
def _serve(plan: Plan, state: State, window: Window, t: int) -> float:
    """The workers take what they can, the highest class first. Returns the messages served."""
    total, capacity, usual = 0.0, window.capacity[t - window.first_bin], usual_capacity(plan, state)
    state.marks[PIECES] = 0
    for p in range(state.waiting.shape[0]):
        start = state.marks[PIECES]
        served = -1.0
        if window.fair != 0:
            served = call_at(window.fair, plan, state, window, SERVE_LINES, t, p, 0, capacity - total)
        if served < 0.0:
            served = _serve_class(plan, state, window, p, t, capacity - total)
        for i in range(start, state.marks[PIECES]):
            # for now the loads that decide on waits below a bin; what they mean needs all classes' load
            state.pieces[i, CELL], state.pieces[i, CHANCE] = total / usual, served / usual
        total += served
        window.queues[p, t - window.first_bin + 1] = state.waiting[p]
    above, own, cell, chance = -1.0, -1.0, 0, 0.0
    rhythm = plan.asking_spread < REGULAR and _always_busy(total, capacity)
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        if rhythm:
            wait_for_the_dense(plan, state, piece[CELL] + piece[CHANCE], piece)
        if piece[CELL] != above or piece[CHANCE] != own:
            above, own = piece[CELL], piece[CHANCE]
            cell, chance = light_wait(plan, above, own, total / usual)
        piece[CELL], piece[CHANCE] = cell, chance
    return total


@compiled
def advance(plan: Plan, state: State, window: Window, at: int, end: int, every: int) -> int:
    """The pipeline goes on from column `at` of the window to `end`, or to a bin that is a multiple of `every`
    (0 = none is) and finds somebody waiting, or to where what customers triggered has to be let in first.
    Returns the column reached; -1 - column where there is no room for what may come to wait."""
    plan, state, window = refer(plan), refer(state), refer(window)
    begun, until = at, end
    while at < end:
        if at > begun and _is_looked_at(state, window, at, every):
            return at
        if window.feed != 0:
            t = window.first_bin + at
            until = min(end, int(call_at(window.feed, plan, state, window, SEND, t, at, 0, 0.0)))
        reached = at if until == at else _advance(plan, state, window, at, until, every)
        if reached != until or until == at:
            return reached
        at = reached
        if window.feed != 0:
            call_at(window.feed, plan, state, window, CAUSE, window.first_bin + at, at, 0, 0.0)
    return at


@part
def _is_looked_at(state: State, window: Window, j: int, every: int) -> bool:
    """Whether an autoscaler looks at the beginning of column `j` and finds somebody waiting."""
    return bool(every > 0 and (window.first_bin + j) % every == 0 and anybody_waits(state))


@part
def _advance(plan: Plan, state: State, window: Window, at: int, end: int, every: int) -> int:
    """As `advance`, through columns whose arrivals are known."""
    list_alive(plan, state, window, at, end)
    for j in range(at, end):
        if j > at and _is_looked_at(state, window, j, every):
            end_run(plan, state, window, j)
            return j
        if not has_room(state, window):
            end_run(plan, state, window, j)
            return -1 - j
        if j == at or window.first_bin + j == state.marks[AHEAD_UNTIL]:
            end_run(plan, state, window, j)
            look_ahead(plan, state, window, j, end)
        _bin(plan, state, window, j)
    end_run(plan, state, window, end)
    if end == window.arrivals.shape[1]:
        count_held(plan, state, window)
        if window.full != 0:
            call_at(window.full, plan, state, window, COUNT_OUTSIDE, 0, 0, 0, 0.0)
    return end


@part
def _begin(plan: Plan, state: State, window: Window, t: int) -> None:
    """Whoever stalls or is away in bin `t` serves nothing; backoffs are over."""
    if window.stall != 0:
        left = call_at(window.stall, plan, state, window, STALL, t, 0, 0, 0.0)
        window.capacity[t - window.first_bin] *= left
    come_back(plan, state, t)
    if window.beyond != 0 and state.marks[PIECES] > 0:
        call_at(
            window.beyond, plan, state, window, START_LATE, t, 0, 0, window.capacity[t - window.first_bin]
        )
    if window.fair != 0 and state.marks[PIECES] > 0:
        call_at(window.fair, plan, state, window, COME_BACK, t, 0, 0, 0.0)
    if window.again != 0:
        call_at(window.again, plan, state, window, MAN, t, 0, 0, 0.0)


@part
def _bin(plan: Plan, state: State, window: Window, j: int) -> None:
    """Column `j`."""
    t, k = window.first_bin + j, j - state.marks[AHEAD_FROM]
    look_for_sure(plan, state, window, j)
    _begin(plan, state, window, t)
    again = visible_again(plan, state, window, t, k)
    if j < state.marks[SURE_UNTIL]:
        if is_calm(plan, state, state.ahead[DUE, k] + again, window.capacity[j], j):
            pass_surely(plan, state, window, j)
            return
        book_sure(plan, state, window, j)
        state.marks[SURE_UNTIL] = j
    due, safe = note_due(state, k)
    calm = safe and is_calm(plan, state, due + again, window.capacity[j], j)
    before = queued(state)
    if calm:
        served = serve_at_once(plan, state, window, t)
    else:
        _enter(plan, state, window, t, due)
        served = _serve(plan, state, window, t)
        if window.again != 0:
            call_at(window.again, plan, state, window, TAKE_OUT, t, 0, 0, served)
        ask_for_pieces(plan, state)
    always = _always_busy(served, window.capacity[j])
    window.busy[j] = 1.0 if always else served / plan.capacity
    keep_on(plan, state, window.busy[j], served + queued(state) - before, before)
    if window.stall != 0:
        state.stalled[USED] = window.busy[j]
    ask(plan, state, window, t)
    if calm and joins_run(state, t, k):
        state.refused[2] += state.refused[1] - state.ahead[AGAIN, k]
        if window.beyond != 0:
            call_at(window.beyond, plan, state, window, ASK_ON, t, 0, 0, 0.0)
        return
    end_run(plan, state, window, j)
    if calm:
        stop_short(plan, state, window, t)
    if window.beyond != 0:
        call_at(window.beyond, plan, state, window, ASK_ON, t, 0, 0, 0.0)
    settle(plan, state, window, t)
    go_on(plan, state, window, j, j + 1, 1 if calm else 0)
    state.marks[RUN_FROM] = j + 1
