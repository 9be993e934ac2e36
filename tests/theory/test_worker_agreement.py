"""Service times and batches: both resolutions alike."""

from __future__ import annotations

from typing import Any

import pytest

from sim.traffic import Traffic
from tests.sim.pipelines import block, scenario, stream, traffic
from tests.theory.agreeing import disagreements

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
        pytest.param(MEASURED | {"service_time": "20ms"}, sale(430), marks=pytest.mark.torture),
        ({"service_time": "100ms", "batch": 5}, sale(800)),
        pytest.param({"service_time": "1s", "batch": 20}, sale(600), marks=pytest.mark.torture),
        ({"service_time": "200ms", "batch": 4, "variation": 0.3}, sale(330, 100)),
    ],
    ids=["measured", "measured, scaled", "batches", "long batches", "small batches"],
)
def test_both_resolutions_tell_the_same_of_services(workers: dict[str, Any], due: Traffic) -> None:
    assert disagreements(scenario(BINS, {"count": 10, **workers}), due, SEEDS) == []
