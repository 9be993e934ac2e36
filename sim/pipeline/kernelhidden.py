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
    LOST,
    NEXT,
    PRESENT,
    TIMEOUT_S,
    WHOLE,
    WORKERS,
)
from sim.pipeline.state import STREAM, TRIES, Floats, Plan, State, Window


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
def hide(plan: Plan, state: State, t: int, piece: Floats, kind: int, mass: float) -> None:
    """`mass` of a piece is visible again when the time-out has passed, if the season lasts so long."""
    lag, later, ring = int(plan.again[LAG]), plan.again[NEXT], state.again.shape[0]
    if t + lag + 1 >= plan.bins or mass <= 0.0:
        return
    waited_s, square = piece_moments(piece)
    for step in range(2):
        share, at = mass * (later if step == 1 else 1.0 - later), t + lag + step
        cell = state.again[at % ring, int(piece[STREAM])]
        # so that its delay is what it has waited and the time-out; due before its bin, as what comes again
        due_s = min(0.5 * plan.bin_s - plan.again[TIMEOUT_S] - waited_s, -1e-9)
        cell[kind] += share
        cell[kind + 1] += share * due_s
        cell[kind + 2] += share * (due_s * due_s + square - waited_s * waited_s)
        cell[kind + 3] += share * piece[TRIES]
