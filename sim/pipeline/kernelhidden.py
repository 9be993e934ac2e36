"""The cohort's workers that crash, and what they had in hand until it is visible again. Compiled into
sim.pipeline.kernelagain.
"""

from __future__ import annotations

import math

from sim.pipeline.columns import (
    AGAIN_UNTIL,
    AHEAD_UNTIL,
    CALM,
    LEAST_S,
    MOST_S,
    RECALLED_UNTIL,
    STREAM,
    TRIES,
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.kerneldraws import poisson
from sim.pipeline.kernelnoting import piece_moments
from sim.pipeline.kernelparts import present
from sim.pipeline.recalls import (
    BUSY_S,
    CRASHES,
    GONE_LAG,
    GONE_NEXT,
    LAG,
    LATE_ONES,
    LOST,
    NEXT,
    PRESENT,
    TIMEOUT_S,
    TIMES,
)
from sim.pipeline.state import Floats, Plan, State, Window

_OFTEN = 0.01
"""Where more services end in a crash, their number varies less than Poisson's: as a binomial one."""
_SOONER_S = 1e-9
"""What comes again was due so long before the bin at least."""
_SAME_S, _NEARLY = 1e-6, 1e-9
"""Waits, and shares, that are the same but for rounding."""


@inlined
def man(plan: Plan, state: State, window: Window, t: int) -> None:
    """The capacity of bin `t` is that of the workers who are there and not away after a crash."""
    back = 1 + t % (state.down.shape[0] - 1)
    state.down[0] = max(0.0, state.down[0] - state.down[back])
    state.down[back] = 0.0
    window.capacity[t - window.first_bin] *= present(plan, state)


@inlined
def crash(plan: Plan, state: State, window: Window, t: int, served: float) -> float:
    """Workers crash in bin `t`: a Poisson number of what their services make expect. Returns the share of
    what was served that they had in hand, or workers whom a fault takes."""
    ended, for_bins = 0.0, plan.again[PRESENT] > 0.0
    there = max(0.0, plan.workers - state.down[0])
    serving_s = there * plan.bin_s * (plan.again[PRESENT] if for_bins else 1.0)
    expected = plan.again[CRASHES] * min(served * plan.again[BUSY_S], serving_s)
    if expected > 0.0:
        sure = expected * plan.again[LOST] if plan.again[LOST] > _OFTEN else 0.0
        crashed = sure + poisson(expected - sure, window.draws[1, t - window.first_bin])
        ended = min(1.0, plan.again[LOST] * crashed / expected)
        if for_bins:
            _send_away(plan, state, t, min(crashed, 1.0 * math.ceil(there)))
    if t < plan.losses.shape[0]:
        ended += (1.0 - ended) * plan.losses[t]
    return float(ended)


@part
def _send_away(plan: Plan, state: State, t: int, crashed: float) -> None:
    """They are away from now on, for their restart and start-up."""
    ring, lag, later = state.down.shape[0] - 1, int(plan.again[GONE_LAG]), plan.again[GONE_NEXT]
    state.down[0] += crashed
    if lag + 2 < ring:
        state.down[1 + (t + lag + 1) % ring] += crashed * (1.0 - later)
        state.down[1 + (t + lag + 2) % ring] += crashed * later


@part
def recalled_wait_s(plan: Plan, times: int) -> float:
    """What messages have waited that were hidden so often, once at least, and waited for nothing else."""
    return float(
        max(plan.again[TIMEOUT_S], 0.5 * plan.bin_s + _SOONER_S) + (times - 1) * plan.again[TIMEOUT_S]
    )


@part
def _times(plan: Plan, piece: Floats) -> int:
    """How many times a piece was hidden that has waited for nothing else and asked nobody; -1 = it has."""
    if piece[TRIES] != 0.0:
        return -1
    if piece[CALM] >= 1.0 - _NEARLY:
        return 0
    times = round((piece[LEAST_S] - recalled_wait_s(plan, 1)) / plan.again[TIMEOUT_S]) + 1
    apart_s = abs(piece[LEAST_S] - recalled_wait_s(plan, times)) + piece[MOST_S] - piece[LEAST_S]
    return times if times > 0 and piece[CALM] <= _NEARLY and apart_s <= _SAME_S else -1


@part
def tell_hidden(plan: Plan, state: State, t: int) -> None:
    """What is hidden in bin `t` is visible again in bins that were looked ahead at."""
    state.marks[AHEAD_UNTIL] = min(state.marks[AHEAD_UNTIL], t + int(plan.again[LAG]))


@inlined
def hide_exactly(plan: Plan, state: State, t: int, s: int, times: int, mass: float) -> None:
    """Messages of lane `s` that were hidden `times` times and waited for nothing else are so once more, from
    bin `t` on."""
    lag, later, ring = int(plan.again[LAG]), plan.again[NEXT], state.recalled.shape[0]
    own = state.streams[s]
    own[AGAIN_UNTIL] = own[RECALLED_UNTIL + times] = max(own[AGAIN_UNTIL], t + lag + 1.0)
    if t + lag + 1 >= plan.bins:
        return
    at = (t + lag) % ring
    following = at + 1 if at + 1 < ring else 0
    state.recalled[at, s, times] += mass * (1.0 - later)
    state.recalled_for[at] = t + lag
    if later > 0.0:
        state.recalled[following, s, times] += mass * later
        state.recalled_for[following] = t + lag + 1


@part
def hide(plan: Plan, state: State, t: int, piece: Floats, kind: int, mass: float) -> None:
    """`mass` of a piece is visible again when the time-out has passed, if the season lasts so long."""
    s, lag, later, ring = int(piece[STREAM]), int(plan.again[LAG]), plan.again[NEXT], state.again.shape[0]
    times = _times(plan, piece)
    if kind != LATE_ONES and 0 <= times < TIMES:
        tell_hidden(plan, state, t)
        hide_exactly(plan, state, t, s, times, mass)
        return
    state.streams[s, AGAIN_UNTIL] = max(state.streams[s, AGAIN_UNTIL], t + lag + 1.0)
    if t + lag + 1 >= plan.bins or mass <= 0.0:
        return
    waited_s, square = piece_moments(piece)
    for step in range(2):
        share, at = mass * (later if step == 1 else 1.0 - later), t + lag + step
        cell = state.again[at % ring, s]
        # so that its delay is what it has waited and the time-out; due before its bin, as what comes again
        due_s = min(0.5 * plan.bin_s - plan.again[TIMEOUT_S] - waited_s, -_SOONER_S)
        cell[kind] += share
        cell[kind + 1] += share * due_s
        cell[kind + 2] += share * (due_s * due_s + square - waited_s * waited_s)
        cell[kind + 3] += share * piece[TRIES]
        state.mixed[at % ring] += share
