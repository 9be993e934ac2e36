"""Variance-based sensitivity after Sobol: which input, alone and with all others, makes a figure vary.

Estimators of Saltelli et al. (2010) for the first order and of Jansen (1999) for the total effect; intervals
by resampling the points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 1000
CONFIDENCE = 0.95

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Points of the unit cube, float64 (points, inputs) each."""

    a: Floats
    b: Floats

    @property
    def mixed(self) -> Floats:
        """float64 (inputs, points, inputs): for every input `a` with its column of `b`."""
        mixed = np.repeat(self.a[None], self.a.shape[1], axis=0)
        for i in range(len(mixed)):
            mixed[i, :, i] = self.b[:, i]
        return mixed

    @property
    def rows(self) -> Floats:
        """float64 (points x (inputs + 2), inputs): all to be evaluated, in the order that `indices` takes."""
        inputs = self.a.shape[1]
        return np.concatenate((self.a, self.b, self.mixed.reshape(-1, inputs)))


@dataclass(frozen=True)
class Index:
    """A share of the variance and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Indices:
    """Of one input. first: what it explains alone; total: with all that it does together with others."""

    first: Index
    total: Index


def design(inputs: int, points: int, random: np.random.Generator) -> Design:
    """Scrambled Sobol points, `points` of them being a power of two."""
    from scipy.stats import qmc  # half a second

    both = qmc.Sobol(2 * inputs, scramble=True, seed=random).random_base2(points.bit_length() - 1)
    return Design(both[:, :inputs], both[:, inputs:])


def indices(figures: Floats, inputs: int, random: np.random.Generator) -> tuple[Indices, ...] | None:
    """The indices of every input from a figure at the design's rows, float64 (rows,); None for a constant."""
    told = figures.reshape(inputs + 2, -1)
    if np.ptp(told) <= 1e-12 * np.abs(told).max(initial=0.0):
        return None
    first, total = _estimates(told[:, None, :])
    drawn = random.integers(0, told.shape[1], (RESAMPLES, told.shape[1]))
    firsts, totals = _estimates(told[:, drawn])
    return tuple(
        Indices(_index(float(first[i, 0]), firsts[i]), _index(float(total[i, 0]), totals[i]))
        for i in range(inputs)
    )


def _estimates(told: Floats) -> tuple[Floats, Floats]:
    """float64 (inputs, samples) each, from (inputs + 2, samples, points): at a, at b, at each mixed one."""
    a, b, mixed = told[0], told[1], told[2:]
    both = np.concatenate((a, b), axis=-1)
    # a constant shift changes no index, and products of centred figures lose no digits
    middle, variance = both.mean(axis=-1, keepdims=True), both.var(axis=-1)
    variance = np.where(variance > 0.0, variance, np.nan)
    first = ((b - middle) * (mixed - a)).mean(axis=-1) / variance
    total = ((a - mixed) ** 2).mean(axis=-1) / (2.0 * variance)
    return first, total


def _index(value: float, resampled: Floats) -> Index:
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.nanquantile(resampled, (tail, 1.0 - tail))
    return Index(value, float(low), float(high))
