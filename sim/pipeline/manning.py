"""What a cohort plan says of the number of its workers."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from scenarios.pipeline import Workers
from sim.pipeline.staffing import Staffing
from sim.pipeline.state import REJECT, Floats, Plan
from sim.pipeline.workers import erlang_c, mean_s, spread

_UTILISATIONS = 513
_NOTHING = 1e-6
"""Messages a bin that a pipeline without workers serves: nothing, but not zero."""
_TRANSIENT = 1.13
"""A queue that starts empty and runs at full load for a bin has a mean of 0.53 sigma sqrt(bin) (reflected
Brownian
motion); the stationary mean sigma^2 / (2 drift) equals it at drift^2 = sigma^2 / (1.13 bin)."""


def manned(plan: Plan, workers: Workers, staffing: Staffing) -> Plan:
    """The plan with the workers there are now, and with a queue that has so much room, if any."""
    plan = plan._replace(bound=plan.bound * staffing.room_share)
    if staffing.is_open and staffing.available:
        return plan._replace(**figures_of(workers, staffing.available, plan.bin_s))
    if staffing.is_open:
        return plan._replace(capacity=_NOTHING)
    return plan._replace(capacity=_NOTHING, bound=0.0, overflow=REJECT)


def figures_of(workers: Workers, count: int, bin_s: float) -> dict[str, Any]:
    """What a plan says of `count` workers."""
    batch, kept_s, cv2 = workers.batch, mean_s(workers), spread(workers) ** 2
    capacity = min(count * batch * bin_s / kept_s, 1e18) if kept_s else 1e18
    return {
        "capacity": capacity,
        "residual_s": kept_s * (1.0 + batch * cv2) / 2.0 / count / batch,
        "unevenness": (1.0 + batch * cv2) / (_TRANSIENT * capacity),
        "busy_chance": _waiting(batch, count),
    }


@functools.lru_cache(maxsize=256)
def _waiting(batch: int, count: int) -> Floats:
    """As Plan.busy_chance. With batches of n all workers are busy from a utilisation of 1/n on; who waits
    before a message delays it only where more than n wait at once."""
    x = np.linspace(0.0, 1.0, _UTILISATIONS)
    behind = x ** (math.sqrt(batch) - 1.0)
    return np.array([erlang_c(np.minimum(1.0, batch * x), count), behind])
