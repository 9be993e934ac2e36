"""The common bin, in closed form: nobody waits, nobody comes back, workers and limits suffice.

Then all that is due is served at once and admitted, and only waits below a bin are left to note. The long
way round (batches, parcels, pieces) tells the same, a hundred times slower. Compiled into
sim.pipeline.kernel.
"""

from __future__ import annotations

from sim.ledger import ACCEPTED, ATTEMPTS, OFFERED
from sim.pipeline.kernelcache import part
from sim.pipeline.kerneldelivery import deliver
from sim.pipeline.kernelparts import light_wait, share_below, with_turn_below_bin
from sim.pipeline.provisions import AT_ONCE, LIGHT_CHANCE, LIGHT_S
from sim.pipeline.state import (
    ARRIVING_SHARE,
    FIRST_BATCH,
    FRESHNESS_S,
    NEXT_BATCH,
    PRIORITY,
    PROVIDER,
    SAFE,
    UNTIL,
    WAITS,
    Floats,
    Plan,
    State,
)


@part
def fresh_at_once(plan: Plan, state: State) -> None:
    """Note how much of what does not wait arrives fresh, and whether none of it expires unserved."""
    state.marks[SAFE] = 1
    for s in range(state.fresh_shares.shape[0]):
        freshness_s = plan.streams[s, FRESHNESS_S]
        points = plan.delay_points_s[int(plan.streams[s, PROVIDER])]
        state.fresh_shares[s] = share_below(points, freshness_s)
        if freshness_s < plan.bin_s:
            state.marks[SAFE] = 0


@part
def is_calm(state: State, t: int, due: float, capacity: float) -> bool:
    """Nobody waits or comes back in bin `t`, the workers can take all that is `due` before it expires."""
    if state.marks[SAFE] == 0 or t <= state.marks[UNTIL] + 1 or due >= capacity * (1.0 - 1e-9):
        return False
    for p in range(state.waiting.shape[0]):
        if state.heads[p, FIRST_BATCH] < state.heads[p, NEXT_BATCH]:
            return False
    return True


@part
def ask_for_all(plan: Plan, j: int, arrivals: Floats, shares: Floats) -> None:
    """Into `shares` (V,): what asks each provider when all that is due is served at once."""
    shares[:] = 0.0
    for s in range(arrivals.shape[0]):
        shares[int(plan.streams[s, PROVIDER])] += arrivals[s, j]


@part
def all_pass(state: State, shares: Floats) -> bool:
    """No provider refuses any or holds any back."""
    passed = True
    for v in range(shares.shape[0]):
        passed = passed and shares[v] >= 1.0 and state.providers[v, AT_ONCE] > 0.0
    return passed


@part
def pass_all(
    plan: Plan, state: State, t: int, j: int, due: float, arrivals: Floats, fresh_shares: Floats, out: Floats
) -> None:
    """All that is due in bin `t` is served and admitted at once."""
    above = 0.0
    for p in range(state.waiting.shape[0]):
        own = 0.0
        for s in range(arrivals.shape[0]):
            if plan.streams[s, PRIORITY] == p:
                own += arrivals[s, j]
        if own <= 0.0:
            continue
        cell, chance = light_wait(plan, above / plan.capacity, own / plan.capacity, due / plan.capacity)
        above += own
        for s in range(arrivals.shape[0]):
            mass = arrivals[s, j]
            if plan.streams[s, PRIORITY] == p and mass > 0.0:
                out[OFFERED, s, j], out[ACCEPTED, s, j], out[ATTEMPTS, s, j] = mass, mass, mass
                arriving = mass * plan.streams[s, ARRIVING_SHARE]
                own = state.providers[int(plan.streams[s, PROVIDER])]
                at, waiting = cell, chance
                if own[LIGHT_CHANCE] > 0.0:
                    at, waiting = with_turn_below_bin(own[LIGHT_S], own[LIGHT_CHANCE], cell, chance)
                state.light[s, at] += arriving * waiting
                state.delays[WAITS, s, 0] += arriving * (1.0 - waiting)
                deliver(plan, state, t, s, mass, mass * fresh_shares[s])
