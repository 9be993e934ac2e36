"""Chances in compiled code, against their laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats

from sim.pipeline.kernelcache import compiled
from sim.pipeline.kernelchances import binomial, chance_of

Floats = npt.NDArray[np.float64]
KEY, BINS, ROWS = 3_141_592_653, 4000, 25


@compiled
def _fill(key: int, found: Any) -> None:
    for t in range(found.shape[0]):
        for s in range(found.shape[1]):
            for which in range(found.shape[2]):
                found[t, s, which] = chance_of(key, t, s, which)


@compiled
def _draw(trials: int, share: float, chances: Any, found: Any) -> None:
    for i in range(found.shape[0]):
        found[i] = binomial(trials, share, chances[i, 0], chances[i, 1])


def chances(key: int = KEY) -> Floats:
    found = np.zeros((BINS, ROWS, 2))
    _fill(key, found)
    return found


def test_chances_are_even_and_know_nothing_of_their_neighbours() -> None:
    found = chances()
    assert found.min() > 0.0
    assert found.max() < 1.0
    assert scipy.stats.kstest(found.ravel(), "uniform").pvalue > 0.001
    for axis in range(3):
        before = np.take(found, range(found.shape[axis] - 1), axis).ravel()
        after = np.take(found, range(1, found.shape[axis]), axis).ravel()
        assert abs(np.corrcoef(before, after)[0, 1]) < 4.0 / np.sqrt(len(before))
        pairs = np.histogram2d(before, after, 16, [[0.0, 1.0]] * 2)[0]
        assert scipy.stats.chisquare(pairs.ravel()).pvalue > 0.001
    assert abs(np.corrcoef(found.ravel(), chances(KEY + 1).ravel())[0, 1]) < 4.0 / np.sqrt(found.size)


@pytest.mark.parametrize(
    ("trials", "share"), [(1, 0.3), (3, 0.5), (14, 0.27), (14, 0.9), (200, 0.01), (200, 0.995)]
)
def test_a_binomial_number_of_few_is_as_likely_as_its_law_says(trials: int, share: float) -> None:
    given = chances().reshape(-1, 2)
    found = np.zeros(len(given))
    _draw(trials, share, given, found)
    law = scipy.stats.binom(trials, share)
    numbers = np.arange(trials + 1)
    expected, counts = law.pmf(numbers) * len(found), np.bincount(found.astype(int), minlength=trials + 1)
    some = expected > 5.0
    assert (abs(counts - expected)[some] < 5.0 * np.sqrt(expected[some])).all()
    assert counts.sum() == len(found)
    assert found.max() <= trials


@pytest.mark.parametrize(("trials", "share"), [(100, 0.5), (1000, 0.04), (1000, 0.96), (100_000, 0.5)])
def test_a_binomial_number_of_many_has_the_moments_of_its_law(trials: int, share: float) -> None:
    given = chances().reshape(-1, 2)
    found = np.zeros(len(given))
    _draw(trials, share, given, found)
    mean, variance, skewness = (float(x) for x in scipy.stats.binom(trials, share).stats("mvs"))
    assert found.mean() == pytest.approx(mean, abs=4.0 * np.sqrt(variance / len(found)))
    assert found.var() == pytest.approx(variance, rel=0.03)
    assert scipy.stats.skew(found) == pytest.approx(skewness, abs=0.03)
