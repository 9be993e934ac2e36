"""The backlog of a bin: the least that waits at any of its moments, told by both resolutions alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import cohort, message
from sim.pipeline.kernelcache import compiled
from sim.pipeline.kernelstanding import dip
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


@compiled
def _dip(up: float, down: float) -> float:
    return dip(up, down, 1.0, 0.0)


@pytest.mark.parametrize(("up", "down"), [(1, 1), (3, 0), (2, 5), (20, 20), (40, 40), (90, 60), (300, 100)])
def test_a_number_that_goes_up_and_down_dips_below_both_its_ends(up: int, down: int) -> None:
    random = np.random.default_rng(5)
    steps = np.repeat([1, -1], [up, down])
    paths = np.cumsum(random.permuted(np.tile(steps, (20_000, 1)), axis=1), axis=1)
    least = np.minimum(paths.min(axis=1), 0)
    below = min(0, up - down) - least
    chance = 4.0 * below.std() / np.sqrt(len(below))
    assert _dip(float(up), float(down)) == pytest.approx(
        below.mean(), abs=chance + 0.02 + 0.002 * (up + down) ** 0.5
    )


def test_codes_in_backoff_stand_as_low_and_as_high_as_message_by_message() -> None:
    """A bucket that passes two of three; a few codes among the messages of two workers who are never idle."""
    bins, seeds = 300, range(8)
    crew = {"count": 2, "service_time": "10ms", "distribution": "exponential"}
    provider = {"name": "p", "channels": ["email"], "limits": [{"rate": "133/s", "burst": 20}]}
    retries = {"attempts": 20, "backoff": "3s", "cap": "3s", "jitter": 0.5}
    loaded = scenario(bins, crew, provider=[provider], retries=retries)
    streams = [stream("sale"), stream("code", priority="transactional")]
    backlogs = {}
    for run in (message.run, cohort.run):
        told = []
        for seed in seeds:
            due = traffic(streams, [poisson(250.0, bins, seed), poisson(6.0, bins, 100 + seed)])
            told.append(run(loaded, due, seed, SILENT)[1].backlog[1, 60:])
        backlogs[run] = np.array(told)
    exact, found = backlogs[message.run], backlogs[cohort.run]
    assert found.mean() == pytest.approx(exact.mean(), rel=0.1), "0.04 by chance; without dips and leads 1.36"
    assert found.max(axis=1).mean() == pytest.approx(exact.max(axis=1).mean(), rel=0.12)
    assert found.std() == pytest.approx(exact.std(), rel=0.25)
