"""How long an answer and what follows it take: one law, drawn or laid on bins.

A delay is a sum of independent lognormals (`scenarios.season.Delay`; fixed where sigma is 0).
The message face draws it (`Drawn`). The cohort face lays it on bins (`Spread`): a density that is
constant between breakpoints, so that spreading costs breakpoints per bin whatever the delay's length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from scenarios.season import Delay

POINTS = 256
"""Equally probable points that stand for a delay's distribution."""
EARLY_SHARE = 0.01
"""Share of a delay's mass that `Spread` holds back until its first lag (see `spread`)."""
_MANY_POINTS = 1024
_PIECES = 40
_EXACT_LAGS = 64
_EARLIEST, _LATEST = -2.4, 2.9
_NORMAL = NormalDist()

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A delay on bins: share of the whole that falls due between two lags, in bins after its cause.

    lags: int64 (pieces + 1,), ascending, first >= 1. Piece k covers lags[k] <= lag < lags[k + 1]
    evenly; shares: float64 (pieces,), adds up to 1. The piece ends are exact quantiles; the last
    piece carries the tail (the latest 0.4 %) as well.
    """

    lags: npt.NDArray[np.int64]
    shares: Floats

    @property
    def jumps(self) -> Floats:
        """float64 (pieces + 1,): how the share per bin changes at each lag. Sums to 0."""
        heights = self.shares / np.diff(self.lags)
        return np.diff(np.concatenate(([0.0], heights, [0.0])))


def points(delays: Sequence[Delay], size: int = POINTS) -> Floats:
    """float64 (size,), ascending: equally probable values (s) of the sum of independent `delays`; to be read
    only."""
    return _points(tuple(delays), size)


@lru_cache(maxsize=256)  # every era of a season and every season of a search asks for the same
def _points(delays: tuple[Delay, ...], size: int) -> Floats:
    total = np.zeros(size)
    for delay in delays:
        own = delay.median * np.exp(delay.sigma * _normal(size))
        if not delay.sigma:
            total = total + delay.median
        elif total.any():
            total = np.sort(np.add.outer(total, own), axis=None).reshape(size, -1).mean(axis=1)
        else:
            total = own
    total.setflags(write=False)
    return total


def beyond(delays: Sequence[Delay], time_s: float) -> tuple[float, float]:
    """The share of the sum of independent `delays` that is longer than `time_s`, and how long the middle one
    of these is (s).

    Exact for one; of more the one that varies most is, and `points` stand for the sum of the others.
    """
    *others, widest = sorted(delays, key=lambda delay: delay.sigma if delay.median else 0.0)
    others_s = points(others, _MANY_POINTS)
    if not widest.sigma or not widest.median:
        return float((others_s + widest.median > time_s).mean()), time_s
    scores = [_score(widest, time_s - other_s) for other_s in others_s.tolist()]
    late = math.fsum(_NORMAL.cdf(-score) for score in scores) / len(scores)
    if not 0.0 < late < 1.0:
        return late, time_s
    middle = -_NORMAL.inv_cdf(late / 2.0)
    return late, max(time_s, float(others_s.mean()) + widest.median * math.exp(widest.sigma * middle))


def _score(delay: Delay, time_s: float) -> float:
    """By how many sigma a lognormal delay of this length is off its median."""
    return math.log(time_s / delay.median) / delay.sigma if time_s > 0.0 else -math.inf


@lru_cache
def _normal(size: int) -> Floats:
    """float64 (size,), ascending: equally probable standard normal values."""
    return np.array([_NORMAL.inv_cdf((i + 0.5) / size) for i in range(size)])


def spread(delays: Sequence[Delay], bin_s: float) -> Spread:
    """The sum of `delays` on bins of `bin_s`, for causes spread evenly over their bin.

    The first lag is at least 1, and no earlier than the quantile EARLY_SHARE: the earliest 1 % wait
    until there. That gives the cohort engine room to step by whole windows of that length.
    """
    in_bins = points(delays) / bin_s
    first = max(1, math.floor(float(np.quantile(in_bins, EARLY_SHARE))))
    lags = _breakpoints(in_bins, first)
    arrived = _arrived(in_bins, lags)
    arrived[0], arrived[-1] = 0.0, 1.0
    return Spread(lags, np.diff(arrived))


def _breakpoints(in_bins: Floats, first: int) -> npt.NDArray[np.int64]:
    last = max(first + 1, math.ceil(float(in_bins[-1])) + 1)
    if last - first <= _EXACT_LAGS:
        return np.arange(first, last + 1)
    shares = [_NORMAL.cdf(z) for z in np.linspace(_EARLIEST, _LATEST, _PIECES)]
    inner = np.round(np.quantile(in_bins, shares)).astype(np.int64)
    inner = inner[(inner > first) & (inner < last)]
    return np.unique(np.concatenate(([first], inner, [last])))


def _arrived(in_bins: Floats, lags: npt.NDArray[np.int64]) -> Floats:
    """P(U + delay <= lag) with U uniform over the cause's bin."""
    return np.asarray(np.clip(lags[:, None] - in_bins[None, :], 0.0, 1.0).mean(axis=1))


class Drawn:
    """Draws the sum of `delays` in seconds, one at a time."""

    def __init__(self, delays: Sequence[Delay], normal: Iterator[float]) -> None:
        self._fixed_s = sum(delay.median for delay in delays if not delay.sigma or not delay.median)
        self._random = [(math.log(d.median), d.sigma) for d in delays if d.sigma and d.median]
        self._normal = normal.__next__

    def __call__(self) -> float:
        total_s = self._fixed_s
        for mu, sigma in self._random:
            total_s += math.exp(mu + sigma * self._normal())
        return total_s
