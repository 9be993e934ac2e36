"""What of a batch is too old when a worker gets to it. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

import math

from sim.pipeline.kernelcache import part
from sim.pipeline.state import (
    AGE_VAR,
    DUE_S,
    END_PARCEL,
    FIRST_PARCEL,
    FRESHNESS_S,
    LEFT,
    MASS,
    STREAM,
    VAR,
    Floats,
    Plan,
    State,
)


@part
def expire(plan: Plan, state: State, p: int, batch: Floats, t: int, j: int, expired: Floats) -> float:
    """Take out of a batch what is too old now that a worker looks at it; returns the messages left.

    expired: float64 (S, n), column `j` counts.
    """
    left, now_s, looked = 0.0, (t + 0.5) * plan.bin_s, batch[LEFT] < 1.0
    for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
        parcel = state.parcels[p, i % state.parcels.shape[1]]
        s = int(parcel[STREAM])
        var = parcel[VAR] + plan.streams[s, AGE_VAR]
        over_s = now_s - parcel[DUE_S] - plan.streams[s, FRESHNESS_S]
        # no root where the age alone decides: it is at most its square and a quarter
        if over_s + plan.bin_s + 3.0 * var + 0.25 > 0.0:
            half_s = math.sqrt(3.0 * var)
            share = _above(over_s, half_s)
            if looked and share < 1.0:
                before = _above(over_s - plan.bin_s, half_s)
                share = (share - before) / (1.0 - before)
            gone = parcel[MASS] * share
            expired[s, j] += gone
            parcel[MASS] -= gone
            state.waiting[p] -= gone
        left += parcel[MASS]
    return left


@part
def _above(mean: float, half: float) -> float:
    """Share of what is even between `mean` - `half` and `mean` + `half` that is above 0."""
    if mean >= half:
        return 1.0
    return 0.0 if mean <= -half else (mean + half) / (2.0 * half)
