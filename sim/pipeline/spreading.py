"""Delays of equally probable points: the sum of two, and one laid on bins."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def laid(in_bins: Floats, lags: npt.NDArray[np.int64]) -> Floats:
    """A delay (in bins) on bins, for causes even over their bin: float64 (lags, 2), lags and jumps; to be
    read only.

    Between two lags the share per bin is even; at a lag it changes by its jump. What comes before the
    first lag waits until then; what comes after the last is dropped, for it is beyond the season.
    """
    return _laid(in_bins.tobytes(), lags.tobytes())


@lru_cache(maxsize=256)  # eras differ in what one provider does
def _laid(points: bytes, ends: bytes) -> Floats:
    """The same of float64 and int64 values."""
    in_bins, lags = np.frombuffer(points), np.frombuffer(ends, dtype=np.int64)
    arrived = np.clip(lags[:, None] - in_bins[None, :], 0.0, 1.0).mean(axis=1)
    arrived[0] = 0.0
    heights = np.diff(arrived) / np.diff(lags)
    found = np.column_stack((lags, np.diff(heights, prepend=0.0, append=0.0)))
    found.setflags(write=False)
    return found


def summed(first: Floats, second: Floats) -> Floats:
    """Equally probable points of the sum of two independent times; to be read only."""
    return _sum_of(first.tobytes(), second.tobytes())


@lru_cache(maxsize=64)  # eras differ in what one provider does
def _sum_of(first: bytes, second: bytes) -> Floats:
    """The same of float64 values."""
    own, other = np.frombuffer(first), np.frombuffer(second)
    if other[0] == other[-1]:
        found = np.asarray(own + other[0])
    else:
        found = np.asarray(np.sort(np.add.outer(own, other), axis=None).reshape(len(own), -1).mean(axis=1))
    found.setflags(write=False)
    return found
