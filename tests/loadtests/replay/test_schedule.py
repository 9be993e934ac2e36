"""Due times: exact numbers, exact thinning in expectation, batches that wait for their last message."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.replay.schedule import (
    Schedule,
    constant,
    from_traffic,
    read_schedule,
    slice_of,
    staircase,
    write_schedule,
)
from scenarios.problems import UserError
from sim.traffic import Stream, Traffic


def a_stream(name: str, priority: str = "marketing") -> Stream:
    return Stream(name, "email", "singles", priority, 3600.0, "campaign")  # type: ignore[arg-type] # a plain str


def traffic(*counts: list[int], priorities: tuple[str, ...] = (), bin_s: float = 10.0) -> Traffic:
    rows = np.array(counts, dtype=np.int64)
    kinds = priorities or ("marketing",) * len(counts)
    streams = tuple(a_stream(f"s{i}", kind) for i, kind in enumerate(kinds))
    none = np.zeros(len(counts), dtype=np.int64)
    return Traffic(
        streams, datetime(2026, 11, 11, tzinfo=UTC), bin_s, rows, rows.sum(axis=1), none, 1, "test"
    )


def whole(asked: Traffic, **changes: float) -> Schedule:
    options: dict[str, float] = {"start_s": 0.0, "duration_s": asked.counts.shape[1] * asked.bin_s, "seed": 1}
    return from_traffic(asked, **(options | changes))  # type: ignore[arg-type] # batch and seed are ints here


@given(rate=st.floats(0.5, 5000.0), duration_s=st.floats(0.01, 10.0), batch=st.integers(1, 1000))
def test_even_arrivals_carry_exactly_rate_times_duration_messages(
    rate: float, duration_s: float, batch: int
) -> None:
    schedule = constant(rate, duration_s, batch=batch)
    assert schedule.messages.sum() == int(np.floor(rate * duration_s + 1e-9))
    assert (np.diff(schedule.due_s) > 0).all()
    assert (schedule.due_s < duration_s + 1e-9).all()
    assert (schedule.messages[:-1] == batch).all()


def test_an_even_batch_is_due_with_its_last_message_and_waits_half_its_span_on_average() -> None:
    schedule = constant(10.0, 1.0, batch=5)
    assert schedule.due_s.tolist() == pytest.approx([0.45, 0.95])
    assert schedule.wait_s.tolist() == pytest.approx([0.2, 0.2])


def test_poisson_arrivals_have_the_rate_and_exponential_gaps() -> None:
    schedule = constant(1000.0, 60.0, arrivals="poisson", seed=3)
    gaps_s = np.diff(schedule.due_s)
    assert schedule.due_s.size == pytest.approx(60_000, abs=5 * np.sqrt(60_000))
    assert gaps_s.std() / gaps_s.mean() == pytest.approx(1.0, abs=0.03)


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another() -> None:
    first, again, other = (constant(100.0, 5.0, arrivals="poisson", seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.due_s, again.due_s)
    assert not np.array_equal(first.due_s[:100], other.due_s[:100])


def test_unthinned_traffic_is_replayed_message_for_message_in_its_own_bins() -> None:
    schedule = whole(traffic([3, 0, 7], [0, 5, 1]))
    for stream, counts in enumerate(([3, 0, 7], [0, 5, 1])):
        due_s = schedule.due_s[schedule.stream == stream]
        assert np.histogram(due_s, bins=[0, 10, 20, 30])[0].tolist() == counts
    assert (np.diff(schedule.due_s) >= 0).all()


def test_a_window_takes_only_what_is_due_inside_it() -> None:
    asked = traffic([1000, 1000, 1000])
    schedule = from_traffic(asked, start_s=5.0, duration_s=10.0, seed=4)
    assert schedule.messages.sum() == pytest.approx(1000, abs=5 * np.sqrt(500))
    assert schedule.due_s.min() >= 0.0
    assert schedule.due_s.max() < 10.0


def test_thinning_keeps_the_asked_share_in_expectation() -> None:
    asked = traffic([40, 3, 1])
    sums = [whole(asked, seed=seed, scale=0.5, share=0.2).messages.sum() for seed in range(2000)]
    assert np.mean(sums) == pytest.approx(4.4, abs=5 * np.sqrt(44 * 0.09 / 2000))


def test_a_scale_above_one_copies_messages() -> None:
    schedule = whole(traffic([100, 50]), scale=2.0)
    assert schedule.messages.sum() == 300


def test_compressed_traffic_keeps_its_messages_and_shortens_its_time() -> None:
    schedule = whole(traffic([10, 10]), compress=4.0)
    assert schedule.duration_s == 5.0
    assert schedule.messages.sum() == 20
    assert schedule.due_s.max() < 5.0


def test_batches_are_full_but_for_the_last_and_their_waits_are_their_messages_mean_waits() -> None:
    asked = traffic([25])
    alone, batched = whole(asked), whole(asked, batch=10)
    assert batched.messages.tolist() == [10, 10, 5]
    for index, cut in enumerate((slice(0, 10), slice(10, 20), slice(20, 25))):
        assert batched.due_s[index] == alone.due_s[cut].max()
        waits_s = alone.due_s[cut].max() - alone.due_s[cut]
        assert batched.wait_s[index] == pytest.approx(waits_s.mean(), abs=1e-5)


def test_transactional_messages_are_never_held_back_for_a_batch() -> None:
    schedule = whole(traffic([20], [20], priorities=("marketing", "transactional")), batch=10)
    assert (schedule.messages[schedule.stream == 1] == 1).all()
    assert schedule.messages[schedule.stream == 0].tolist() == [10, 10]


def test_a_stream_added_to_the_traffic_leaves_the_others_due_times_alone() -> None:
    alone, both = whole(traffic([50])), whole(traffic([50], [80]))
    assert np.array_equal(alone.due_s, both.due_s[both.stream == 0])


def test_the_workers_shares_are_the_schedule_and_nothing_twice() -> None:
    schedule = whole(traffic([100], [30]), batch=3)
    rebuilt = np.full(schedule.due_s.size, np.nan)
    for index in range(3):
        rebuilt[index::3] = slice_of(schedule, index, 3).due_s
    assert np.array_equal(rebuilt, schedule.due_s)


@settings(max_examples=20)
@given(counts=st.lists(st.integers(0, 30), min_size=1, max_size=5), batch=st.integers(1, 7))
def test_a_schedule_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], batch: int
) -> None:
    path = tmp_path_factory.mktemp("schedule") / "s.parquet"
    schedule = whole(traffic(counts, counts[::-1]), batch=batch, scale=0.9)
    write_schedule(schedule, path)
    back = read_schedule(path)
    for name in Schedule.__dataclass_fields__:
        ours, theirs = getattr(schedule, name), getattr(back, name)
        assert np.array_equal(ours, theirs), name
        assert getattr(ours, "dtype", None) == getattr(theirs, "dtype", None), name


def test_a_parquet_file_that_is_no_schedule_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"due_s": [1.0]}), path)
    with pytest.raises(UserError, match="is no schedule"):
        read_schedule(path)


def test_a_staircase_holds_each_rate_for_an_equal_part_with_exact_counts() -> None:
    steps = staircase((100.0, 200.0, 400.0), 30.0, batch=10)
    step = (steps.due_s // 10.0).astype(int)
    assert np.bincount(step, weights=steps.messages).tolist() == [1000, 2000, 4000]
    assert (np.diff(steps.due_s) > 0.0).all()
    assert (steps.duration_s, steps.wait_s.size) == (30.0, steps.due_s.size)
    assert staircase((100.0,), 3.0).origin == constant(100.0, 3.0).origin
