"""Laws of queue and workers that hold whatever the season and the policies: by hypothesis, as amounts.

Every run asserts conservation itself, window by window (sim.ledger)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.pipeline import OVERFLOWS
from sim import cohort
from sim.outcome import Outcome
from sim.progress import SILENT
from tests.sim.pipelines import scenario, stream, traffic

BINS = 90
STREAMS = [stream("sale", freshness_s=40.0), stream("code", priority="transactional")]
SYNC = {"name": "sync", "delay": {"median": "4s", "sigma": 1.0}, "to": ["sale"]}
seasons = st.lists(st.integers(0, 400), min_size=2 * BINS, max_size=2 * BINS)


def run(counts: list[int], workers: dict[str, Any], **parts: Any) -> Outcome:
    loaded = scenario(BINS, {"count": 5, "service_time": "50ms", **workers}, **parts)
    return cohort.run(loaded, traffic(STREAMS, np.array(counts).reshape(2, BINS)), 1, SILENT)[1]


def total(amounts: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.asarray(amounts.sum(axis=0, dtype=np.float64))


@settings(max_examples=12, deadline=None)
@given(
    counts=seasons,
    overflow=st.sampled_from(OVERFLOWS),
    bound=st.integers(1, 3000),
    workers=st.integers(1, 30),
    batch=st.integers(1, 9),
)
def test_a_bounded_queue_never_holds_more_than_its_bound_unless_it_spills(
    counts: list[int], overflow: str, bound: int, workers: int, batch: int
) -> None:
    queue = {"bound": bound, "overflow": overflow}
    outcome = run(counts, {"count": workers, "batch": batch}, queue=queue, upstream=[SYNC])
    if overflow == "spill":
        assert total(outcome.rejected).sum() == total(outcome.failed).sum() == 0.0
    else:
        assert total(outcome.backlog).max() <= bound + 0.01


@settings(max_examples=10, deadline=None)
@given(counts=seasons, batch=st.integers(1, 6), more=st.integers(1, 6))
def test_greater_batches_never_lengthen_the_backlog(counts: list[int], batch: int, more: int) -> None:
    few, many = (run(counts, {"batch": n}) for n in (batch, batch + more))
    assert (total(many.backlog) <= total(few.backlog) + 0.01).all()


@settings(max_examples=10, deadline=None)
@given(counts=seasons, workers=st.integers(1, 15), more=st.integers(1, 15), bound=st.integers(1, 2000))
def test_more_workers_never_lengthen_what_waits_before_a_queue_that_spills(
    counts: list[int], workers: int, more: int, bound: int
) -> None:
    streams = {"queue": {"bound": bound, "overflow": "spill"}}
    few, many = (run(counts, {"count": n}, **streams) for n in (workers, workers + more))
    gone = [total(o.delivered + o.expired).cumsum() for o in (few, many)]
    assert (gone[1] >= gone[0] - 0.01 - total(few.under_way)).all()
