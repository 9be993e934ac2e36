"""The two resolutions on the same small seasons: delays, fates, greatest backlog, drain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scenarios.catalogue import Loaded
from sim import cohort, histogram, message
from sim.progress import SILENT
from sim.summary import summary
from sim.traffic import Traffic
from tests.sim.pipelines import scenario, stream, traffic

BINS = 300
SEEDS = (1, 2, 3)
STREAMS = [stream("sale"), stream("code", priority="transactional")]


def block(rate_per_s: float, first: int, last: int, seed: int) -> npt.NDArray[np.int64]:
    """Poisson counts at a rate between two bins, nothing elsewhere."""
    rates = np.where((np.arange(BINS) >= first) & (np.arange(BINS) < last), rate_per_s, 0.0)
    return np.random.default_rng(seed).poisson(rates)


def email(rate: str, burst: float, **delay: Any) -> list[dict[str, Any]]:
    """One provider for e-mail with one token bucket."""
    limits = [{"rate": rate, "burst": burst}]
    return [{"name": "p", "channels": ["email"], "limits": limits, **({"delay": delay} if delay else {})}]


def too_few_workers() -> tuple[Loaded, Traffic]:
    due = traffic(STREAMS, [block(500, 10, 60, 1), block(50, 0, BINS, 2)])
    return scenario(BINS, {"count": 10, "service_time": "50ms"}), due


def busy_workers() -> tuple[Loaded, Traffic]:
    due = traffic(STREAMS, [block(18, 0, BINS, 1), block(10, 0, BINS, 2)])
    return scenario(BINS, {"count": 2, "service_time": "50ms"}), due


def short_freshness() -> tuple[Loaded, Traffic]:
    due = traffic([stream("sale", freshness_s=30.0)], [block(500, 10, 60, 1)])
    return scenario(BINS, {"count": 10, "service_time": "50ms"}), due


def bounded_queue() -> tuple[Loaded, Traffic]:
    due = traffic(STREAMS, [block(500, 10, 60, 1), block(50, 0, BINS, 2)])
    return scenario(BINS, {"count": 10, "service_time": "50ms"}, queue={"bound": 2000}), due


def retry_storm() -> tuple[Loaded, Traffic]:
    due = traffic(STREAMS, [block(400, 10, 60, 1), block(50, 0, BINS, 2)])
    return scenario(BINS, {"count": 50, "service_time": "50ms"}, provider=email("150/s", 150)), due


def slow_provider() -> tuple[Loaded, Traffic]:
    due = traffic(STREAMS, [block(120, 10, 200, 1), block(50, 0, BINS, 2)])
    provider = email("200/s", 20, median="2s", sigma=0.8)
    return scenario(BINS, {"count": 20, "service_time": "20ms"}, provider=provider), due


def figures(told: dict[str, Any], i: int) -> dict[str, float]:
    """Delays and fates of one stream."""
    stream: dict[str, dict[str, float]] = told["streams"][i]
    return stream["delay_s"] | stream["messages"]


def allowed(name: str, referee: list[float], offered: float) -> float:
    """2 %, 0.05 bin, or as much as the referee's own seeds differ; fates: at least 0.2 % of all."""
    floor = 0.05 if name in ("mean", "p50", "p95", "p99") else 0.002 * offered
    return max(0.02 * abs(float(np.mean(referee))), floor, max(referee) - min(referee))


@pytest.mark.parametrize(
    "season",
    [too_few_workers, busy_workers, short_freshness, bounded_queue, retry_storm, slow_provider],
    ids=lambda season: season.__name__,
)
def test_both_resolutions_tell_the_same(season: Callable[[], tuple[Loaded, Traffic]]) -> None:
    loaded, due = season()
    referee = [summary(message.run(loaded, due, seed, SILENT)[1]) for seed in SEEDS]
    told = [summary(cohort.run(loaded, due, seed, SILENT)[1]) for seed in SEEDS]
    for i, each in enumerate(due.streams):
        exact, found = [figures(r, i) for r in referee], [figures(t, i) for t in told]
        for name in exact[0]:
            values, value = [e[name] for e in exact], np.mean([f[name] for f in found])
            spread = allowed(name, values, exact[0]["offered"])
            assert value == pytest.approx(np.mean(values), abs=spread), (each.name, name)
    for name in ("backlog_max", "drain_s"):
        values = [r[name] for r in referee]
        spread = max(0.02 * float(np.mean(values)), 1.0, float(np.ptp(values)))
        assert np.mean([t[name] for t in told]) == pytest.approx(np.mean(values), abs=spread), name


@pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
def test_what_comes_back_from_a_backoff_too_old_is_gone_and_what_is_left_of_it_younger(run: Any) -> None:
    due = traffic([stream("sale", freshness_s=40.0)], [block(300, 10, 60, 1)])
    loaded = scenario(BINS, {"count": 15, "service_time": "50ms"}, provider=email("80/s", 80))
    _, outcome = run(loaded, due, 1, SILENT)
    fresh, delivered = float(outcome.fresh[0].sum()), float(outcome.delivered[0].sum())
    assert outcome.expired[0].sum() > 0.3 * outcome.offered[0].sum()
    assert fresh / delivered > 0.99, "a service takes 50 ms of 40 s"
    assert histogram.quantile(outcome.delay_counts[0], 1.0) < 41.0, (
        "within the bin in which they were looked at"
    )
