"""The message resolution against closed forms, and the arithmetic of calibration against the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sim import histogram, message
from sim.pipeline.workers import erlang_c, serve
from sim.progress import SILENT
from tests.sim.pipelines import poisson, scenario, stream, traffic

REPLICATIONS = 8
T_999 = 5.408
"""Student's t, two-sided 99.9 %, 7 degrees of freedom."""


def mean_delays_s(rate_per_s: float, bins: int, workers: dict[str, Any]) -> npt.NDArray[np.float64]:
    """Mean sojourn of each replication; seeds are 0 to 7, chosen before the first run."""
    loaded = scenario(bins, workers)
    means = []
    for seed in range(REPLICATIONS):
        due = traffic([stream("a")], [poisson(rate_per_s, bins, seed)])
        _, outcome = message.run(loaded, due, seed, SILENT)
        means.append(histogram.mean(outcome.delay_counts[0]))
    return np.array(means)


def assert_inside(found: npt.NDArray[np.float64], exact: float) -> None:
    half = T_999 * found.std(ddof=1) / math.sqrt(len(found))
    assert abs(found.mean() - exact) <= half
    assert half < 0.12 * exact, "the interval is too wide to tell anything"


def test_mm1_sojourn_is_one_over_mu_minus_lambda() -> None:
    workers = {"count": 1, "service_time": "20ms", "distribution": "exponential"}
    assert_inside(mean_delays_s(30.0, 400, workers), 1.0 / (50.0 - 30.0))


def test_md1_waits_half_as_long_as_mm1() -> None:
    workers = {"count": 1, "service_time": "20ms", "distribution": "deterministic"}
    rho = 0.6
    assert_inside(mean_delays_s(30.0, 400, workers), 0.02 + rho * 0.02 / (2.0 * (1.0 - rho)))


def test_mmc_waits_as_erlang_says() -> None:
    workers = {"count": 5, "service_time": "100ms", "distribution": "exponential"}
    chance = float(erlang_c(np.array([0.8]), 5)[0])
    assert_inside(mean_delays_s(40.0, 300, workers), 0.1 + chance * 0.1 / (5 * 0.2))


@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0])
def test_served_schedules_wait_as_pollaczek_and_khinchine_say(variation: float) -> None:
    found = []
    for seed in range(REPLICATIONS):
        random = np.random.default_rng(seed)
        due_s = np.cumsum(random.exponential(1.0, 60_000))
        sigma2 = math.log1p(variation**2)
        service_s = 0.6 * random.lognormal(-sigma2 / 2.0, math.sqrt(sigma2), 60_000)
        started_s, _ = serve(due_s, service_s, 1)
        found.append(float((started_s - due_s).mean()))
    assert_inside(np.array(found), 0.6 * 0.6 * (1.0 + variation**2) / (2.0 * 0.4))


def test_workers_are_busy_for_exactly_the_time_they_serve() -> None:
    """Little's law at the workers: the area under the number in service is calls x service time."""
    loaded = scenario(100, {"count": 4, "service_time": "50ms", "distribution": "deterministic"})
    counts = np.zeros((1, 100), dtype=np.int64)
    counts[0, 10:40] = 90
    _, outcome = message.run(loaded, traffic([stream("a")], counts), 1, SILENT)
    assert outcome.backlog[0, -1] == 0.0, "the run is drained"
    assert outcome.busy_share[0].sum(dtype=np.float64) * 4 == pytest.approx(30 * 90 * 0.05, rel=1e-6)


def test_littles_law_holds_on_a_drained_run() -> None:
    """The area under what is in the system is the sum of all delays; it is known at the ends of bins."""
    loaded = scenario(400, {"count": 4, "service_time": "50ms", "distribution": "deterministic"})
    counts = np.zeros((1, 400), dtype=np.int64)
    counts[0, 10:110] = 120
    _, outcome = message.run(loaded, traffic([stream("a")], counts), 1, SILENT)
    assert outcome.backlog[0, -1] == 0.0
    area = float((outcome.backlog[0] + outcome.under_way[0]).sum(dtype=np.float64))
    assert area == pytest.approx(histogram.mean(outcome.delay_counts[0]) * 12_000, rel=0.004)
