"""Service times and batches: both resolutions alike, and the message resolution against theory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sim.traffic import Traffic
from tests.sim.pipelines import block, scenario, stream, traffic
from tests.theory.agreeing import disagreements
from tests.theory.test_queues import assert_inside, mean_delays_s

BINS = 300
SEEDS = (211, 212, 213)
STREAMS = [stream("sale"), stream("code", priority="transactional")]
MEASURED = {"distribution": "empirical", "quantiles": ["50ms", "60ms", "80ms", "100ms", "300ms"]}


def sale(rate: float, codes: float = 40.0) -> Traffic:
    return traffic(STREAMS, [block(rate, 10, 60, BINS, 1), block(codes, 0, BINS - 20, BINS, 2)])


@pytest.mark.parametrize(
    ("workers", "due"),
    [
        (MEASURED, sale(200)),
        (MEASURED | {"service_time": "20ms"}, sale(430)),
        ({"service_time": "100ms", "batch": 5}, sale(800)),
        ({"service_time": "1s", "batch": 20}, sale(600)),
        ({"service_time": "200ms", "batch": 4, "variation": 0.3}, sale(330, 100)),
    ],
    ids=["measured", "measured, scaled", "batches", "long batches", "small batches"],
)
def test_both_resolutions_tell_the_same_of_services(workers: dict[str, Any], due: Traffic) -> None:
    assert disagreements(scenario(BINS, {"count": 10, **workers}), due, SEEDS) == []


def waits_of_bulk_service_s(rate_per_s: float, service_s: float, batch: int) -> float:
    """Mean wait of M/D^[1,n]/1, which serves up to n that are there: the chain at its services' ends, solved.

    From q left behind: an empty system waits for one arrival and serves it; else min(q, n) are served.
    Rewards: the area under the queue from end to end; Little's law makes a wait of it.
    """
    states, load = 400, rate_per_s * service_s
    arrivals = np.array([math.exp(k * math.log(load) - load - math.lgamma(k + 1)) for k in range(states)])
    chain: npt.NDArray[np.float64] = np.zeros((states, states))
    for q in range(states):
        left = max(q - batch, 0)
        chain[q, left:] = arrivals[: states - left]
    chain /= chain.sum(axis=1, keepdims=True)
    share = np.linalg.matrix_power(chain, 4096)[0]
    left = np.maximum(np.arange(states) - batch, 0)
    area = float(share @ (service_s * left)) + rate_per_s * service_s**2 / 2.0
    return area / (service_s + float(share[0]) / rate_per_s) / rate_per_s


@pytest.mark.parametrize(("rate_per_s", "batch"), [(30.0, 1), (60.0, 4), (110.0, 4)])
def test_batches_wait_as_the_chain_of_bulk_service_says(rate_per_s: float, batch: int) -> None:
    workers = {"count": 1, "service_time": "20ms", "distribution": "deterministic", "batch": batch}
    exact = waits_of_bulk_service_s(rate_per_s, 0.02, batch)
    if batch == 1:
        assert exact == pytest.approx(0.6 * 0.02 / (2.0 * 0.4), rel=1e-6), "M/D/1"
    assert_inside(mean_delays_s(rate_per_s, 300, workers), 0.02 + exact)
