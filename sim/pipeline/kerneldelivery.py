"""From a provider to the customers: spread ahead, delivered or bounced. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.ledger import DELIVERED, FAILED, FRESH
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelparts import fresh_share, landing_share, note_wait
from sim.pipeline.state import (
    ARRIVING_SHARE,
    HELD,
    LANE,
    LEAVING,
    LEAVING_FRESH,
    PROVIDER,
    UNDER_WAY,
    Floats,
    Plan,
    State,
    Window,
)

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def deliver(plan: Plan, state: State, t: int, s: int, mass: float, fresh: float) -> None:
    """A provider takes `mass` messages of stream `s`, of which `fresh` will be in time: spread them ahead."""
    coming, delivery, v = state.coming, plan.delivery, int(plan.streams[s, PROVIDER])
    rows = coming.shape[1]
    row = t % rows
    for k in range(delivery.shape[1]):
        ahead, share = row + int(delivery[v, k, 0]), delivery[v, k, 1]
        if ahead >= rows:
            ahead -= rows
        coming[s, ahead, 0] += mass * share
        coming[s, ahead, 1] += fresh * share
    state.streams[s, UNDER_WAY] += mass


@part
def send_on(plan: Plan, state: State, t: int, row: int, mass: float, piece: Floats) -> None:
    """Nothing is in its way any more: note its wait, spread its delivery ahead."""
    landing = plan.streams[row, ARRIVING_SHARE] * landing_share(plan, t, int(plan.streams[row, PROVIDER]))
    note_wait(plan, state, row, mass * landing, piece)
    deliver(plan, state, t, row, mass, mass * fresh_share(plan, row, piece))


@part
def land(plan: Plan, state: State, window: Window, t: int) -> None:
    """What leaves the providers in bin `t`: delivered or bounced."""
    out, under_way, j = window.out, window.under_way, t - window.first_bin
    lanes, at = under_way.shape[0], t % state.coming.shape[1]
    for s in range(lanes):
        delivered, failed, fresh = _leave(
            state.streams[s], state.coming[s, at], plan.streams[s, ARRIVING_SHARE]
        )
        if delivered + failed > 0.0:
            out[DELIVERED, s, j], out[FRESH, s, j] = delivered, fresh
            out[FAILED, s, j] += failed
        under_way[s, j] = state.streams[s, UNDER_WAY] + state.streams[s, HELD]
    for row in range(lanes, state.streams.shape[0]):
        delivered, failed, fresh = _leave(
            state.streams[row], state.coming[row, at], plan.streams[row, ARRIVING_SHARE]
        )
        s = int(plan.streams[row, LANE])
        out[DELIVERED, s, j] += delivered
        out[FRESH, s, j] += fresh
        out[FAILED, s, j] += failed
        under_way[s, j] += state.streams[row, UNDER_WAY] + state.streams[row, HELD]


@part
def _leave(own: Floats, coming: Floats, arriving_share: float) -> tuple[float, float, float]:
    """Messages of a row that are delivered now, that bounce, and that are delivered fresh.

    Only what it needs is handed over: a whole plan and state take longer than all it does.
    """
    leaving, fresh = own[LEAVING] + coming[0], own[LEAVING_FRESH] + coming[1]
    own[LEAVING], own[LEAVING_FRESH] = leaving, fresh
    coming[0], coming[1] = 0.0, 0.0
    landed = min(max(leaving, 0.0), own[UNDER_WAY])
    if landed < _TINY:
        return 0.0, 0.0, 0.0
    own[UNDER_WAY] -= landed
    delivered = landed * arriving_share
    return delivered, landed - delivered, min(max(fresh, 0.0) * arriving_share, delivered)
