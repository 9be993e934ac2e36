"""Workers that stall for bins, as the cohort resolution counts them."""

from __future__ import annotations

import numpy as np
import pytest

from sim import cohort
from sim.pipeline.columns import STALL_SERVING, STALL_SHARES
from sim.pipeline.manning import figures_of
from sim.progress import SILENT
from sim.traffic import Traffic
from tests.sim.pipelines import scenario, stream, traffic

BINS = 600


def busy(stalls: dict[str, str]) -> tuple[Traffic, dict[str, object]]:
    """Twice what four workers carry, and these workers."""
    workers = {"count": 4, "service_time": "100ms", "distribution": "deterministic", "stalls": stalls}
    return traffic([stream("a")], [np.full(BINS, 80)]), workers


@pytest.mark.parametrize("length_s", [0.5, 1.0, 2.3, 7.0])
def test_a_stall_takes_a_worker_away_for_its_length(length_s: float) -> None:
    _, workers = busy({"rate": "3/min", "length": f"{length_s}s"})
    told = figures_of(scenario(BINS, workers).scenario.pipeline.workers, 4, 1.0)["stalls"]
    assert told[STALL_SHARES:].sum() == pytest.approx(length_s)
    assert (told[STALL_SHARES:] >= 0.0).all()
    assert told[STALL_SERVING] == pytest.approx(4.0 / (1.0 + 0.05 * length_s))


def test_short_stalls_are_part_of_the_services() -> None:
    _, workers = busy({"rate": "3/min", "length": "400ms"})
    assert not len(figures_of(scenario(BINS, workers).scenario.pipeline.workers, 4, 1.0)["stalls"])


def test_workers_that_stall_for_bins_carry_less_on_average_and_sometimes_nothing() -> None:
    due, workers = busy({"rate": "6/min", "length": "5s"})
    outcome = cohort.run(scenario(BINS, workers), due, 1, SILENT)[1]
    carried = outcome.total("delivered")[1:]
    assert carried.mean() == pytest.approx(40.0 / 1.5, rel=0.1)
    assert carried.max() == pytest.approx(40.0)
    assert carried.min() < 5.0


def test_the_windows_length_changes_no_stall() -> None:
    due, workers = busy({"rate": "6/min", "length": "5s"})
    one, other = (
        cohort.run(scenario(BINS, workers), due, 1, SILENT, window_bins=n)[1].total("delivered")
        for n in (7, 600)
    )
    assert np.allclose(one, other, rtol=1e-12)


def test_what_busy_workers_that_stall_carry_is_as_varied_as_their_renewals() -> None:
    """The fewer are left, the fewer begin to stall: each serves for an exponential time and is away for a
    fixed one, so what they carry has the variance of a renewal reward (Cox 1962); a Poisson stream's is 1.6
    times as wide. 40 seasons."""
    count, service_s, serves_s, away_s, first = 120, 0.1, 5.0, 3.0, 50
    told = {"count": count, "service_time": "100ms", "distribution": "deterministic"}
    loaded = scenario(300, {**told, "stalls": {"rate": "12/min", "length": "3s"}})
    due = traffic([stream("a")], [np.full(300, 2000)])
    carried = [
        float(cohort.run(loaded, due, seed, SILENT)[1].delivered[0, first:].sum()) for seed in range(40)
    ]
    lasts_s, cycle_s = 300 - first, serves_s + away_s
    assert np.mean(carried) == pytest.approx(count / service_s * serves_s / cycle_s * lasts_s, rel=0.01)
    strays = np.sqrt(count * lasts_s * (serves_s * away_s) ** 2 / cycle_s**3) / service_s
    assert np.std(carried, ddof=1) == pytest.approx(strays, rel=0.35)
