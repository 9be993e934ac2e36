"""Runs of bins in which all that is due passes at once: what is left of them is done stream by stream.

Bin by bin only providers are asked; then each stream goes through the whole run, in the order in which its
memory lies. A bin in which anything else happens comes after the run before it. Compiled into
sim.pipeline.kernel.
"""

from __future__ import annotations

from sim.ledger import ACCEPTED, ATTEMPTS, DELIVERED, FAILED, FRESH, OFFERED
from sim.pipeline.columns import (
    AGAIN,
    AHEAD_FROM,
    AHEAD_UNTIL,
    ALIVE,
    ARRIVING_SHARE,
    BY_CLASS,
    DUE,
    ENDINGS,
    ENDS,
    FRESHNESS_S,
    HELD,
    HELD_UNTIL,
    JUMPS,
    LANDS_UNTIL,
    LAST_LAG,
    LATE_AT_ONCE,
    LEAVING,
    LEAVING_LATE,
    LOAD,
    LOAD_CELL,
    LOAD_CHANCE,
    LOOK_FROM,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    RETURNS,
    RUN_BINS,
    RUN_FROM,
    SURE_FROM,
    SURE_UNTIL,
    UNDER_WAY,
    UNSAFE,
    WAITS,
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kernelnoting import landing_share
from sim.pipeline.kernelparts import with_turn_below_bin
from sim.pipeline.kernelrows import TINY, add, add_with, arrive, lose
from sim.pipeline.kernelsurebins import book_sure
from sim.pipeline.provisions import AT_ONCE, FIRSTS, LIGHT_CHANCE, LIGHT_S
from sim.pipeline.recalls import ASKING, TOO_LATE
from sim.pipeline.state import Floats, Plan, State, Window
from sim.pipeline.steps import LOOK_AHEAD, TURN_OVER


@part
def look_ahead(plan: Plan, state: State, window: Window, at: int, end: int) -> None:
    """Into `state.ahead`: what is due in the columns from `at` on, up to `end` and RUN_BINS at most; what is
    hidden meanwhile says until when it tells all (sim.pipeline.kernelhidden)."""
    ahead, n = state.ahead, min(end - at, RUN_BINS)
    classes = state.classes.shape[0]
    state.marks[AHEAD_FROM] = state.marks[RUN_FROM] = at
    state.marks[SURE_FROM] = state.marks[SURE_UNTIL] = state.marks[LOOK_FROM] = at
    state.marks[AHEAD_UNTIL] = window.first_bin + at + n
    for what in range(ahead.shape[0]):
        for k in range(n):
            ahead[what, k] = 0.0
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s < window.arrivals.shape[0]:
            due, own = window.arrivals[s, at : at + n], plan.streams[s]
            add(1.0, due, ahead[BY_CLASS + int(own[PRIORITY])])
            add(1.0, due, ahead[BY_CLASS + classes + int(own[PROVIDER])])
            if own[FRESHNESS_S] < plan.bin_s:
                for k in range(n):
                    if due[k] > 0.0:
                        ahead[UNSAFE, k] = 1.0
    for p in range(classes):
        add(1.0, ahead[BY_CLASS + p, :n], ahead[DUE])
    if window.again != 0:
        call_at(window.again, plan, state, window, LOOK_AHEAD, window.first_bin + at, n, 0, 0.0)


@part
def note_due(state: State, k: int) -> tuple[float, bool]:
    """Into `state.classes` and `state.shares`: what is due in the k-th column ahead, by class and provider.
    Returns all newcomers, and whether none of them may expire within their bin."""
    classes = state.classes.shape[0]
    for p in range(classes):
        state.classes[p, LOAD] = state.ahead[BY_CLASS + p, k]
    for v in range(state.shares.shape[0]):
        state.shares[v] = state.providers[v, FIRSTS] = state.ahead[BY_CLASS + classes + v, k]
    return float(state.ahead[DUE, k]), state.ahead[UNSAFE, k] == 0.0


@part
def all_pass(state: State, v: int) -> bool:
    """Provider `v` refuses none of this bin's messages and holds none back."""
    return bool(state.shares[v] >= 1.0 and state.providers[v, AT_ONCE] > 0.0)


@part
def joins_run(state: State, t: int, k: int) -> bool:
    """Whether nothing happens in bin `t` but that all that is due passes; what it meets is noted."""
    joins = state.marks[PIECES] == 0 and t > state.marks[HELD_UNTIL] + 1
    for v in range(state.shares.shape[0]):
        joins, turn = joins and all_pass(state, v), state.providers[v]
        if state.ahead[BY_CLASS + state.classes.shape[0] + v, k] <= 0.0:
            continue
        for p in range(state.classes.shape[0]):
            met = state.classes[p]
            at, waiting = int(met[LOAD_CELL]), float(met[LOAD_CHANCE])
            if turn[LIGHT_CHANCE] > 0.0 and met[LOAD] > 0.0:
                at, waiting = with_turn_below_bin(turn[LIGHT_S], turn[LIGHT_CHANCE], at, waiting)
            state.met[v, p, 0, k], state.met[v, p, 1, k] = at, waiting
    return bool(joins)


@part
def end_run(plan: Plan, state: State, window: Window, end: int) -> None:
    """What passed in the columns from RUN_FROM to `end` goes its way."""
    book_sure(plan, state, window, end)
    at = state.marks[RUN_FROM]
    state.marks[RUN_FROM], state.refused[2] = end, 0.0
    if at < end:
        go_on(plan, state, window, at, end, 2)


@part
def go_on(plan: Plan, state: State, window: Window, at: int, end: int, taken: int) -> None:
    """What the providers took of the newcomers in these columns goes its way, and what they had arrives,
    stream by stream. taken: 0 = none, 1 = those whose provider takes all of this bin's, 2 = all."""
    _list_turns(state, window, at, end, taken)
    for i in range(state.marks[ALIVE]):
        row, newcomers = state.alive[i], False
        due = window.arrivals[0, at:end]
        if row < window.arrivals.shape[0] and (
            taken == 2 or (taken == 1 and all_pass(state, int(plan.streams[row, PROVIDER])))
        ):
            due = window.arrivals[row, at:end]
            late_of, late = due, float(plan.streams[row, LATE_AT_ONCE])
            newcomers = _admit(plan, state, window, row, at, end) > 0.0
            if state.marks[ENDINGS] + state.marks[RETURNS] > 0:
                t = window.first_bin + at
                again = call_at(window.again, plan, state, window, TURN_OVER, t, end, row, 0.0)
                if again >= 0.0:
                    due, late_of = state.taken[ASKING, : end - at], state.taken[TOO_LATE, : end - at]
                    newcomers, late = True, 1.0 if again > 0.0 else 0.0
            if newcomers:
                add(1.0, due, window.out[ATTEMPTS, int(plan.streams[row, OWNER]), at:end])
                _spread(plan, state, row, window.first_bin + at, due, late_of, late)
        _land(plan, state, window, row, at, due, newcomers)


@part
def _list_turns(state: State, window: Window, at: int, end: int, taken: int) -> None:
    """Into `state.turns`: the columns in which what is taken is less, or more, than what is due."""
    marks = state.marks
    marks[ENDINGS] = marks[RETURNS] = 0
    if window.again == 0 or taken == 0:
        return
    for k in range(at - marks[AHEAD_FROM], end - marks[AHEAD_FROM]):
        if state.ahead[ENDS, k] > 0.0:
            state.turns[0, marks[ENDINGS]] = k
            marks[ENDINGS] += 1
        if state.ahead[AGAIN, k] > 0.0:
            state.turns[1, marks[RETURNS]] = k
            marks[RETURNS] += 1


@inlined
def _admit(plan: Plan, state: State, window: Window, s: int, at: int, end: int) -> float:
    """All newcomers of a lane are taken by their provider. Returns how many."""
    due, own, first = window.arrivals[s, at:end], plan.streams[s], state.marks[AHEAD_FROM]
    row, v, share = int(own[OWNER]), int(own[PROVIDER]), float(own[ARRIVING_SHARE])
    add(1.0, due, window.out[OFFERED, row, at:end])
    add(1.0, due, window.out[ACCEPTED, row, at:end])
    met = state.met[v, int(own[PRIORITY])]
    cells, chances = met[0, at - first : end - first], met[1, at - first : end - first]
    cell, light = cells[0], state.light[s]
    passed = came = waits = before = 0.0
    all_land = landing_share(plan, window.first_bin + end, v) >= 1.0
    for k in range(end - at):
        if cells[k] != cell:
            light[int(cell)] += (waits - before) * share
            cell, before = cells[k], waits
        mass = due[k]
        passed += mass
        if not all_land:
            mass *= landing_share(plan, window.first_bin + at + k, v)
        came += mass
        waits += mass * chances[k]
    light[int(cell)] += (waits - before) * share
    state.delays[WAITS, s, 0] += (came - waits) * share
    return passed


@part
def _spread(
    plan: Plan, state: State, s: int, first: int, taken: Floats, late_of: Floats, late: float
) -> None:
    """Spread what a lane's provider took, in bins from `first` on, over those ahead in which it is delivered;
    the share `late` of `late_of` will be too late."""
    v, coming, own = int(plan.streams[s, PROVIDER]), state.coming[s], state.streams[s]
    bins = coming.shape[1]
    at = first % bins
    for k in range(plan.delivery_ends[v, JUMPS]):
        ring, jump = at + int(plan.delivery[v, k, 0]), plan.delivery[v, k, 1]
        if ring >= bins:
            ring -= bins
        _lay(taken, ring, jump, coming[0])
        if late > 0.0:
            _lay(late_of, ring, jump * late, coming[1])
    last = first + taken.shape[0] - 1 + plan.delivery_ends[v, LAST_LAG]
    own[LANDS_UNTIL] = max(own[LANDS_UNTIL], float(last))


@part
def _lay(taken: Floats, at: int, jump: float, ring: Floats) -> None:
    """Add `jump` times each of `taken` to the ring, which is no shorter, from its cell `at` on."""
    add(jump, taken, ring[at:])
    here = ring.shape[0] - at
    if here < taken.shape[0]:
        add(jump, taken[here:], ring)


@inlined
def _land(
    plan: Plan, state: State, window: Window, row: int, at: int, taken: Floats, newcomers: bool
) -> None:
    """What leaves the providers in as many columns from `at` on: delivered or bounced. taken: by the row's
    provider in these columns, if there are `newcomers`."""
    own, share, stream = state.streams[row], plan.streams[row, ARRIVING_SHARE], int(plan.streams[row, OWNER])
    coming, t, done, n = state.coming[row], window.first_bin + at, 0, taken.shape[0]
    leaving, late, under = own[LEAVING], own[LEAVING_LATE], own[UNDER_WAY]
    while done < n:
        ring = (t + done) % coming.shape[1]
        to = min(n, done + coming.shape[1] - ring)
        leaves, leaves_late = coming[0, ring:], coming[1, ring:]
        asked, landings = taken[done:], state.landing[0, done:]
        lates, unders = state.landing[1, done:], state.landing[2, done:]
        for k in range(to - done):
            leaving += leaves[k]
            late += leaves_late[k]
            landed = leaving if leaving >= TINY else 0.0
            under += (asked[k] if newcomers else 0.0) - landed
            if under < 0.0:  # no more land than there are
                landed, under = max(landed + under, 0.0), 0.0
            landings[k], lates[k], unders[k] = landed, late, under
        leaves[: to - done] = leaves_late[: to - done] = 0.0
        done = to
    out, landings = window.out, state.landing[0, :n]
    arrive(share, landings, state.landing[1], out[DELIVERED, stream, at:], out[FRESH, stream, at:])
    lose(share, landings, out[FAILED, stream, at:])
    add_with(own[HELD], state.landing[2, :n], window.under_way[stream, at:])
    if t + n > own[LANDS_UNTIL]:
        leaving = late = 0.0
    own[LEAVING], own[LEAVING_LATE], own[UNDER_WAY] = leaving, late, under
