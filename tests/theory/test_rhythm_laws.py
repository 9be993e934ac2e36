"""Leads before busy workers of equal services, against trials of one service after the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from sim.pipeline.rhythmlaws import lead_in_rhythm, lead_of_clumps

Floats = npt.NDArray[np.float64]
WARM_SERVICES = 20


def ends(random: np.random.Generator, workers: int, thin: float, dense: float) -> Floats:
    """When in a service, in gaps of its ends, each worker ends: at a pace `dense`, then at one `thin`."""
    lasts = workers * (1.0 - thin) / (dense - thin)
    clumped = random.random(workers) < dense * lasts / workers
    at = random.random(workers)
    return np.sort(np.where(clumped, at * lasts, lasts + at * (workers - lasts)))


def passed(at: Floats, higher: float, asking: float, opens: float, services: int, seed: int) -> Floats:
    """int (2, 2): of the class and of all, how many asked and how many passed a bucket that is empty at first
    and gains `opens` a gap; whoever waits of the class is taken before the others at each end."""
    random, workers = np.random.default_rng(seed), len(at)
    gaps = np.diff(at, prepend=at[-1] - workers)
    came = random.poisson(higher * np.tile(gaps, services)).tolist()
    others = random.random(services * workers) < (asking - higher) / (1.0 - higher)
    here, opened, held = others.tolist(), (opens * gaps).tolist(), [False] * workers
    counts, waits, level, at_end = np.zeros((2, 2)), 0, 0.0, 0
    for service in range(services):
        for i in range(workers):
            waits += came[at_end]
            level += opened[i]
            if held[i] or here[at_end]:
                taken = level >= 1.0
                level -= taken
                if service >= WARM_SERVICES:
                    counts[1] += (1, taken)
                    counts[0] += (held[i], held[i] and taken)
            held[i] = waits > 0
            waits -= held[i]
            at_end += 1
    return counts


CREWS = [
    # workers, thin, dense, higher, asking, passes
    (12, 1.0, 1.0, 0.1, 1.0, 0.6),
    (12, 1.0, 1.0, 0.3, 0.7, 0.8),
    (40, 0.1, 1.3, 0.15, 1.0, 0.3),
    (24, 0.13, 2.0, 0.1, 0.7, 0.5),
    (8, 0.1, 1.8, 0.1, 1.0, 0.6),
]


@pytest.mark.parametrize("crew", CREWS, ids=str)
def test_of_a_class_passes_what_one_service_after_the_other_tells(
    crew: tuple[int, float, float, float, float, float],
) -> None:
    workers, thin, dense, higher, asking, passes = crew
    random = np.random.default_rng(workers)
    counts = np.zeros((2, 2))
    for seed in range(12):
        at = ends(random, workers, thin, dense) if dense > 1.0 else np.sort(random.random(workers) * workers)
        counts += passed(at, higher, asking, passes * asking, WARM_SERVICES + 4000 // workers, seed)
    of_class, of_all = counts[:, 1] / counts[:, 0]
    law = passes * (1.0 + lead_of_clumps(higher, asking, passes, float(workers), thin, dense))
    assert of_all == pytest.approx(passes, abs=0.01)
    assert of_class > passes * 1.05
    assert law == pytest.approx(of_class, abs=0.035), "0.01 by chance, and by crews that were drawn"


@pytest.mark.parametrize("asking", [1.0, 0.4])
@pytest.mark.parametrize("higher", [0.02, 0.2])
def test_where_hardly_any_pass_whoever_ends_first_after_a_message_opened_takes_it(
    higher: float, asking: float
) -> None:
    """Of what passes the class is r (1 + lead) / q: a queue of Poisson messages that any end shortens."""
    lead = (asking - higher) ** 2 / (asking - higher**2)
    assert lead_in_rhythm(higher, asking, 0.02, 1e9) == pytest.approx(lead, rel=0.04)


def test_one_worker_asks_in_even_gaps_and_no_class_leads() -> None:
    assert lead_in_rhythm(0.1, 1.0, 0.5, 1.0) == 0.0
    assert lead_of_clumps(0.1, 1.0, 0.5, 1.0, 0.0, 2.0) == 0.0


def test_no_class_of_equal_services_passes_more_than_all_of_it() -> None:
    for higher in (0.001, 0.05, 0.3, 0.6):
        for passes in (0.02, 0.1, 0.5, 0.9, 0.999):
            for thin, dense in ((0.0, 1.01), (0.0, 8.0), (0.3, 1.5), (0.9, 1.1)):
                lead = lead_of_clumps(higher, 0.7, passes, 30.0, thin, dense)
                assert lead >= 0.0
                assert passes * (1.0 + lead) <= 1.0 + 1e-9
