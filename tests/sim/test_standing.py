"""The backlog of a bin: the least that waits at any of its moments, told by both resolutions alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import cohort, message
from sim.progress import SILENT
from sim.standing import Happened, least, lesser_end
from tests.sim.pipelines import poisson, scenario, stream, traffic

both = pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])

waits = st.lists(st.tuples(st.integers(0, 1), st.floats(0.0, 3.9), st.floats(0.0, 2.0)), max_size=30)


def as_happened(rows: list[tuple[int, float]]) -> Happened:
    return np.array([s for s, _ in rows], dtype=np.int64), np.array([at_s for _, at_s in rows])


@given(waits)
def test_the_least_over_a_bin_is_found_as_by_looking_at_every_moment(
    rows: list[tuple[int, float, float]],
) -> None:
    """Bins of 1 s, and a stay from `came` until `came + stayed` for every row."""
    bins, now_s = 4, np.sort(np.array([0.0, *(t for _, a, b in rows for t in (a, a + b))]))
    came, went = [(s, a) for s, a, _ in rows], [(s, a + b) for s, a, b in rows if a + b < bins]

    def waiting(stream: int, at_s: float) -> int:
        return sum(s == stream and a <= at_s < a + b for s, a, b in rows)

    ends = np.array([[waiting(s, np.nextafter(j + 1.0, 0.0)) for j in range(bins)] for s in (0, 1)])
    found = least(
        np.zeros(2), ends.astype(float), np.arange(bins + 1.0), ([as_happened(came)], [as_happened(went)])
    )
    for s in (0, 1):
        for j in range(bins):
            moments = [t for t in now_s if j <= t < j + 1]
            opening = 0 if j == 0 else ends[s, j - 1]
            assert found[s, j] == min([opening, ends[s, j], *(waiting(s, t) for t in moments)])


def test_amounts_that_change_evenly_stand_at_the_lesser_of_a_bins_ends() -> None:
    assert lesser_end(np.array([2.0]), np.array([[5.0, 3.0, 0.0, 1.0]])).tolist() == [[2.0, 3.0, 0.0, 0.0]]


@both
@pytest.mark.parametrize("load", [0.3, 0.7])
def test_workers_that_are_free_at_some_moment_of_every_bin_leave_no_backlog(run: Any, load: float) -> None:
    counts = poisson(load * 500.0, 120, 3)[None]
    crew = {"count": 5, "service_time": "10ms", "distribution": "exponential"}
    _, outcome = run(scenario(120, crew), traffic([stream("a")], counts), 3, SILENT)
    assert outcome.backlog.max(initial=0.0) == 0.0
    assert outcome.under_way.max() > 0.0, "with the workers"


@both
def test_a_backlog_that_grows_evenly_is_what_was_there_when_the_bin_began(run: Any) -> None:
    """200/s for workers that serve 100/s, for 20 s, and nothing for 40 s."""
    counts = np.where(np.arange(60) < 20, 200, 0)[None]
    crew = {"count": 1, "service_time": "10ms", "distribution": "deterministic"}
    _, outcome = run(scenario(60, crew), traffic([stream("a")], counts), 1, SILENT)
    grows, falls = 100.0 * np.arange(20), 2000.0 - 100.0 * (np.arange(40) + 1.0)
    expected = np.maximum(np.concatenate((grows, falls)), 0.0)
    assert outcome.backlog[0] == pytest.approx(expected, abs=12.0)
    whole = np.cumsum(outcome.offered[0] - outcome.delivered[0])
    assert outcome.backlog[0] + outcome.under_way[0] == pytest.approx(whole, abs=1e-3)
