"""The cohort's providers with breakers, budgets, standbys, queues of their own, mailboxes: compiled apart
from sim.pipeline.kernel, when a plan needs it.
"""

from __future__ import annotations

from sim.pipeline.columns import DETOUR, MASS, PIECES, PROVIDER, STREAM, TRIES
from sim.pipeline.kernelbackoff import start_late
from sim.pipeline.kernelbehind import accept, try_again
from sim.pipeline.kernelcache import part
from sim.pipeline.kernellimits import budget_earn, budget_spend
from sim.pipeline.kernelproviders import ask_one, ask_standbys
from sim.pipeline.kernelshares import share_mailboxes
from sim.pipeline.provisions import BUDGET_MOST, BUDGET_SHARE, BUDGETED, FIRSTS, GRANTED, SAVED
from sim.pipeline.state import Floats, Plan, State, Window
from sim.pipeline.steps import ACCEPT, ASK, ASK_ON, SHARE, START_LATE


def beyond(
    plan: Plan, state: State, window: Window, step: int, t: int, at: int, row: int, mass: float
) -> float:
    """One of the steps of bin `t` that sim.pipeline.steps names; `at` is a provider or a piece, `mass` at
    SHARE the workers' busy share, at START_LATE what they can serve."""
    busy = window.busy[t - window.first_bin]
    if step == ASK:
        return float(ask_one(plan, state, t, at, mass, busy))
    if step == ACCEPT:
        accept(plan, state, window, t, row, mass, state.pieces[at])
    elif step == SHARE:
        share_mailboxes(plan, state, mass)
    elif step == START_LATE:
        start_late(plan, state, t, mass)
    elif step == ASK_ON:
        if state.marks[PIECES] > 0:
            ask_standbys(plan, state, t, busy, state.shares)
        try_again(plan, state, window, t)
        _grant_retries(plan, state, state.shares)
    return 0.0


@part
def _not_taken(plan: Plan, s: int, mass: float, shares: Floats) -> float:
    """What of `mass` messages of stream `s` neither the provider nor its standby takes."""
    left, detour = mass * (1.0 - shares[int(plan.streams[s, PROVIDER])]), int(plan.streams[s, DETOUR])
    return float(left * (1.0 - shares[int(plan.streams[detour, PROVIDER])]) if detour >= 0 else left)


@part
def _grant_retries(plan: Plan, state: State, shares: Floats) -> None:
    """What share of the retries that this bin asks for each provider's budget allows."""
    attempts = plan.back.shape[0] + 1
    for v in range(plan.providers.shape[0]):
        if plan.providers[v, BUDGETED] == 0.0:
            continue
        wanted = 0.0
        for i in range(state.marks[PIECES]):
            piece = state.pieces[i]
            s = int(piece[STREAM])
            if int(plan.streams[s, PROVIDER]) == v and piece[TRIES] + 1.0 < attempts:
                wanted += _not_taken(plan, s, piece[MASS], shares)
        state.providers[v, GRANTED] = _grant(plan, state, v, state.providers[v, FIRSTS], wanted)


@part
def _grant(plan: Plan, state: State, v: int, firsts: float, wanted: float) -> float:
    saved = state.providers[v, SAVED : SAVED + 1]
    figures = plan.providers[v, BUDGET_SHARE : BUDGET_MOST + 1]
    budget_earn(saved, figures, firsts)
    granted = min(wanted, max(0.0, saved[0]))
    budget_spend(saved, figures, granted)
    return granted / wanted if wanted > 0.0 else 1.0
