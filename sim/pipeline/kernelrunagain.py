"""Runs of calm bins of seasons in which messages are taken again: lane by lane, as sim.pipeline.kernelrun has
it for others. Compiled into sim.pipeline.kernelagain.
"""

from __future__ import annotations

from sim.ledger import ACCEPTED, ATTEMPTS, EXPIRED, FAILED, OFFERED, REDELIVERED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalmagain import become_recalled
from sim.pipeline.kernelexpiry import too_old_share
from sim.pipeline.kernelhidden import hide
from sim.pipeline.kernelnoting import cell_of, fresh_share, landing_share
from sim.pipeline.kernelrun import all_pass, land, spread
from sim.pipeline.recalls import ACKS, ASKING, CAME, ENDED_LATER, GONE, LAG, NEXT, TIMES, TOO_LATE
from sim.pipeline.state import (
    AGAIN_UNTIL,
    AHEAD_FROM,
    ALIVE,
    ARRIVING_SHARE,
    ENDS,
    HIDDEN,
    LATE_AT_ONCE,
    LEAST_S,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    WAITS,
    Plan,
    State,
    Window,
)

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def go_on_again(plan: Plan, state: State, window: Window, t: int, until: int, taken: int) -> None:
    """As sim.pipeline.kernelrun.go_on, from bin `t` to `until`."""
    at, end = t - window.first_bin, until - window.first_bin
    for i in range(state.marks[ALIVE]):
        row, newcomers = state.alive[i], False
        if row < window.arrivals.shape[0] and (
            taken == 2 or (taken == 1 and all_pass(state, int(plan.streams[row, PROVIDER])))
        ):
            newcomers = _admit_lane(plan, state, window, row, at, end)
        land(plan, state, window, row, at, state.taken[ASKING, : end - at], newcomers)


@part
def _admit_lane(plan: Plan, state: State, window: Window, s: int, at: int, end: int) -> bool:
    """All that workers take of a lane, newly and again, is taken by its provider or ended by a crash.
    Returns whether that is anything."""
    came, late = _admit_new(plan, state, window, s, at, end), float(plan.streams[s, LATE_AT_ONCE])
    if plan.again[ACKS] == 0.0:
        failed = window.out[FAILED, int(plan.streams[s, OWNER])]
        for k in range(end - at):
            failed[at + k] += state.taken[GONE, k]
    elif came or state.streams[s, AGAIN_UNTIL] >= window.first_bin + at:
        for times in range(TIMES):
            again = _swap(plan, state, window.first_bin + at, s, times, end - at)
            if again:
                late = max(late, _admit_again(plan, state, window, s, at, end, times + 1))
                came = True
        _hide_rest(plan, state, window.first_bin + at, s, end - at)
    if came:
        attempts, asking = window.out[ATTEMPTS, int(plan.streams[s, OWNER])], state.taken[ASKING]
        for k in range(end - at):
            attempts[at + k] += asking[k]
        late = 1.0 if late > 0.0 else 0.0
        n, too_late = end - at, state.taken[TOO_LATE]
        spread(plan, state, s, window.first_bin + at, asking[:n], too_late[:n], late)
    return came


@part
def _admit_new(plan: Plan, state: State, window: Window, s: int, at: int, end: int) -> bool:
    """The newcomers of a lane go to the provider, as far as no crash ends their service. Returns whether
    there are any."""
    due, own, first = window.arrivals[s], plan.streams[s], state.marks[AHEAD_FROM]
    offered, accepted = window.out[OFFERED, int(own[OWNER])], window.out[ACCEPTED, int(own[OWNER])]
    met, ends, light = state.met[int(own[PROVIDER]), int(own[PRIORITY])], state.ahead[ENDS], state.light[s]
    asking, gone, late = state.taken[ASKING], state.taken[GONE], state.taken[TOO_LATE]
    came, at_once = False, 0.0
    for k in range(end - at):
        mass, j = due[at + k], at + k
        gone[k] = mass * ends[j - first] if mass * ends[j - first] > _TINY else 0.0
        asking[k] = mass - gone[k]
        late[k] = asking[k] * own[LATE_AT_ONCE]
        if mass > 0.0:
            came = True
            offered[j] += mass
            accepted[j] += mass
            landing = asking[k] * own[ARRIVING_SHARE]
            landing *= landing_share(plan, window.first_bin + j, int(own[PROVIDER]))
            light[int(met[0, j - first])] += landing * met[1, j - first]
            at_once += landing * (1.0 - met[1, j - first])
    state.delays[WAITS, s, 0] += at_once
    return came


@part
def _swap(plan: Plan, state: State, t: int, s: int, times: int, n: int) -> bool:
    """What was hidden so many times and what is hidden now, in n bins from `t` on, which are no more than the
    time-out is long: the first becomes State.taken, the second State.recalled. Returns whether any came."""
    came, gone, coming = state.taken[CAME], state.taken[GONE], state.recalled[s, times]
    ring, lag, later, own = coming.shape[0], int(plan.again[LAG]), plan.again[NEXT], state.streams[s]
    at, back, hidden = t % ring, 0.0, 0.0
    for k in range(n):
        came[k] = coming[at] if coming[at] > _TINY else 0.0
        back += came[k]
        coming[at] = 0.0
        at = at + 1 if at + 1 < ring else 0
    at = (t + lag) % ring
    for k in range(n):
        hidden += gone[k]
        following = at + 1 if at + 1 < ring else 0
        if t + k + lag + 1 < plan.bins:
            coming[at] += gone[k] * (1.0 - later)
            coming[following] += gone[k] * later
        gone[k] = 0.0
        at = following
    own[HIDDEN] += hidden - back
    if hidden > 0.0:
        own[AGAIN_UNTIL] = max(own[AGAIN_UNTIL], float(t + n + lag))
    return back > 0.0


@part
def _admit_again(plan: Plan, state: State, window: Window, s: int, at: int, end: int, times: int) -> float:
    """Those of State.taken that were hidden so many times are too old, go to the provider, or are ended once
    more. Returns the share of them that is late then."""
    piece, own, t = state.pieces[state.marks[PIECES]], plan.streams[s], window.first_bin + at
    become_recalled(plan, state, piece, t, s, times)
    old, late = too_old_share(t, plan.bin_s, piece, own, False), 1.0 - fresh_share(plan, s, piece)
    redelivered, expired = window.out[REDELIVERED, int(own[OWNER])], window.out[EXPIRED, int(own[OWNER])]
    came, gone, asking = state.taken[CAME], state.taken[GONE], state.taken[ASKING]
    too_late, ends, landed = state.taken[TOO_LATE], state.ahead[ENDS], 0.0
    for k in range(end - at):
        redelivered[at + k] += came[k]
        expired[at + k] += came[k] * old
        mass = came[k] * (1.0 - old)
        ended = mass * ends[at + k - state.marks[AHEAD_FROM]]
        gone[k] = ended if ended > _TINY else 0.0
        asking[k] += mass - gone[k]
        too_late[k] += (mass - gone[k]) * late
        landed += (mass - gone[k]) * landing_share(plan, window.first_bin + at + k, int(own[PROVIDER]))
    state.delays[WAITS, s, cell_of(plan, piece[LEAST_S])] += landed * own[ARRIVING_SHARE]
    return late


@part
def _hide_rest(plan: Plan, state: State, t: int, s: int, n: int) -> None:
    """Who was hidden more often than State.recalled tells apart is hidden with a mean of its waits."""
    piece = state.pieces[state.marks[PIECES]]
    become_recalled(plan, state, piece, t, s, TIMES)
    for k in range(n):
        gone = state.taken[GONE, k]
        if gone > 0.0:
            hide(plan, state, t + k, piece, ENDED_LATER, gone)
            state.streams[s, HIDDEN] += gone
