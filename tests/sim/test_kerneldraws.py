"""Numbers drawn in compiled code, against their laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats

from sim.pipeline.kernelcache import compiled
from sim.pipeline.kerneldraws import MANY, poisson

Floats = npt.NDArray[np.float64]
NORMALS = np.random.default_rng(1).standard_normal(40_000)


@compiled
def _fill(means: Any, normals: Any, found: Any) -> None:
    for i in range(len(normals)):
        found[i] = poisson(means[i], normals[i])


def drawn(means: Floats, normals: Floats = NORMALS) -> Floats:
    found = np.zeros(len(normals))
    _fill(np.broadcast_to(means, len(normals)).copy(), normals, found)
    return found


@pytest.mark.parametrize("mean", [0.0, 1e-9, 0.03, 1.0, 7.5, 29.999, MANY, 55.5, 1e3, 1e6])
def test_a_poisson_number_is_the_quantile_that_its_normal_number_is(mean: float) -> None:
    found = drawn(np.array(mean))
    exact = scipy.stats.poisson(mean)
    chances = scipy.stats.norm.cdf(NORMALS)
    assert (exact.cdf(found) >= chances - 6e-5).all(), "no less"
    assert (exact.cdf(found - 1.0) <= chances + 6e-5).all(), "and no more"


def test_even_the_rarest_normal_numbers_give_a_number() -> None:
    normals = np.array([-8.5, -6.0, 6.0, 8.5])
    for mean in (0.0, 0.5, 29.0, 31.0, 1e4):
        found = drawn(np.array(mean), normals)
        assert (np.diff(found) >= 0.0).all()
        assert found[0] == 0.0 or mean > MANY
        assert np.isfinite(found).all()


def test_a_greater_mean_is_never_drawn_less() -> None:
    means = np.linspace(0.0, 2.0 * MANY, 4001)
    for normal in np.linspace(-3.5, 3.5, 15):
        assert (np.diff(drawn(means, np.full(len(means), normal))) >= 0.0).all()
