"""What holds on every run, whatever chance did: the bound of a token bucket, Little's law, busy time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.catalogue import Loaded
from scenarios.providers import limit_of
from sim import histogram
from sim.outcome import Outcome
from sim.pipeline.limiter import Limiter
from sim.traffic import Traffic
from tests.sim.pipelines import scenario, stream, traffic
from tests.theory.stationary import by_cohort, by_message

BINS = 240
engines = pytest.mark.parametrize("run", [by_message, by_cohort])
Run = Callable[[Loaded, Traffic, int], Outcome]


def most_above(passed: npt.NDArray[np.float64], rate: float) -> float:
    """The most by which a span of bins of 1 s passed more than rate x its length, over every span."""
    above = np.concatenate(([0.0], np.cumsum(passed - rate)))
    return float((above - np.minimum.accumulate(above)).max())


def limited(counts: npt.NDArray[np.int64], rate: float, burst: float) -> tuple[Loaded, Traffic]:
    """Messages that ask a token bucket as soon as they are due, and often again."""
    provider = [{"name": "p", "channels": ["email"], "limits": [{"rate": f"{rate}/s", "burst": burst}]}]
    retries = {"attempts": 50, "backoff": "2s", "cap": "4s"}
    workers = {"count": 500, "service_time": "1ms"}
    loaded = scenario(len(counts), workers, provider=provider, retries=retries)
    return loaded, traffic([stream("a")], [counts])


@engines
@settings(max_examples=8)
@given(
    counts=st.lists(st.integers(0, 90), min_size=10, max_size=60),
    rate=st.integers(1, 50),
    burst=st.integers(1, 120),
)
def test_no_span_of_bins_passes_more_than_burst_and_rate(
    run: Run, counts: list[int], rate: int, burst: int
) -> None:
    loaded, due = limited(np.array(counts, dtype=np.int64), rate, burst)
    passed = np.asarray(run(loaded, due, 1).delivered[0], dtype=np.float64)
    assert most_above(passed, rate) <= burst + 1e-3 * (1.0 + rate), "and as many as float32 sums are off"


@given(
    gaps_s=st.lists(st.floats(0.0, 3.0) | st.just(0.0), min_size=1, max_size=150),
    rate=st.integers(1, 40),
    burst=st.integers(1, 60),
)
def test_no_span_between_two_admissions_passes_more_than_burst_and_rate(
    gaps_s: list[float], rate: int, burst: int
) -> None:
    limiter = Limiter([limit_of({"rate": f"{rate}/s", "burst": float(burst)})])
    asked_s = [now_s for now_s in accumulate(gaps_s) for _ in range(3)]
    moments_s = np.array([now_s for now_s in asked_s if limiter.admit(now_s) == 0.0])
    number = np.arange(len(moments_s))
    # messages first to last of every span: last - first + 1 <= burst + rate x (time between them)
    ahead = number - rate * moments_s
    assert (ahead - np.minimum.accumulate(ahead) + 1.0 <= burst + 1e-6).all()


def little(outcome: Outcome) -> tuple[float, float]:
    """Area under what is in the system at the ends of bins, and the sum of all delays, both in seconds."""
    inside = outcome.backlog.sum(axis=0, dtype=np.float64) + outcome.under_way.sum(axis=0, dtype=np.float64)
    delays_s = sum(histogram.mean(counts) * counts.sum() for counts in outcome.delay_counts if counts.sum())
    return float(inside.sum()) * outcome.bin_s, float(delays_s)


@engines
@settings(max_examples=8)
@given(
    rates=st.lists(st.integers(60, 300), min_size=20, max_size=60),
    count=st.integers(3, 8),
    distribution=st.sampled_from(["deterministic", "exponential", "lognormal"]),
    provider_delay=st.sampled_from([{}, {"median": "3s", "sigma": 0.5}]),
)
def test_littles_law_holds_on_every_drained_run(
    run: Run, rates: list[int], count: int, distribution: str, provider_delay: dict[str, Any]
) -> None:
    """Bins tell the area to within what half a message-bin of each message averages to; amounts to 0.05 bin
    of each, as far as both resolutions may differ."""
    counts = np.zeros((2, BINS), dtype=np.int64)
    counts[0, : len(rates)], counts[1, : len(rates)] = rates, [rate // 4 for rate in rates]
    workers = {"count": count, "service_time": "20ms", "distribution": distribution}
    provider = [{"name": "p", "channels": ["email"]} | ({"delay": provider_delay} if provider_delay else {})]
    due = traffic([stream("a"), stream("b", priority="transactional")], counts)
    outcome = run(scenario(BINS, workers, provider=provider), due, 1)
    left = float(outcome.backlog[:, -1].sum() + outcome.under_way[:, -1].sum())
    assert left < 0.5, "the run is drained"
    area, delays_s = little(outcome)
    unseen_s = 5.0 * float(np.sqrt(counts.sum() / 6.0)) if run is by_message else 0.05 * counts.sum()
    assert area == pytest.approx(delays_s, abs=unseen_s + 0.003 * delays_s)


def test_workers_are_busy_for_exactly_the_time_they_serve() -> None:
    """Little's law at the workers: the area under the number in service is calls x service time."""
    loaded = scenario(100, {"count": 4, "service_time": "50ms", "distribution": "deterministic"})
    counts = np.zeros((1, 100), dtype=np.int64)
    counts[0, 10:40] = 90
    outcome = by_message(loaded, traffic([stream("a")], counts), 1)
    assert outcome.backlog[0, -1] == 0.0, "the run is drained"
    assert outcome.busy_share[0].sum(dtype=np.float64) * 4 == pytest.approx(30 * 90 * 0.05, rel=1e-6)
