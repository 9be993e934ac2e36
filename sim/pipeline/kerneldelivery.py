"""From a provider to the customers: spread ahead, delivered or bounced. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.ledger import DELIVERED, FAILED, FRESH
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelparts import enlist, fresh_share, note_wait
from sim.pipeline.state import (
    ALIVE,
    ARRIVING_SHARE,
    HELD,
    JUMPS,
    LANDS_UNTIL,
    LAST_LAG,
    LEAVING,
    LEAVING_LATE,
    OWNER,
    PROVIDER,
    UNDER_WAY,
    Floats,
    Plan,
    State,
    Window,
)

TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def deliver(plan: Plan, state: State, t: int, s: int, mass: float, late: float) -> None:
    """A provider takes `mass` messages of row `s`, of which so many will be too `late`: spread them ahead."""
    v = int(plan.streams[s, PROVIDER])
    coming, delivery, own = state.coming[s], plan.delivery[v], state.streams[s]
    bins = coming.shape[1]
    at = t % bins
    for k in range(plan.delivery_ends[v, JUMPS]):
        ahead = at + int(delivery[k, 0])
        if ahead >= bins:
            ahead -= bins
        coming[0, ahead] += mass * delivery[k, 1]
        if late > 0.0:
            coming[1, ahead] += late * delivery[k, 1]
    own[UNDER_WAY] += mass
    own[LANDS_UNTIL] = max(own[LANDS_UNTIL], float(t + plan.delivery_ends[v, LAST_LAG]))
    enlist(state, s)


@part
def send_on(plan: Plan, state: State, t: int, row: int, mass: float, piece: Floats) -> None:
    """Nothing is in its way any more: note its wait, spread its delivery ahead."""
    note_wait(plan, state, row, mass * plan.streams[row, ARRIVING_SHARE], piece)
    deliver(plan, state, t, row, mass, mass * (1.0 - fresh_share(plan, row, piece)))


@part
def land(plan: Plan, state: State, window: Window, t: int) -> None:
    """What leaves the providers in bin `t`: delivered or bounced."""
    out, under_way, j = window.out, window.under_way, t - window.first_bin
    at = t % state.coming.shape[2]
    for i in range(state.marks[ALIVE]):
        row = state.alive[i]
        own, stream = state.streams[row], int(plan.streams[row, OWNER])
        if t <= own[LANDS_UNTIL]:
            delivered, failed, fresh = _leave(own, state.coming[row], at, plan.streams[row, ARRIVING_SHARE])
            if delivered + failed > 0.0:
                out[DELIVERED, stream, j] += delivered
                out[FRESH, stream, j] += fresh
                out[FAILED, stream, j] += failed
        else:
            own[LEAVING] = own[LEAVING_LATE] = 0.0
        under_way[stream, j] += own[UNDER_WAY] + own[HELD]


@part
def _leave(own: Floats, coming: Floats, at: int, arriving_share: float) -> tuple[float, float, float]:
    """Messages of a row that are delivered now, that bounce, and that are delivered fresh.

    Only what it needs is handed over: a whole plan and state take longer than all it does.
    """
    leaving, late = own[LEAVING] + coming[0, at], own[LEAVING_LATE] + coming[1, at]
    own[LEAVING], own[LEAVING_LATE] = leaving, late
    coming[0, at], coming[1, at] = 0.0, 0.0
    landed = min(max(leaving, 0.0), own[UNDER_WAY])
    if landed < TINY:
        return 0.0, 0.0, 0.0
    own[UNDER_WAY] -= landed
    delivered = landed * arriving_share
    return delivered, landed - delivered, min(max(landed - late, 0.0) * arriving_share, delivered)
