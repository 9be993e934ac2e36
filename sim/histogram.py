"""Times in logarithmic bins, 400 a decade from 1 us to 10 days: addable, quantiles exact to 0.3 %.

Counts are float64 (BINS,). Bin 0 holds what is below 1 us (0 itself, above all), the last bin what is
beyond 10 days, infinity included. Counts of two histograms add up with `+`; weights may be fractions.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

PER_DECADE = 400
"""A bin's ends are 0.58 % apart, so its geometric centre is within 0.29 % of every value in it."""
_LEAST_S = 1e-6
_INNER = 4775
BINS = _INNER + 2
_SLOPE = PER_DECADE / math.log(10.0)
_OFFSET = 1.0 - math.log(_LEAST_S) * _SLOPE

Floats = npt.NDArray[np.float64]

EDGES: Floats = np.concatenate(([0.0], _LEAST_S * 10.0 ** (np.arange(_INNER + 1) / PER_DECADE), [np.inf]))
"""float64 (BINS + 1,), seconds: bin i holds EDGES[i] <= value < EDGES[i + 1]."""
CENTRES: Floats = np.concatenate(([0.0], np.sqrt(EDGES[1:-2] * EDGES[2:-1]), [np.inf]))
"""float64 (BINS,), seconds: what a value of the bin is taken for."""


def index(values_s: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The bin of each value; below 0 counts as 0. Raises ValueError for NaN."""
    values = np.asarray(values_s, dtype=np.float64)
    at = np.log(np.maximum(values, _LEAST_S / 2.0))
    at *= _SLOPE
    at += _OFFSET
    if np.isnan(at).any():
        raise ValueError("a time is NaN; leave out what never happened or count it as infinite")
    return np.clip(at, 0.0, BINS - 1.0, out=at).astype(np.int64)


def count(values_s: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """float64 (BINS,): how many values, or how much weight, fall into each bin."""
    at = index(values_s).ravel()
    heavy = None if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    return np.bincount(at, weights=heavy, minlength=BINS).astype(np.float64)


def quantile(counts: Floats, q: float) -> float:
    """The least time (s) that a share `q` of the values do not exceed, to 0.3 %. NaN when empty."""
    total = float(counts.sum())
    if total <= 0.0:
        return math.nan
    # a share of the total is rounded in its last digits; that must not push it into the next bin
    wanted = min(max(q * total * (1.0 - 1e-12), 0.0), total)
    at = int(np.searchsorted(np.cumsum(counts), wanted))
    if wanted == 0.0:
        at = int(np.flatnonzero(counts)[0])
    return float(CENTRES[min(at, BINS - 1)])


def mean(counts: Floats) -> float:
    """The mean time (s), to 0.3 %. NaN when empty, infinite when anything is beyond 10 days."""
    total = float(counts.sum())
    if total <= 0.0:
        return math.nan
    filled = counts > 0.0
    return float(counts[filled] @ CENTRES[filled]) / total


def share_below(counts: Floats, time_s: float) -> float:
    """Share of values <= `time_s`; the bin that `time_s` falls into is taken as even. NaN when empty."""
    total = float(counts.sum())
    if total <= 0.0:
        return math.nan
    at = int(index([time_s])[0])
    if at in (0, BINS - 1):
        return float(counts[: at + 1].sum()) / total
    inside = math.log(time_s / EDGES[at]) / math.log(EDGES[at + 1] / EDGES[at])
    below = float(counts[:at].sum()) + min(max(inside, 0.0), 1.0) * float(counts[at])
    return min(1.0, below / total)
