"""Calm bins in which every provider surely takes all that asks: found ahead, and booked many at a time.

Between two looks at the providers only the workers are looked at bin by bin. Compiled apart from
sim.pipeline.kernel; sim.pipeline.kernelrun has what becomes of the messages.
"""

from __future__ import annotations

from sim.pipeline.columns import BY_CLASS, ENDS, UNSAFE, USUAL
from sim.pipeline.kernelcache import part
from sim.pipeline.kernellimits import breaker_note_run, breaker_rests
from sim.pipeline.kernelparts import light_wait, turn_below_bin, with_turn_below_bin
from sim.pipeline.kernelrows import TINY
from sim.pipeline.kernelspare import limit_note, limit_spare
from sim.pipeline.provisions import (
    ASKED_SHARE,
    ASKING,
    AT_ONCE,
    BREAKER_FIGURES,
    BREAKER_STATE,
    BREAKS,
    BUDGET_MOST,
    BUDGET_SHARE,
    BUDGETED,
    DEFERS,
    GRANTED,
    KEPT,
    LIGHT_CHANCE,
    LIGHT_S,
    MAIL_BIN,
    MAIL_FIRSTS,
    MAIL_SHARE,
    OUT,
    PACE_ROW,
    SAVED,
    STANDBY,
    TOLD_S,
    TURN_FROM_S,
    TURN_TO_S,
)
from sim.pipeline.state import Floats, Plan, State, Window
from sim.pipeline.steps import LOOK_FOR


def sure(
    plan: Plan, state: State, window: Window, step: int, t: int, at: int, row: int, _mass: float
) -> float:
    """LOOK_FOR: how many bins from `t` on, column `at` of State.ahead, `row` at most, are sure if the workers
    suffice and nobody comes back. TAKE_ALL: so many have passed."""
    classes, some = state.classes.shape[0], window.again != 0
    if step == LOOK_FOR:
        return float(_sure_bins(plan, state, t, at, row, some))
    _note_waits(plan, state, at, row)
    for v in range(plan.providers.shape[0]):
        asks = state.ahead[BY_CLASS + classes + v, at : at + row]
        if some:
            for k in range(row):
                asks[k] *= 1.0 - state.ahead[ENDS, at + k]
        if plan.providers[v, STANDBY] == 0.0:
            _take_all(plan, state, v, t, asks)
            _note_turns(plan, state, v, at, asks)
    return 0.0


@part
def _sure_bins(plan: Plan, state: State, t: int, at: int, most: int, some: bool) -> int:
    """How many bins; some: messages may come again, which have waited for more than time-outs."""
    n = 0
    while n < most and state.ahead[UNSAFE, at + n] == 0.0:
        if some and state.mixed[(t + n) % state.mixed.shape[0]] > 0.0:
            break
        n += 1
    for v in range(plan.providers.shape[0]):
        if n > 0 and plan.providers[v, STANDBY] == 0.0:
            row = BY_CLASS + state.classes.shape[0] + v
            n = _takes_all(plan, state, v, t, state.ahead[row, at : at + n])
    return n


@part
def _takes_all(plan: Plan, state: State, v: int, t: int, asks: Floats) -> int:
    """In how many bins from `t` on provider `v` surely takes all that asks, and at once."""
    figures, n = plan.providers[v], 0
    if figures[OUT] > 0.0 or (figures[PACE_ROW] >= 0.0 and figures[DEFERS] > 0.0):
        return 0
    breaker = state.providers[v, :BREAKER_STATE]
    if figures[BREAKS] > 0.0 and not breaker_rests(breaker, figures[:BREAKER_FIGURES], t * plan.bin_s):
        return 0
    while n < asks.shape[0] and (asks[n] > TINY or asks[n] == 0.0):
        n += 1
    for mailboxes in range(2):
        group = v + mailboxes * plan.providers.shape[0]
        for row in range(plan.limit_first[group], plan.limit_first[group + 1]):
            n = limit_spare(state.limits[row], plan.limit_figures[row], t, plan.bin_s, asks[:n])
    return n


@part
def _take_all(plan: Plan, state: State, v: int, t: int, asks: Floats) -> None:
    """Provider `v` took all that asked in the bins from `t` on, and its mailboxes did."""
    figures, own, last = plan.providers[v], state.providers[v], asks.shape[0] - 1
    if figures[BREAKS] > 0.0:
        breaker_note_run(own[:BREAKER_STATE], figures[:BREAKER_FIGURES], t, plan.bin_s, asks)
    for mailboxes in range(2):
        group = v + mailboxes * plan.providers.shape[0]
        for row in range(plan.limit_first[group], plan.limit_first[group + 1]):
            limit_note(state.limits[row], plan.limit_figures[row], t, plan.bin_s, asks)
    if figures[BUDGETED] > 0.0:
        firsts = 0.0
        for k in range(asks.shape[0]):
            firsts += asks[k]
        own[SAVED] = min(figures[BUDGET_MOST], own[SAVED] + figures[BUDGET_SHARE] * firsts)
        own[GRANTED] = 1.0
    own[ASKING], own[TOLD_S], own[ASKED_SHARE], own[AT_ONCE] = asks[last], 0.0, 1.0, 1.0
    if figures[DEFERS] > 0.0:
        own[MAIL_SHARE], own[MAIL_FIRSTS], own[MAIL_BIN] = 1.0, 1.0, t + last


@part
def _note_waits(plan: Plan, state: State, at: int, n: int) -> None:
    """Into State.met: the waits below a bin that the classes meet in these columns of State.ahead."""
    classes = state.classes.shape[0]
    for k in range(at, at + n):
        above, total, usual = 0.0, 0.0, state.ahead[USUAL, k]
        for p in range(classes):
            total += state.ahead[BY_CLASS + p, k]
        for p in range(classes):
            load = state.ahead[BY_CLASS + p, k]
            if load > 0.0:
                cell, chance = light_wait(plan, above / usual, load / usual, total / usual)
                for v in range(plan.providers.shape[0]):
                    if plan.providers[v, STANDBY] == 0.0:
                        state.met[v, p, 0, k], state.met[v, p, 1, k] = cell, chance
            above += load


@part
def _note_turns(plan: Plan, state: State, v: int, at: int, asks: Floats) -> None:
    """The waits for a turn in the own queue of provider `v`, which nobody holds up for a bin, go with those
    in these columns of State.met."""
    figures, own = plan.providers[v], state.providers[v]
    if figures[PACE_ROW] < 0.0:
        return
    rate = plan.limit_figures[int(figures[PACE_ROW]), 0]
    own[KEPT], own[TURN_FROM_S], own[TURN_TO_S] = 1.0, 0.0, 0.0
    for k in range(asks.shape[0]):
        own[LIGHT_S], own[LIGHT_CHANCE] = turn_below_bin(rate, plan.bin_s, asks[k])
        for p in range(state.classes.shape[0]):
            met = state.met[v, p]
            if asks[k] > 0.0 and state.ahead[BY_CLASS + p, at + k] > 0.0:
                cell, chance = with_turn_below_bin(
                    own[LIGHT_S], own[LIGHT_CHANCE], int(met[0, at + k]), float(met[1, at + k])
                )
                met[0, at + k], met[1, at + k] = cell, chance
