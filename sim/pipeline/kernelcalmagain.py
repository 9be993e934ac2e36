"""A calm bin (sim.pipeline.kernelcalm) in which messages are visible again: they pass as newcomers do.
Compiled into sim.pipeline.kernelagain.
"""

from __future__ import annotations

import math

from sim.ledger import ATTEMPTS, FAILED, REDELIVERED
from sim.pipeline.kernelcache import part
from sim.pipeline.kerneldelivery import send_on
from sim.pipeline.kernelhidden import hide, lost_share
from sim.pipeline.recalls import ACKS, ENDED, ENDED_LATER, LATE
from sim.pipeline.state import (
    CALM,
    CELL,
    CHANCE,
    DUE_S,
    FRESHNESS_S,
    HIDDEN,
    LEAST_S,
    MASS,
    MOST_S,
    PROVIDER,
    STREAM,
    TRIES,
    VAR,
    Floats,
    Plan,
    State,
    Window,
)

_TINY = 1e-12
"""Less than this of a message is what rounding left."""


@part
def due_again(plan: Plan, state: State, t: int) -> float:
    """Messages that are visible again in bin `t`; below 0 where that bin cannot be calm: some may expire, or
    services outlast the time-out."""
    total = 0.0
    if plan.again[LATE] > 0.0:
        return -1.0
    for s in range(state.again.shape[1]):
        cell = state.again[t % state.again.shape[0], s]
        for kind in range(ENDED, ENDED_LATER + 1, ENDED_LATER - ENDED):
            if cell[kind] > 0.0:
                total += cell[kind]
                due_s = cell[kind + 1] / cell[kind]
                half_s = math.sqrt(3.0 * max(0.0, cell[kind + 2] / cell[kind] - due_s * due_s))
                if (t + 1) * plan.bin_s - due_s + half_s > plan.streams[s, FRESHNESS_S]:
                    return -1.0
    return float(total)


@part
def ask_again(plan: Plan, state: State, t: int) -> None:
    """Add to `state.shares` (V,) what asks each provider of what is visible again in bin `t`."""
    kept = 1.0 - lost_share(plan, t)
    for s in range(state.again.shape[1]):
        cell = state.again[t % state.again.shape[0], s]
        state.shares[int(plan.streams[s, PROVIDER])] += (cell[ENDED] + cell[ENDED_LATER]) * kept


@part
def pass_again(plan: Plan, state: State, window: Window, t: int) -> None:
    """All that is visible again in bin `t` is served and admitted at once; crashes take their share of it,
    and of the newcomers."""
    ended, j, piece = lost_share(plan, t), t - window.first_bin, state.pieces[0]
    state.refused[1] = 0.0
    for s in range(state.again.shape[1]):
        cell = state.again[t % state.again.shape[0], s]
        newcomers = window.arrivals[s, j] * ended
        piece[STREAM], piece[TRIES], piece[MASS], piece[CELL], piece[CHANCE] = s, 0.0, newcomers, 0.0, 0.0
        piece[LEAST_S], piece[MOST_S], piece[CALM] = 0.0, 0.0, 1.0
        if plan.again[ACKS] == 0.0:
            window.out[FAILED, s, j] += newcomers
        elif newcomers > 0.0:
            _hide_again(plan, state, t, s, ENDED, newcomers)
        if cell[ENDED] > _TINY:
            _pass_kind(plan, state, window, t, s, ended, cell[ENDED : ENDED + 4])
        if cell[ENDED_LATER] > _TINY:
            _pass_kind(plan, state, window, t, s, ended, cell[ENDED_LATER : ENDED_LATER + 4])
        cell[:] = 0.0


@part
def _pass_kind(
    plan: Plan, state: State, window: Window, t: int, s: int, ended: float, moments: Floats
) -> None:
    mass, piece, j = moments[0], state.pieces[0], t - window.first_bin
    due_s = moments[1] / mass
    piece[DUE_S], piece[VAR] = due_s, max(0.0, moments[2] / mass - due_s * due_s)
    half_s, delay_s = math.sqrt(3.0 * piece[VAR]), max(0.0, (t + 0.5) * plan.bin_s - due_s)
    piece[LEAST_S], piece[MOST_S] = max(0.0, delay_s - half_s), delay_s + half_s
    piece[TRIES], piece[CALM] = moments[3] / mass, 0.0
    passed = mass * (1.0 - ended)
    state.streams[s, HIDDEN] -= mass
    window.out[REDELIVERED, s, j] += mass
    window.out[ATTEMPTS, s, j] += passed
    send_on(plan, state, t, s, passed, piece)
    _hide_again(plan, state, t, s, ENDED_LATER, mass * ended)


@part
def _hide_again(plan: Plan, state: State, t: int, s: int, kind: int, mass: float) -> None:
    hide(plan, state, t, state.pieces[0], kind, mass)
    state.streams[s, HIDDEN] += mass
    state.refused[1] += mass
