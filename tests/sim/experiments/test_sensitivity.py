"""Sobol's indices: the estimators against a closed form and scipy's, a season against what it must be."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from scenarios.catalogue import Loaded, load
from scenarios.problems import UserError
from sim.experiments.document import sensitivity_document
from sim.experiments.sensitivity import CHANCE, ranges_of, sensitivity
from sim.experiments.sobol import design, indices
from sim.experiments.trials import Laboratory, seeds_of
from sim.experiments.vary import grid_of

COUNT, RATE = "pipeline.workers.count=5,9", "demand.noise=0,0.2"


def ishigami(unit: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The function of Ishigami and Homma (1990), a = 7, b = 0.1."""
    x = (2.0 * unit - 1.0) * math.pi
    told = np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    return np.asarray(told, dtype=np.float64)


def test_indices_of_ishigamis_function_are_those_of_its_closed_form() -> None:
    random = np.random.default_rng(1)
    found = indices(ishigami(design(3, 4096, random).rows), 3, random)
    assert found is not None
    exact = {"first": (0.3139, 0.4424, 0.0), "total": (0.5576, 0.4424, 0.2437)}
    for kind, values in exact.items():
        for each, value in zip(found, values, strict=True):
            index = getattr(each, kind)
            assert index.value == pytest.approx(value, abs=0.02)
            assert index.low - 0.01 <= value <= index.high + 0.01
            assert index.high - index.low < 0.15


def test_estimates_are_scipys() -> None:
    from scipy.stats import sobol_indices  # takes a second: only where it is asked

    drawn = design(3, 256, np.random.default_rng(2))
    by_scipy = sobol_indices(
        func={
            "f_A": ishigami(drawn.a)[None],
            "f_B": ishigami(drawn.b)[None],
            "f_AB": np.array([ishigami(one) for one in drawn.mixed])[:, None],
        },
        n=256,
    )
    found = indices(ishigami(drawn.rows), 3, np.random.default_rng(3))
    assert found is not None
    assert [each.first.value for each in found] == pytest.approx(by_scipy.first_order.ravel(), abs=1e-9)
    assert [each.total.value for each in found] == pytest.approx(by_scipy.total_order.ravel(), abs=1e-9)


@pytest.fixture(scope="module")
def season() -> Loaded:
    """Smoke with slow workers, who decide how long the queue gets."""
    return load("smoke", ["pipeline.workers.service_time=50ms", "bin=10s", "demand.noise=0.02"])


def test_a_headline_hangs_on_what_decides_it_and_on_nothing_else(season: Loaded) -> None:
    ranges = ranges_of(season, grid_of([COUNT]))
    found = sensitivity(season, ranges, seeds_of(season, None, 3), 8, Laboratory())
    assert found.simulated == 8 * 4, "a range, chance, and two"
    backlog = found.figures["backlog_max"].indices
    assert backlog is not None
    assert backlog["pipeline.workers.count"].total.value > 5.0 * backlog[CHANCE].total.value
    peak = found.figures["peak_offered_per_s"].indices
    assert peak is not None
    assert peak["pipeline.workers.count"].total.value < 0.05, "only by what late messages cause"
    assert peak[CHANCE].total.value > 0.5
    told = sensitivity_document(found)
    assert told["inputs"][0] == {"key": "pipeline.workers.count", "low": "5", "high": "9"}


def test_indices_are_equal_in_whatever_order_seasons_come_back(season: Loaded) -> None:
    """That processes and clusters tell the same numbers of a season, test_executors says."""
    ranges = ranges_of(season, grid_of([COUNT]))
    here = sensitivity(season, ranges, seeds_of(season, None, 1), 8, Laboratory())
    with ThreadPoolExecutor(2) as pool:
        there = sensitivity(season, ranges, seeds_of(season, None, 1), 8, Laboratory(executor=pool))
    assert sensitivity_document(there) == sensitivity_document(here)


def test_whole_numbers_stay_whole_and_fractions_fractions(season: Loaded) -> None:
    count, noise = ranges_of(season, grid_of([COUNT, RATE]))
    assert {count.setting(at / 10.0) for at in range(11)} == {
        f"pipeline.workers.count={n}" for n in range(5, 10)
    }
    assert noise.setting(0.25) == "demand.noise=0.05"


@pytest.mark.parametrize(
    ("texts", "because"),
    [
        ([], "needs inputs"),
        (["pipeline.workers.count=4,8,12"], "is no range"),
        (["pipeline.workers.count=9,4"], "LOW is not below HIGH"),
        (["pipeline.workers.count=4,x", "pipeline.workers.cuont=4,5"], r"(?s)is not a count.*cuont"),
        (["title=one,two"], "cannot be searched"),
    ],
)
def test_every_mistake_of_a_range_is_told(season: Loaded, texts: list[str], because: str) -> None:
    with pytest.raises(UserError, match=because):
        ranges_of(season, grid_of(texts))
