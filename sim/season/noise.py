"""How far demand strays from its mean: slowly, by minutes, and message by message."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sim.season.timetable import MINUTE_S

MANY = 1000.0
"""Messages a grain from which the number is drawn from the normal distribution."""

Floats = npt.NDArray[np.float64]


def wander(rng: np.random.Generator, minutes: int, deviation: float, correlation_s: float) -> Floats:
    """float64 (minutes,): factors with mean 1, standard deviation `deviation`, memory `correlation_s`.

    The beta-gamma autoregression (Lewis, McKenzie & Hugus, Stochastic Models 5, 1989): gamma distributed at
    every moment, correlation exp(-t / correlation_s). A deviation of 0 is a row of ones.
    """
    if deviation <= 0.0:
        return np.ones(minutes)
    shape = deviation**-2
    kept = max(math.exp(-MINUTE_S / correlation_s), 1e-12)
    shares = rng.beta(shape * kept, shape * (1.0 - kept), minutes).tolist()
    fresh = rng.gamma(shape * (1.0 - kept), 1.0, minutes).tolist()
    level, levels = float(rng.gamma(shape)), []
    for share, added in zip(shares, fresh, strict=True):
        level = share * level + added
        levels.append(level)
    return np.array(levels) / shape


def scattered(
    rng: np.random.Generator, expected: Floats, grain_edges_s: Floats, edges_s: Floats
) -> npt.NDArray[np.int64]:
    """int64 (bins,): independent messages (a Poisson process), `expected` (grains,) in each grain of time.

    A grain's number is drawn first and then scattered over the bins within it, so that the season's total
    does not depend on the bins.
    """
    totals = independent(rng, expected)
    if np.array_equal(grain_edges_s, edges_s):
        return totals
    cuts = np.union1d(grain_edges_s, edges_s)
    begins = cuts[:-1]
    grain = np.searchsorted(grain_edges_s, begins, side="right") - 1
    pieces = totals if len(begins) == len(totals) else _pieces(rng, totals, grain, np.diff(cuts))
    bins = np.searchsorted(edges_s, begins, side="right") - 1
    return np.bincount(bins, weights=pieces, minlength=len(edges_s) - 1).astype(np.int64)


def independent(rng: np.random.Generator, expected: Floats) -> npt.NDArray[np.int64]:
    """int64: Poisson numbers of these means; large ones by Cornish and Fisher's expansion from a normal.

    Its first three moments are the Poisson's; it costs a fifth, and a week has millions of them.
    """
    many = expected >= MANY
    if not many.any():
        return rng.poisson(expected)
    z = rng.standard_normal(expected.shape)
    large = np.rint(expected + np.sqrt(expected) * z + (z * z - 1.0) / 6.0).astype(np.int64)
    return large if many.all() else np.where(many, large, rng.poisson(np.where(many, 0.0, expected)))


def _pieces(
    rng: np.random.Generator, totals: npt.NDArray[np.int64], grain: npt.NDArray[np.int64], lengths_s: Floats
) -> npt.NDArray[np.int64]:
    """int64 (pieces,): each grain's total drawn onto the pieces of time it is cut into, by their length."""
    first = np.searchsorted(grain, np.arange(len(totals)))
    place = np.arange(len(grain)) - first[grain]
    shares = np.zeros((len(totals), int(place.max()) + 1))
    shares[grain, place] = lengths_s
    return np.asarray(rng.multinomial(totals, shares / shares.sum(axis=1, keepdims=True))[grain, place])
