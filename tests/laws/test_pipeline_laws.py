"""Laws of the pipeline that hold whatever the season: by hypothesis, at cohort resolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import cohort
from sim.outcome import Outcome
from sim.progress import SILENT
from tests.sim.pipelines import scenario, stream, traffic

BINS = 90
STREAMS = [stream("sale"), stream("code", priority="transactional")]
seasons = st.lists(st.integers(0, 400), min_size=2 * BINS, max_size=2 * BINS)


def run(counts: list[int], workers: int, rate: int, **parts: Any) -> Outcome:
    """Two classes with these counts through some workers and one limit."""
    provider = [{"name": "p", "channels": ["email"], "limits": [{"rate": f"{rate}/s", "burst": rate}]}]
    loaded = scenario(BINS, {"count": workers, "service_time": "50ms"}, provider=provider, **parts)
    due = traffic(STREAMS, np.array(counts).reshape(2, BINS))
    return cohort.run(loaded, due, 1, SILENT)[1]


def total(backlog: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.asarray(backlog.sum(axis=0, dtype=np.float64))


@settings(max_examples=25, deadline=None)
@given(counts=seasons, workers=st.integers(1, 20), more=st.integers(1, 20))
def test_more_workers_never_lengthen_the_backlog(counts: list[int], workers: int, more: int) -> None:
    few, many = (run(counts, n, 1_000_000) for n in (workers, workers + more))
    assert (total(many.backlog) <= total(few.backlog) + 0.01).all()


@settings(max_examples=25, deadline=None)
@given(counts=seasons, rate=st.integers(10, 600), more=st.integers(1, 600))
def test_a_higher_limit_never_delays_a_class(counts: list[int], rate: int, more: int) -> None:
    """Workers in plenty, so that nothing else is in the way. By the end of every bin as many have arrived."""
    patient = {"retries": {"attempts": 100, "cap": "2s"}}
    low, high = (run(counts, 1000, r, **patient) for r in (rate, rate + more))
    for i in range(len(STREAMS)):
        arrived = [np.cumsum(o.delivered[i], dtype=np.float64) for o in (low, high)]
        assert arrived[1][-1] >= arrived[0][-1] - 1.0


@settings(max_examples=25, deadline=None)
@given(counts=seasons, workers=st.integers(1, 40), rate=st.integers(10, 600), bound=st.integers(0, 2000))
def test_fates_and_backlog_are_never_negative(counts: list[int], workers: int, rate: int, bound: int) -> None:
    outcome = run(counts, workers, rate, queue={"bound": bound}, retries={"attempts": 3})
    for amounts in (outcome.delivered, outcome.rejected, outcome.failed, outcome.limited, outcome.backlog):
        assert amounts.min() >= -1e-6
    assert outcome.delay_counts.min() >= 0.0
    if bound:
        in_service = workers * 1.0 + workers / 0.05
        assert total(outcome.backlog).max() <= bound + in_service + 1.0
