"""How long messages waited, and how many are in time: noted in tables. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from sim.pipeline.columns import (
    CALM,
    CELL,
    CHANCE,
    FRESHNESS_S,
    HELD_WAITS,
    LEAST_S,
    MOST_S,
    PROVIDER,
    SLOPES,
    WAITS,
    WHOSE,
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.lines import NOTED
from sim.pipeline.state import Floats, Plan, State

AT_DOOR, HELD_BACK = cast(int, np.int64(WAITS)), cast(int, np.int64(HELD_WAITS))
"""First rows of State.delays. As plain numbers they would be types of their own, and compiled once each."""

_FRESH_POINTS = 4


@inlined
def cell_of(plan: Plan, delay_s: float) -> int:
    """Bin of sim.histogram, as sim.histogram.index has it."""
    if delay_s < plan.edges_s[1]:
        return 0
    cell = int(math.log(delay_s) * plan.slope + plan.offset)
    return int(min(max(cell, 1), plan.edges_s.shape[0] - 2))


@part
def note_wait(plan: Plan, state: State, s: int, mass: float, piece: Floats, rows: int) -> None:
    """Add to the waits of stream `s`:

    a calm share that waits less than a bin, the rest evenly between two waits, in the table of its group if
    that is known. rows: AT_DOOR or HELD_BACK.
    """
    calm = mass * piece[CALM]
    waits, slopes = state.delays[rows + WAITS, s], state.delays[rows + SLOPES, s]
    if calm > 0.0:
        state.light[s, int(piece[CELL])] += calm * piece[CHANCE]
        waits[0] += calm * (1.0 - piece[CHANCE])
    rest = mass - calm
    if rest <= 0.0:
        return
    least_s, most_s = piece[LEAST_S], piece[MOST_S]
    if piece[WHOSE] >= 0.0:
        group = int(piece[WHOSE])
        state.group_told[NOTED, group, s] += rest
        waits, slopes = (
            state.group_delays[group, rows + WAITS, s],
            state.group_delays[group, rows + SLOPES, s],
        )
    low, high = cell_of(plan, least_s), cell_of(plan, most_s)
    _note(plan, waits, slopes, rest, (least_s, most_s, low, high))


@inlined
def _note(
    plan: Plan, waits: Floats, slopes: Floats, rest: float, span: tuple[float, float, int, int]
) -> None:
    """Add `rest` messages evenly between two waits, whose cells are told."""
    least_s, most_s, low, high = span
    if low == high:
        waits[low] += rest
        return
    density = rest / (most_s - least_s)
    waits[low] += density * (plan.edges_s[low + 1] - least_s)
    waits[high] += density * (most_s - plan.edges_s[high])
    if high > low + 1:  # what is added and taken away in one cell leaves rounding in all behind it
        slopes[low + 1] += density
        slopes[high] -= density


@inlined
def piece_moments(piece: Floats) -> tuple[float, float]:
    """Mean of a piece's wait and of its square."""
    middle_s, width_s = 0.5 * (piece[LEAST_S] + piece[MOST_S]), piece[MOST_S] - piece[LEAST_S]
    waits = 1.0 - piece[CALM]
    return waits * middle_s, waits * (middle_s * middle_s + width_s * width_s / 12.0)


@part
def share_below(points: Floats, time_s: float) -> float:
    """Share of ascending, equally probable points that are at most `time_s`."""
    low, high = 0, points.shape[0]
    while low < high:
        middle = (low + high) // 2
        if points[middle] <= time_s:
            low = middle + 1
        else:
            high = middle
    return float(low / points.shape[0])


@inlined
def landing_share(plan: Plan, t: int, v: int) -> float:
    """Share of what provider `v` takes in bin `t` that is delivered before the season's end."""
    points, left_s = plan.delay_points_s[v], (plan.bins - t - 0.5) * plan.bin_s
    return 1.0 if points[points.shape[0] - 1] <= left_s else share_below(points, left_s)


@inlined
def fresh_share(plan: Plan, s: int, piece: Floats) -> float:
    """Share of a piece that reaches the customer within its freshness if the provider takes it now."""
    points = plan.delay_points_s[int(plan.streams[s, PROVIDER])]
    freshness_s = plan.streams[s, FRESHNESS_S]
    if piece[MOST_S] + points[points.shape[0] - 1] <= freshness_s:
        return 1.0
    share = 0.0
    for i in range(_FRESH_POINTS):
        wait_s = piece[LEAST_S] + (i + 0.5) / _FRESH_POINTS * (piece[MOST_S] - piece[LEAST_S])
        share += share_below(points, freshness_s - wait_s) / _FRESH_POINTS
    return float(piece[CALM] * share_below(points, freshness_s) + (1.0 - piece[CALM]) * share)
