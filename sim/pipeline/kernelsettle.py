"""What the providers said to the pieces of a bin, and what follows. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.ledger import ATTEMPTS, DEAD_LETTERED, DELIVERED, FAILED, FRESH, LIMITED
from sim.pipeline.kernelbehind import accept
from sim.pipeline.kernelcache import part
from sim.pipeline.kernellimits import budget_earn, budget_spend
from sim.pipeline.kernelparts import set_back
from sim.pipeline.provisions import (
    ASKED_SHARE,
    ASKING,
    BUDGET_MOST,
    BUDGET_SHARE,
    BUDGETED,
    GRANTED,
    SAVED,
    TOLD_S,
)
from sim.pipeline.state import (
    ARRIVING_SHARE,
    DETOUR,
    HELD,
    LANE,
    LEAVING,
    LEAVING_FRESH,
    MASS,
    PIECES,
    PROVIDER,
    STREAM,
    TRIES,
    UNDER_WAY,
    Floats,
    Plan,
    State,
)

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def settle(plan: Plan, state: State, t: int, j: int, shares: Floats, out: Floats) -> None:
    """Each piece is taken, taken by the standby, set back or given up."""
    _grant_retries(plan, state, shares)
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        s, told_s = int(piece[STREAM]), 0.0
        v, detour = int(plan.streams[s, PROVIDER]), int(plan.streams[s, DETOUR])
        left, told_s = piece[MASS], state.providers[v, TOLD_S]
        left = _ask_row(plan, state, t, j, s, left, piece, shares, out)
        if left > 0.0 and detour >= 0:
            left = _ask_row(plan, state, t, j, detour, left, piece, shares, out)
            told_s = min(told_s, state.providers[int(plan.streams[detour, PROVIDER]), TOLD_S])
        if left > 0.0:
            _back_off(plan, state, t, j, left, piece, told_s, out)


@part
def _ask_row(
    plan: Plan,
    state: State,
    t: int,
    j: int,
    row: int,
    mass: float,
    piece: Floats,
    shares: Floats,
    out: Floats,
) -> float:
    """The provider of `row` takes its share of `mass`. Returns what it does not take."""
    v, s = int(plan.streams[row, PROVIDER]), int(piece[STREAM])
    taken = mass * shares[v]
    asked = max(taken, mass * state.providers[v, ASKED_SHARE])
    out[ATTEMPTS, s, j] += asked
    out[LIMITED, s, j] += asked - taken
    if taken > 0.0:
        accept(plan, state, t, row, taken, piece, j, out)
    return float(mass - taken)


@part
def _not_taken(plan: Plan, s: int, mass: float, shares: Floats) -> float:
    """What of `mass` messages of stream `s` neither the provider nor its standby takes."""
    left, detour = mass * (1.0 - shares[int(plan.streams[s, PROVIDER])]), int(plan.streams[s, DETOUR])
    return float(left * (1.0 - shares[int(plan.streams[detour, PROVIDER])]) if detour >= 0 else left)


@part
def _grant_retries(plan: Plan, state: State, shares: Floats) -> None:
    """What share of the retries that this bin asks for each provider's budget allows."""
    attempts = state.back_level.shape[1] + 1
    for v in range(plan.providers.shape[0]):
        if plan.providers[v, BUDGETED] == 0.0:
            continue
        firsts, wanted = 0.0, 0.0
        for i in range(state.marks[PIECES]):
            piece = state.pieces[i]
            s = int(piece[STREAM])
            if int(plan.streams[s, PROVIDER]) == v:
                firsts += piece[MASS] if piece[TRIES] == 0.0 else 0.0
                if piece[TRIES] + 1.0 < attempts:
                    wanted += _not_taken(plan, s, piece[MASS], shares)
        state.providers[v, GRANTED] = _grant(plan, state, v, firsts, wanted)


@part
def _grant(plan: Plan, state: State, v: int, firsts: float, wanted: float) -> float:
    saved = state.providers[v, SAVED : SAVED + 1]
    figures = plan.providers[v, BUDGET_SHARE : BUDGET_MOST + 1]
    budget_earn(saved, figures, firsts)
    granted = min(wanted, max(0.0, saved[0]))
    budget_spend(saved, figures, granted)
    return granted / wanted if wanted > 0.0 else 1.0


@part
def earn_retries(plan: Plan, state: State) -> None:
    """What asks in this bin are first attempts, and all are taken."""
    for v in range(plan.providers.shape[0]):
        _grant(plan, state, v, float(state.providers[v, ASKING]), 0.0)


@part
def _back_off(
    plan: Plan, state: State, t: int, j: int, mass: float, piece: Floats, told_s: float, out: Floats
) -> None:
    """Nobody takes `mass` of a piece: it comes back later, or is dead-lettered."""
    s, tries = int(piece[STREAM]), int(piece[TRIES]) + 1
    granted = 0.0
    if tries <= state.back_level.shape[1]:
        granted = mass * state.providers[int(plan.streams[s, PROVIDER]), GRANTED]
        later = min(int(told_s / plan.bin_s + 1e-9) - t, plan.told_bins)
        set_back(plan, state, t, s, tries, granted, piece, max(0, later))
    if mass > granted:
        out[FAILED, s, j] += mass - granted
        out[DEAD_LETTERED, s, j] += mass - granted


@part
def land(plan: Plan, state: State, t: int, j: int, out: Floats, under_way: Floats) -> None:
    """What leaves the providers in bin `t`: delivered or bounced."""
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
