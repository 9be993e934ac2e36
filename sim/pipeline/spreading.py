"""A delay of equally probable points, laid on bins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def laid(in_bins: Floats, lags: npt.NDArray[np.int64]) -> Floats:
    """A delay (in bins) on bins, for causes even over their bin: float64 (lags, 2), lags and jumps.

    Between two lags the share per bin is even; at a lag it changes by its jump. What comes before the
    first lag waits until then; what comes after the last is dropped, for it is beyond the season.
    """
    arrived = np.clip(lags[:, None] - in_bins[None, :], 0.0, 1.0).mean(axis=1)
    arrived[0] = 0.0
    heights = np.diff(arrived) / np.diff(lags)
    return np.column_stack((lags, np.diff(heights, prepend=0.0, append=0.0)))
