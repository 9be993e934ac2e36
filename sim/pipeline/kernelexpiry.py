"""What of a batch is too old when a worker gets to it. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

import math

from sim.pipeline.columns import (
    AGE_VAR,
    BANDS,
    DUE_S,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_PARCEL,
    FRESHNESS_S,
    LEFT,
    MASS,
    OWNER,
    STREAM,
    TRIES,
    VAR,
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.lines import BAND_EXPIRED
from sim.pipeline.state import Floats, Plan, State


@inlined
def too_old_share(t: int, bin_s: float, parcel: Floats, own: Floats, looked: bool) -> float:
    """Share of a parcel, or a piece, that is too old when a worker looks at it in bin `t`.

    own: the row of Plan.streams. looked: in the last bin one did, and took away what was too old then.
    """
    over_s, var = (t + 0.5) * bin_s - parcel[DUE_S] - own[FRESHNESS_S], parcel[VAR] + own[AGE_VAR]
    # no root where the age alone decides: it is at most its square and a quarter
    if over_s + bin_s + 3.0 * var + 0.25 <= 0.0:
        return 0.0
    half_s = math.sqrt(3.0 * var)
    share = _above(over_s, half_s)
    if looked and share < 1.0:
        before = _above(over_s - bin_s, half_s)
        share = (share - before) / (1.0 - before)
    return share


@part
def too_old_from(plan: Plan, parcel: Floats) -> float:
    """The first bin in which some of a parcel may be too old, give or take rounding: from then on
    `too_old_share` finds some, and `leave_too_old` tells its due times anew."""
    own = plan.streams[int(parcel[STREAM])]
    half_s = math.sqrt(3.0 * (parcel[VAR] + own[AGE_VAR]))
    return float(int((parcel[DUE_S] + own[FRESHNESS_S] - half_s) / plan.bin_s - 0.5 - 1e-6))


@inlined
def leave_too_old(t: int, bin_s: float, piece: Floats, own: Floats) -> None:
    """Tell the due times of a piece from which those are gone that `too_old_share` finds in bin `t`.

    Ages even between two ends now end at the freshness. Of that its due times make up the part that they have
    in the variance of ages; what is refused and comes back is looked at again by these.
    """
    over_s, var = (t + 0.5) * bin_s - piece[DUE_S] - own[FRESHNESS_S], piece[VAR] + own[AGE_VAR]
    if over_s + 3.0 * var + 0.25 <= 0.0:
        return
    half_s = math.sqrt(3.0 * var)
    if -half_s < over_s < half_s:
        cut_s = 0.5 * (over_s + half_s)
        piece[DUE_S] += cut_s * piece[VAR] / var
        piece[VAR] *= (1.0 - cut_s / half_s) ** 2


@part
def _above(mean: float, half: float) -> float:
    """Share of what is even between `mean` - `half` and `mean` + `half` that is above 0."""
    if mean >= half:
        return 1.0
    return 0.0 if mean <= -half else (mean + half) / (2.0 * half)


@part
def expire(
    plan: Plan, state: State, p: int, batch: Floats, t: int, j: int, expired: Floats, of: int
) -> tuple[float, float]:
    """Take out of a batch what is too old now that a worker looks at it; returns the messages left that are
    not, and those that are but lie mixed with them: these are found out with what is taken.

    expired: float64 (streams, n), column `j` counts. of: the column of State.parcels that is looked at: MASS,
    or a band's part of it, in which nothing lies mixed.
    """
    left, stale, looked = 0.0, 0.0, batch[LEFT] < 1.0
    for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
        parcel = state.parcels[p, i % state.parcels.shape[1]]
        own = plan.streams[int(parcel[STREAM])]
        apart = of != MASS or not is_mixed(plan, parcel, batch)
        share = too_old_share(t, plan.bin_s, parcel, own, looked and apart)
        if share > 0.0 and not apart:
            stale += parcel[MASS] * share
            left -= parcel[MASS] * share
        elif share > 0.0:
            gone = parcel[of] * share
            expired[int(own[OWNER]), j] += gone
            take_out(parcel, of, gone)
            state.waiting[p] -= gone
            if of != MASS:
                state.band_gone[BAND_EXPIRED, int(parcel[STREAM]), of - BANDS] += gone
        left += parcel[of]
    return max(0.0, left), stale


@part
def is_mixed(plan: Plan, parcel: Floats, batch: Floats) -> bool:
    """Whether a parcel's messages lie in their batch in another order than that of their due times."""
    return bool(parcel[TRIES] > 0.0 or parcel[DUE_S] < batch[ENTERED_BIN] * plan.bin_s)


@part
def take_out(parcel: Floats, of: int, gone: float) -> None:
    """So many messages leave a parcel: of all, or of one band."""
    parcel[of] -= gone
    if of != MASS:
        parcel[MASS] -= gone
