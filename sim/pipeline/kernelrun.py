"""Runs of bins in which all that is due passes at once: what is left of them is done stream by stream.

Bin by bin only providers are asked; then each stream goes through the whole run, in the order in which its
memory lies. A bin in which anything else happens comes after the run before it. Compiled into
sim.pipeline.kernel.
"""

from __future__ import annotations

from sim.ledger import ACCEPTED, ATTEMPTS, DELIVERED, FAILED, FRESH, OFFERED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kernelnoting import landing_share
from sim.pipeline.kernelparts import with_turn_below_bin
from sim.pipeline.provisions import AT_ONCE, FIRSTS, LIGHT_CHANCE, LIGHT_S
from sim.pipeline.recalls import ACKS, LAG
from sim.pipeline.state import (
    AHEAD_FROM,
    ALIVE,
    ARRIVING_SHARE,
    BY_CLASS,
    DUE,
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
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    RUN_BINS,
    RUN_FROM,
    UNDER_WAY,
    UNSAFE,
    WAITS,
    Floats,
    Plan,
    State,
    Window,
)
from sim.pipeline.steps import GO_ON, LOOK_AHEAD

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def look_ahead(plan: Plan, state: State, window: Window, at: int, end: int) -> None:
    """Into `state.ahead`: what is due in the columns from `at` on, up to `end` and as far as one looks."""
    ahead, n = state.ahead, min(end - at, looks_ahead(plan, window))
    state.marks[AHEAD_FROM] = state.marks[RUN_FROM] = at
    by_provider = BY_CLASS + state.classes.shape[0]
    for what in range(ahead.shape[0]):
        for k in range(n):
            ahead[what, k] = 0.0
    for i in range(state.marks[ALIVE]):
        s = state.alive[i]
        if s < window.arrivals.shape[0]:
            due, own = window.arrivals[s], plan.streams[s]
            of_class, of_provider = (
                ahead[BY_CLASS + int(own[PRIORITY])],
                ahead[by_provider + int(own[PROVIDER])],
            )
            for k in range(n):
                ahead[DUE, k] += due[at + k]
                of_class[k] += due[at + k]
                of_provider[k] += due[at + k]
                if own[FRESHNESS_S] < plan.bin_s and due[at + k] > 0.0:
                    ahead[UNSAFE, k] = 1.0
    if window.again != 0:
        call_at(window.again, plan, state, window, LOOK_AHEAD, window.first_bin + at, n, 0, 0.0)


@part
def looks_ahead(plan: Plan, window: Window) -> int:
    """Bins at most: what is hidden in one of them is visible again in none of them."""
    if window.again == 0 or plan.again[ACKS] == 0.0:
        return RUN_BINS
    return min(RUN_BINS, int(plan.again[LAG]))


@part
def note_due(state: State, k: int) -> tuple[float, bool]:
    """Into `state.classes` and `state.shares`: what is due in the k-th column ahead, by class, and what of
    it asks each provider. Returns all newcomers, and whether none of them may expire within their bin."""
    classes, kept = state.classes.shape[0], 1.0 - state.ahead[ENDS, k]
    for p in range(classes):
        state.classes[p, LOAD] = state.ahead[BY_CLASS + p, k]
    for v in range(state.shares.shape[0]):
        state.shares[v] = state.providers[v, FIRSTS] = state.ahead[BY_CLASS + classes + v, k] * kept
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
    at = state.marks[RUN_FROM]
    state.marks[RUN_FROM], state.refused[2] = end, 0.0
    if at < end:
        go_on(plan, state, window, at, end, 2)


@part
def go_on(plan: Plan, state: State, window: Window, at: int, end: int, taken: int) -> None:
    """What the providers took of the newcomers in these columns goes its way, and what they had arrives,
    stream by stream. taken: 0 = none, 1 = those whose provider takes all of this bin's, 2 = all."""
    if window.again != 0:
        first = window.first_bin
        call_at(window.again, plan, state, window, GO_ON, first + at, first + end, taken, 0.0)
        return
    for i in range(state.marks[ALIVE]):
        row, newcomers = state.alive[i], 0.0
        if row < window.arrivals.shape[0] and (
            taken == 2 or (taken == 1 and all_pass(state, int(plan.streams[row, PROVIDER])))
        ):
            newcomers = _admit(plan, state, window, row, at, end)
        due = window.arrivals[row if newcomers > 0.0 else 0, at:end]
        if newcomers > 0.0:
            late = float(plan.streams[row, LATE_AT_ONCE])
            spread(plan, state, row, window.first_bin + at, due, due, late)
        land(plan, state, window, row, at, due, newcomers > 0.0)


@part
def _admit(plan: Plan, state: State, window: Window, s: int, at: int, end: int) -> float:
    """All newcomers of a lane are taken by their provider. Returns how many."""
    out, due, own = window.out, window.arrivals[s], plan.streams[s]
    offered, accepted, attempts = (
        out[OFFERED, int(own[OWNER])],
        out[ACCEPTED, int(own[OWNER])],
        out[ATTEMPTS, int(own[OWNER])],
    )
    met, first = state.met[int(own[PROVIDER]), int(own[PRIORITY])], state.marks[AHEAD_FROM]
    passed, came, waits, light, v = 0.0, 0.0, 0.0, state.light[s], int(own[PROVIDER])
    all_land = landing_share(plan, window.first_bin + end, v) >= 1.0
    for j in range(at, end):
        mass = due[j]
        if mass > 0.0:
            offered[j] += mass
            accepted[j] += mass
            attempts[j] += mass
            passed += mass
            if not all_land:
                mass *= landing_share(plan, window.first_bin + j, v)
            waits += mass * met[1, j - first]
            light[int(met[0, j - first])] += mass * own[ARRIVING_SHARE] * met[1, j - first]
            came += mass
    state.delays[WAITS, s, 0] += (came - waits) * own[ARRIVING_SHARE]
    return passed


@part
def spread(plan: Plan, state: State, s: int, first: int, taken: Floats, late_of: Floats, late: float) -> None:
    """Spread what a lane's provider took, in bins from `first` on, over those ahead in which it is delivered;
    the share `late` of `late_of` will be too late."""
    v, coming, own = int(plan.streams[s, PROVIDER]), state.coming[s], state.streams[s]
    for k in range(plan.delivery_ends[v, JUMPS]):
        lag, jump = int(plan.delivery[v, k, 0]), plan.delivery[v, k, 1]
        _lay(taken, first + lag, jump, coming[0])
        if late > 0.0:
            _lay(late_of, first + lag, jump * late, coming[1])
    last = first + taken.shape[0] - 1 + plan.delivery_ends[v, LAST_LAG]
    own[LANDS_UNTIL] = max(own[LANDS_UNTIL], float(last))


@part
def _lay(taken: Floats, first: int, jump: float, ring: Floats) -> None:
    """Add `jump` times each of `taken` to the ring, from bin `first` on."""
    bins, j = ring.shape[0], 0
    while j < taken.shape[0]:
        ahead = (first + j) % bins
        n = min(taken.shape[0] - j, bins - ahead)
        for i in range(n):
            ring[ahead + i] += jump * taken[j + i]
        j += n


@part
def land(plan: Plan, state: State, window: Window, row: int, at: int, taken: Floats, newcomers: bool) -> None:
    """What leaves the providers in as many columns from `at` on: delivered or bounced. taken: by the row's
    provider in these columns, if there are `newcomers`."""
    end = at + taken.shape[0]
    own, share, stream = state.streams[row], plan.streams[row, ARRIVING_SHARE], int(plan.streams[row, OWNER])
    out, under_way = window.out, window.under_way[stream]
    delivered, fresh, failed = out[DELIVERED, stream], out[FRESH, stream], out[FAILED, stream]
    coming, bins = state.coming[row], state.coming.shape[2]
    leaving, late, under, held = own[LEAVING], own[LEAVING_LATE], own[UNDER_WAY], own[HELD]
    ring = (window.first_bin + at) % bins
    for j in range(at, end):
        leaving += coming[0, ring]
        late += coming[1, ring]
        coming[0, ring] = coming[1, ring] = 0.0
        ring = ring + 1 if ring + 1 < bins else 0
        if newcomers:
            under += taken[j - at]
        landed = min(max(leaving, 0.0), under)
        if landed >= _TINY:
            under -= landed
            arrived = landed * share
            delivered[j] += arrived
            fresh[j] += min(max(landed - late, 0.0) * share, arrived)
            failed[j] += landed - arrived
        under_way[j] += under + held
    if window.first_bin + end > own[LANDS_UNTIL]:
        leaving = late = 0.0
    own[LEAVING], own[LEAVING_LATE], own[UNDER_WAY] = leaving, late, under
