"""From a provider to the customers: spread over the bins ahead. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.pipeline.columns import ARRIVING_SHARE, JUMPS, LANDS_UNTIL, LAST_LAG, PROVIDER, UNDER_WAY, WHOSE
from sim.pipeline.kernelcache import inlined
from sim.pipeline.kernelnoting import fresh_share, landing_share, note_wait
from sim.pipeline.kernelparts import enlist
from sim.pipeline.lines import TIMELY
from sim.pipeline.state import Floats, Plan, State


@inlined
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


@inlined
def send_on(plan: Plan, state: State, t: int, row: int, mass: float, piece: Floats, rows: int) -> None:
    """Nothing is in its way any more: note its wait as in `note_wait`, spread its delivery ahead."""
    landing = plan.streams[row, ARRIVING_SHARE] * landing_share(plan, t, int(plan.streams[row, PROVIDER]))
    note_wait(plan, state, row, mass * landing, piece, rows)
    fresh = mass * fresh_share(plan, row, piece)
    deliver(plan, state, t, row, mass, mass - fresh)
    if piece[WHOSE] >= 0.0:
        state.group_told[TIMELY, int(piece[WHOSE]), row] += fresh * landing
