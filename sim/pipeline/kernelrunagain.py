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
    RECALLED_UNTIL,
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
    t, late, n = window.first_bin + at, float(plan.streams[s, LATE_AT_ONCE]), end - at
    came, gone = _admit_new(plan, state, window, s, at, end)
    if plan.again[ACKS] == 0.0:
        failed = window.out[FAILED, int(plan.streams[s, OWNER])]
        for k in range(n):
            failed[at + k] += state.taken[GONE, k]
    elif gone > 0.0 or state.streams[s, AGAIN_UNTIL] >= t:
        came = True
        for times in range(TIMES):
            if gone > 0.0 or state.streams[s, RECALLED_UNTIL + times] >= t:
                gone, too_late = _turn_over(plan, state, window, s, at, end, times, gone)
                late = max(late, too_late)
        if gone > 0.0:
            _hide_rest(plan, state, t, s, n)
    if came:
        late = 1.0 if late > 0.0 else 0.0
        spread(plan, state, s, t, state.taken[ASKING, :n], state.taken[TOO_LATE, :n], late)
    return came


@part
def _admit_new(plan: Plan, state: State, window: Window, s: int, at: int, end: int) -> tuple[bool, float]:
    """The newcomers of a lane go to the provider, as far as no crash ends their service. Returns whether
    there are any, and how many crashes end."""
    due, own, first, out = window.arrivals[s], plan.streams[s], state.marks[AHEAD_FROM], window.out
    v, row = int(own[PROVIDER]), int(own[OWNER])
    offered, accepted, attempts = out[OFFERED, row], out[ACCEPTED, row], out[ATTEMPTS, row]
    met, ends, light = state.met[v, int(own[PRIORITY])], state.ahead[ENDS], state.light[s]
    asking, gone, late = state.taken[ASKING], state.taken[GONE], state.taken[TOO_LATE]
    came, ended, at_once = False, 0.0, 0.0
    all_land = landing_share(plan, window.first_bin + end, v) >= 1.0
    for k in range(end - at):
        j = at + k
        mass, lost = due[j], due[j] * ends[j - first]
        gone[k] = lost if lost > _TINY else 0.0
        asking[k] = mass - gone[k]
        late[k] = asking[k] * own[LATE_AT_ONCE]
        if mass > 0.0:
            came = True
            ended += gone[k]
            offered[j] += mass
            accepted[j] += mass
            attempts[j] += asking[k]
            landing = asking[k] * own[ARRIVING_SHARE]
            if not all_land:
                landing *= landing_share(plan, window.first_bin + j, v)
            light[int(met[0, j - first])] += landing * met[1, j - first]
            at_once += landing * (1.0 - met[1, j - first])
    state.delays[WAITS, s, 0] += at_once
    return came, ended


@part
def _turn_over(
    plan: Plan, state: State, window: Window, s: int, at: int, end: int, times: int, gone: float
) -> tuple[float, float]:
    """Of a lane in a run no longer than the time-out: what was hidden `times` times is hidden, and what was
    hidden once more is visible. Returns how many crashes end of that, and the share that is late."""
    own, t, n = state.streams[s], window.first_bin + at, end - at
    visible, back = own[RECALLED_UNTIL + times] >= t, 0.0
    if visible:
        back = _come(state, t, s, times, n)
    if gone > 0.0:
        _hide_run(plan, state, t, s, times, n)
        own[AGAIN_UNTIL] = max(own[AGAIN_UNTIL], t + n + plan.again[LAG])
        own[RECALLED_UNTIL + times] = own[AGAIN_UNTIL]
    own[HIDDEN] += gone - back
    if back > 0.0:
        return _admit_again(plan, state, window, s, at, end, times + 1)
    return 0.0, 0.0


@part
def _come(state: State, t: int, s: int, times: int, n: int) -> float:
    """What is visible again in n bins from `t` on, of one part of State.recalled, becomes State.taken.
    Returns how many messages."""
    came, coming, back = state.taken[CAME], state.recalled[s, times], 0.0
    at = t % coming.shape[0]
    for k in range(n):
        came[k] = coming[at] if coming[at] > _TINY else 0.0
        back += came[k]
        coming[at] = 0.0
        at = at + 1 if at + 1 < coming.shape[0] else 0
    return back


@part
def _hide_run(plan: Plan, state: State, t: int, s: int, times: int, n: int) -> None:
    """What crashes ended in n bins from `t` on becomes a part of State.recalled, a time-out later."""
    gone, coming, lag, later = (
        state.taken[GONE],
        state.recalled[s, times],
        int(plan.again[LAG]),
        plan.again[NEXT],
    )
    at = (t + lag) % coming.shape[0]
    for k in range(min(n, plan.bins - lag - 1 - t)):
        following = at + 1 if at + 1 < coming.shape[0] else 0
        coming[at] += gone[k] * (1.0 - later)
        coming[following] += gone[k] * later
        at = following
    for k in range(n):
        gone[k] = 0.0


@part
def _admit_again(
    plan: Plan, state: State, window: Window, s: int, at: int, end: int, times: int
) -> tuple[float, float]:
    """Those of State.taken that were hidden so many times are too old, go to the provider, or are ended once
    more. Returns how many crashes end, and the share of the others that is late."""
    piece, own, t = state.pieces[state.marks[PIECES]], plan.streams[s], window.first_bin + at
    become_recalled(plan, state, piece, t, s, times)
    young, late = 1.0 - too_old_share(t, plan.bin_s, piece, own, False), 1.0 - fresh_share(plan, s, piece)
    v, row, first, out = int(own[PROVIDER]), int(own[OWNER]), state.marks[AHEAD_FROM], window.out
    redelivered, expired, attempts = out[REDELIVERED, row], out[EXPIRED, row], out[ATTEMPTS, row]
    came, gone, asking = state.taken[CAME], state.taken[GONE], state.taken[ASKING]
    too_late, ended, landed = state.taken[TOO_LATE], 0.0, 0.0
    all_land = landing_share(plan, window.first_bin + end, v) >= 1.0
    for k in range(end - at):
        mass = came[k] * young
        redelivered[at + k] += came[k]
        expired[at + k] += came[k] - mass
        lost = mass * state.ahead[ENDS, at + k - first]
        gone[k] = lost if lost > _TINY else 0.0
        ended += gone[k]
        mass -= gone[k]
        attempts[at + k] += mass
        asking[k] += mass
        too_late[k] += mass * late
        landed += mass if all_land else mass * landing_share(plan, t + k, v)
    state.delays[WAITS, s, cell_of(plan, piece[LEAST_S])] += landed * own[ARRIVING_SHARE]
    return ended, late


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
