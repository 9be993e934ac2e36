"""Delays of equally probable points: the sum of two, and one laid on bins; an even delay laid on bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(3)


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


@lru_cache(maxsize=64)  # every era's plan asks for every provider's
def laid_evenly(least: float, most: float) -> Floats:
    """A delay (in bins) that is even between two ends, on bins, for causes even over their bin; to be read
    only.

    float64 (jumps, 4): lags of 1 or more, and there the jumps of the share of the causes that it ends for in
    a bin, of this share's sum of delays, and of their squares. Between two lags the share stays and each of
    its delays grows by a bin a bin. What would end in the bin of its cause ends in the next.
    """
    lags = np.arange(math.floor(least), math.ceil(most) + 1)
    sums = np.array([_ending(float(lag), least, most) for lag in lags])
    if lags[0] == 0:
        lags, sums = lags[1:], np.vstack((sums[:1] + sums[1:2], sums[2:]))
    older = sums @ np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]])
    jumps = np.vstack((sums, np.zeros(3))) - np.vstack((np.zeros(3), older))
    steady = (lags[1:] >= least + 2.0) & (lags[1:] <= most - 1.0)
    kept = np.concatenate(([True], ~steady, [True]))
    found = np.column_stack((np.append(lags, lags[-1] + 1.0), jumps))[kept]
    found.setflags(write=False)
    return found


def laid_from_causes(least: float, most: float) -> Floats:
    """The same, told of moments that many bins' causes share: float64 (jumps, 4), of the lag less the delay
    in the place of the delay, which does not grow; to be read only."""
    lags, shares, sums, squares = laid_evenly(least, most).T
    before = lags * shares - sums
    found = np.column_stack((lags, shares, before, lags * (lags * shares - 2.0 * sums) + squares))
    found.setflags(write=False)
    return found


def _ending(lag: float, least: float, most: float) -> Floats:
    """The share of even delays that end `lag` bins after their cause's, its sum of delays, of squares:

    a delay of d ends that late for 1 - |d - lag| of the causes. Cubics, of which three points tell all.
    """
    found = np.zeros(3)
    for begin, end in ((lag - 1.0, lag), (lag, lag + 1.0)):
        low, high = max(begin, least), min(end, most)
        if high > low:
            delays = 0.5 * (low + high) + 0.5 * (high - low) * _POINTS
            shares = _WEIGHTS * 0.5 * (high - low) * (1.0 - np.abs(delays - lag)) / (most - least)
            found += [shares.sum(), shares @ delays, shares @ delays**2]
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


def stacked(rows: Sequence[Floats]) -> Floats:
    """(rows, longest, columns), the shorter ones filled up with zeros."""
    columns = rows[0].shape[1] if rows else 2
    found = np.zeros((len(rows), max(map(len, rows), default=0), columns))
    for at, row in enumerate(rows):
        found[at, : len(row)] = row
    return found
