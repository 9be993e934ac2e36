"""Traffic: its file, its peak, its windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scenarios.problems import UserError
from sim.traffic import (
    Stream,
    Traffic,
    peak,
    peak_per_min,
    read_traffic,
    whole,
    window,
    with_triggered,
    worst_start,
    write_traffic,
)

FLASH = Stream("flash", "push", "flash", "marketing", 1800.0, "campaign")
CODES = Stream("codes", "sms", "codes", "transactional", 60.0, "background", tenant="shop", operation="event")


def traffic(counts: list[list[int]], bin_s: float = 1.0) -> Traffic:
    messages = np.array(counts, dtype=np.int64)
    offered = messages.sum(axis=1)
    return Traffic(
        streams=(FLASH, CODES)[: len(counts)],
        starts_at=datetime(2026, 11, 11, tzinfo=UTC),
        bin_s=bin_s,
        counts=messages,
        planned=offered * 2,
        suppressed=offered,
        seed=3,
        scenario="test",
    )


def test_traffic_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    before = traffic([[0, 5, 0, 7], [2**40, 0, 0, 0]], bin_s=0.5)
    write_traffic(before, tmp_path / "traffic.parquet")
    after = read_traffic(tmp_path / "traffic.parquet")
    assert after.counts.tolist() == before.counts.tolist()
    assert after.planned.tolist() == before.planned.tolist()
    assert after.suppressed.tolist() == before.suppressed.tolist()
    assert (after.streams, after.starts_at, after.bin_s) == (before.streams, before.starts_at, before.bin_s)
    assert (after.seed, after.scenario) == (before.seed, before.scenario)


@pytest.mark.parametrize("text", ["no parquet at all", ""])
def test_a_file_that_is_no_traffic_is_named_as_the_users_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes.txt").write_text(text)
    with pytest.raises(UserError, match="is no traffic file"):
        read_traffic(tmp_path / "notes.txt")


def test_a_parquet_of_something_else_is_no_traffic(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(UserError, match="is no traffic file"):
        read_traffic(tmp_path / "other.parquet")


def test_a_peak_may_begin_in_the_middle_of_a_minute() -> None:
    per_bin = np.zeros(180)
    per_bin[50:110] = 10.0
    assert peak(per_bin, 1.0).per_min == 600.0
    assert peak(per_bin, 1.0).start_s == 50.0


def test_bins_longer_than_a_minute_count_by_their_mean_rate() -> None:
    assert peak(np.array([0.0, 600.0]), 300.0).per_min == pytest.approx(120.0)


def test_a_season_shorter_than_a_minute_is_taken_at_its_mean_rate() -> None:
    assert peak(np.array([5.0, 5.0]), 5.0).per_min == pytest.approx(60.0)


def test_the_peak_is_of_all_streams_together() -> None:
    assert peak_per_min(traffic([[60] * 60, [30] * 60])) == 90.0 * 60


def test_a_window_keeps_its_own_messages_and_moves_its_start() -> None:
    part = window(traffic([[1, 2, 3, 4], [0, 0, 0, 0]]), 1.0, 2.0)
    assert part.counts.tolist() == [[2, 3], [0, 0]]
    assert part.starts_at == datetime(2026, 11, 11, tzinfo=UTC) + timedelta(seconds=1)
    assert (part.planned - part.suppressed).tolist() == [5, 0]
    assert part.suppressed.tolist() == [5, 0]


def test_the_worst_window_is_the_earliest_one_with_most_messages() -> None:
    assert worst_start(traffic([[1, 9, 9, 1, 9, 9]], bin_s=2.0), 4.0) == 2.0
    assert worst_start(traffic([[1, 2]]), 60.0) == 0.0


def test_expected_counts_become_whole_ones_without_losing_their_sum() -> None:
    expected = np.full((1, 1000), 0.3)
    assert whole(expected).sum() == 300
    assert set(whole(expected).ravel().tolist()) == {0, 1}


def test_triggered_sends_are_planned_and_offered_alike() -> None:
    added = with_triggered(traffic([[1, 0], [0, 0]]), [1], np.array([[1, 2]]))
    assert added.counts.tolist() == [[1, 0], [1, 2]]
    assert (added.planned - added.suppressed).tolist() == [1, 3]
