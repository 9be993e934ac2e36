"""Workers that stall for a bin or more: how many are gone, bin by bin. Compiled when a plan needs it."""

from __future__ import annotations

import math

from sim.pipeline.columns import (
    LEFT_OVER,
    STALL_RATE,
    STALL_SERVING,
    STALL_SHARES,
    STALL_WORKERS,
    STALLED,
    USED,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kerneldraws import poisson
from sim.pipeline.state import Floats, Plan, State, Window


@part
def _expected(figures: Floats, used: float, kept: float) -> float:
    """Stalls that begin in a bin on average, `kept` workers being kept but for them.

    Of workers who are always busy all who are kept serve, the fewer the more have stalled before and in this
    bin: so the number that stalls strays less than of a Poisson stream's. Others serve what there is to do.
    """
    if used >= 1.0:
        return float(-kept * math.expm1(-figures[STALL_RATE]))
    return float(figures[STALL_RATE] * min(used * figures[STALL_SERVING], kept))


def stall(
    plan: Plan, state: State, window: Window, _step: int, t: int, _at: int, _row: int, _mass: float
) -> float:
    """The share of the workers that do not stall in bin `t`: those that serve may begin to."""
    figures, gone, j = plan.stalls, state.stalled, t - window.first_bin
    workers, ring = figures[STALL_WORKERS], gone.shape[0] - STALLED
    if workers <= 0.0:
        return 1.0
    slot = STALLED + t % ring
    began = poisson(_expected(figures, gone[USED], max(0.0, workers - gone[slot])), window.draws[0, j])
    at = slot
    for k in range(STALL_SHARES, figures.shape[0]):
        gone[at] += began * figures[k]
        at = at + 1 if at + 1 < gone.shape[0] else STALLED
    lost, gone[slot] = min(workers, gone[slot]), 0.0
    left = 1.0 - lost / workers
    gone[LEFT_OVER] = left * workers / figures[STALL_SERVING]
    return float(left)
