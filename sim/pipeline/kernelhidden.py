"""The cohort's workers that crash, and what they had in hand until it is visible again. Compiled into
sim.pipeline.kernelagain.
"""

from __future__ import annotations

from sim.pipeline.kernelcache import part
from sim.pipeline.kernelnoting import piece_moments
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
    WHOLE,
    WORKERS,
)
from sim.pipeline.state import (
    AGAIN_UNTIL,
    CALM,
    LEAST_S,
    MOST_S,
    STREAM,
    TRIES,
    Floats,
    Plan,
    State,
    Window,
)

_SOONER_S = 1e-9
"""What comes again was due so long before the bin at least."""
_SAME_S, _NEARLY = 1e-6, 1e-9
"""Waits, and shares, that are the same but for rounding."""


@part
def lost_share(plan: Plan, t: int) -> float:
    """Of what is taken in bin `t`, the share whose worker crashes or is taken by a fault."""
    ended = plan.again[LOST]
    if t < plan.losses.shape[0]:
        ended += (1.0 - ended) * plan.losses[t]
    return float(ended)


@part
def _workers(plan: Plan) -> float:
    return float(plan.capacity * plan.again[WORKERS])


@part
def man(plan: Plan, state: State, window: Window, t: int) -> None:
    """The capacity of bin `t` is that of the workers who are there and not away after a crash."""
    back = 1 + t % (state.down.shape[0] - 1)
    state.down[0] = max(0.0, state.down[0] - state.down[back])
    state.down[back] = 0.0
    workers = _workers(plan)
    if plan.again[CRASHES] > 0.0 and workers > 0.0:
        up = max(0.0, 1.0 - state.down[0] / workers)
        window.capacity[t - window.first_bin] *= plan.again[WHOLE] * plan.again[PRESENT] * max(up, 1e-9)


@part
def crash(plan: Plan, state: State, t: int, served: float) -> None:
    """So many workers crash in bin `t` as their services make expect."""
    if plan.again[CRASHES] <= 0.0:
        return
    there = max(0.0, _workers(plan) - state.down[0]) * plan.again[PRESENT]
    serving_s = min(served * plan.again[BUSY_S], there * plan.bin_s)
    crashed = plan.again[CRASHES] * serving_s
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
def hide(plan: Plan, state: State, t: int, piece: Floats, kind: int, mass: float) -> None:
    """`mass` of a piece is visible again when the time-out has passed, if the season lasts so long."""
    s, lag, later = int(piece[STREAM]), int(plan.again[LAG]), plan.again[NEXT]
    state.streams[s, AGAIN_UNTIL] = max(state.streams[s, AGAIN_UNTIL], t + lag + 1.0)
    if t + lag + 1 >= plan.bins or mass <= 0.0:
        return
    times, ring = _times(plan, piece), state.again.shape[0]
    if kind != LATE_ONES and 0 <= times < TIMES:
        state.recalled[s, times, (t + lag) % ring] += mass * (1.0 - later)
        state.recalled[s, times, (t + lag + 1) % ring] += mass * later
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
