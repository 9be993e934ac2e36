"""How long a backlog takes to be gone once its surge is over: one number, and whether it is gone at all.

Of a backlog of a million messages one percent is nothing; of a hundred, ten more or less are chance. A number
of messages that come and go by themselves is as scattered as a Poisson count, so its square root is the
measure of chance beside the percent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHARE = 0.01
"""Of the rise: so near to the top is the top, so little left is nothing."""
TOP_DEVIATIONS, END_DEVIATIONS = 3.0, 1.0
"""And so many square roots of the rise: by which a level that lasts strays for minutes, and which is left of
hardly anything."""
GONE_FOR_S = 60.0
"""No more for so long: not every lull ends it."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Drain:
    """took_s: whole bins, 0 without a surge. ended: whether the backlog is gone before the season's end."""

    took_s: float
    ended: bool


def drain_of(backlog: Floats, bin_s: float) -> Drain:
    """How long a backlog, float64 (bins,), takes from its surge's end back to its usual level, the median.

    The rise is the greatest one above that. The surge ends in the last bin within 1 % or three square roots
    of the rise from its top: on a plateau, such as a full queue, where that ends and not where chance has it
    highest. The backlog is gone in the first bin from which on no more than 1 % or one square root of the
    rise stands above the usual level for a minute. A rise that is no more than chance is no surge. A backlog
    that is still there at the season's end counts until then.
    """
    usual = float(np.median(backlog)) if len(backlog) else 0.0
    rise = float(backlog.max(initial=0.0)) - usual
    near, little = (_slack(rise, deviations) for deviations in (TOP_DEVIATIONS, END_DEVIATIONS))
    if rise <= near:
        return Drain(0.0, True)
    top = int(np.flatnonzero(backlog >= usual + rise - near)[-1])
    more = np.concatenate(([0], np.cumsum(backlog[top:] > usual + little)))
    lasts = max(1, round(GONE_FOR_S / bin_s))
    ahead = np.minimum(np.arange(len(more)) + lasts, len(more) - 1)
    gone = int(np.argmax(more[ahead] == more))
    return Drain(gone * bin_s, top + gone < len(backlog))


def _slack(rise: float, deviations: float) -> float:
    return max(SHARE * rise, deviations * math.sqrt(max(0.0, rise)))
