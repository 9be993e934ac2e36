"""Seasons in words, plots of block characters, the season over time."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import listings, timeline
from reports.findings import Findings
from reports.results import Results
from reports.sketch import columns, plot
from scenarios.catalogue import load, summaries
from sim.season.demand import base_traffic

CREW = (
    "pipeline.workers.batch=5",
    "pipeline.workers.stalls={rate='2/s', length='50ms'}",
    "pipeline.workers.autoscaling={most=9, on='utilisation', target=0.7}",
    "pipeline.workers.start_up=20s",
    "pipeline.queue={bound=500, overflow='spill'}",
    "fault=[{kind='worker-loss', from=2026-11-11T00:01:00, for='1min', share=0.25}]",
)


def test_the_list_has_one_line_a_scenario() -> None:
    lines = listings.scenario_list(summaries()).splitlines()
    assert len(lines) == len(summaries())
    assert any(line.startswith("smoke  ") for line in lines)


def test_a_season_is_told_with_its_volume_peak_causes_limits_and_objectives(results: Results) -> None:
    assert results.loaded is not None
    assert results.simulated is not None
    told = listings.season(results.loaded, results.simulated.traffic, 80)
    for part in (
        "18,185 offered", "Peak 8,100/min (135/s) at 00:01:30: flash-push 59.3 %, flash-email 33.3 %",
        "4 workers of 15 ms a message carry 267/s", "push-gateway (push): 200/s after a burst of 200",
        "season    fresh_share>=99%", "send API  p99<=250ms",
    ):  # fmt: skip
        assert part in told
    assert max(len(line) for line in told.splitlines() if "┤" in line) <= 80


def test_what_the_workers_do_and_what_breaks_is_told() -> None:
    told = listings.season(load("smoke", CREW), base_traffic(load("smoke", CREW), 1), 80)
    for part in (
        "queue of 500 messages (full: spill); 4 workers of 16.5 ms 5 messages carry 1,212/s",
        "workers stall at 2/s of service for 50 ms each",
        "autoscaled to 9 at most, for 70 % of their time used, looked at every 1 min, serving 20 s later",
        "2026-11-11 00:01:00 for 1 min: 25 % of the workers are lost",
    ):
        assert part in told


def test_a_season_without_messages_is_told_too(results: Results) -> None:
    assert results.loaded is not None
    assert results.simulated is not None
    traffic = results.simulated.traffic
    empty = type(traffic)(**{**vars(traffic), "counts": np.zeros_like(traffic.counts)})
    assert "Nothing is offered." in listings.season(results.loaded, empty, 80)


def test_a_simulated_season_is_told_with_its_objectives(findings: Findings) -> None:
    assert findings.season is not None
    told = listings.simulated(findings.season, findings.objectives)
    assert "delivered                            18,185 (100 %)" in told
    assert "holds  fresh_share>=99%  100 %" in told


@given(st.lists(st.floats(0.0, 1e9), min_size=1, max_size=300), st.integers(1, 200), st.integers(1, 20))
def test_a_plot_keeps_its_height_never_exceeds_its_width_and_never_loses_the_peak(
    values: list[float], width: int, height: int
) -> None:
    lines = plot(np.array(values), width=width, height=height)
    assert len(lines) == height + 1
    assert all(len(line) <= max(width, 12) for line in lines)
    assert ("█" in lines[0]) == (max(values) > 0.0)


def test_a_plot_stands_above_the_local_clock() -> None:
    start = datetime(2026, 11, 11, 8, tzinfo=UTC)
    lines = plot(np.ones(240), width=70, height=2, starts_at=start, step_s=60.0)
    assert lines[-1].split() == ["08:00", "08:30", "09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]


def test_columns_line_up() -> None:
    assert columns([("a", "1"), ("bb", "22")], right=(1,)) == ["a    1", "bb  22"]


@pytest.mark.parametrize(
    ("bins", "bin_s", "step_s"),
    [(600, 1.0, 5.0), (86400, 1.0, 60.0), (7 * 86400, 1.0, 600.0), (10, 1.0, 1.0), (24, 3600.0, 3600.0)],
)
def test_a_season_is_shown_in_steps_that_a_reader_knows(bins: int, bin_s: float, step_s: float) -> None:
    assert timeline._step_bins(bins, bin_s) * bin_s == step_s


def test_steps_lose_no_message_and_the_backlog_is_the_one_at_their_end(results: Results) -> None:
    assert results.simulated is not None
    outcome = results.simulated.outcome
    table = timeline.demand(outcome, "Asia/Singapore")
    assert sum(table.floats("offered")) * 5.0 / 60.0 == pytest.approx(outcome.offered.sum())
    assert table.floats("backlog")[-1] == pytest.approx(outcome.backlog[:, -1].sum(), abs=0.01)
    assert table.column("local time")[0] == "2026-11-11 00:00:00"
