"""Figures while a replay runs, and the same attempts as Locust counts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.replay.fates import Fault, Reply
from loadtests.replay.live import Live
from loadtests.replay.rows import FIELDS, ROW, Columns, RawRows, Rows, columns
from loadtests.replay.schedule import constant
from loadtests.replay.tally import tallies

START_NS = 1_000_000_000
SCHEDULE = constant(1000.0, 1.0, batch=2)


def row(request: int, latency_ms: float, status: int = 202, reply: int = 1, fault: int = 0) -> list[int]:
    due_ns = START_NS + round(SCHEDULE.due_s[request] * 1e9)
    started_ns = 0 if fault in (Fault.DROPPED_NO_CONNECTION, Fault.DROPPED_RUN_ENDED) else due_ns + 2000
    ended_ns = due_ns + round(latency_ms * 1e6)
    told = [status, reply, fault, 2 if reply == 1 else 0, 3 if status else 0]
    return [request, 1, due_ns + 1000, started_ns, ended_ns, *told]


def block(*rows: list[int]) -> Columns:
    return columns(np.array(rows, dtype=np.int64), SCHEDULE, START_NS)


def mixed() -> Columns:
    return block(
        row(0, 10.0),
        row(1, 147.0),
        row(2, 3432.0, status=429, reply=Reply.LIMITED),
        row(3, 58_760.0, status=0, reply=Reply.NONE, fault=Fault.TIMEOUT),
        row(4, 30_000.0, status=0, reply=Reply.NONE, fault=Fault.DROPPED_NO_CONNECTION),
    )


def test_figures_count_each_kind_apart_and_failures_as_slow() -> None:
    live = Live(SCHEDULE)
    live.count(mixed())
    live.fold(mixed(), 1.0)
    figures = live.figures(1.0, in_flight=7, waiting=3)
    assert (figures.due, figures.started, figures.dropped) == (500, 11, 1)
    assert (figures.accepted, figures.limited, figures.errors) == (2, 1, 1)
    assert figures.target_per_s == pytest.approx(1000.0)
    assert figures.actual_per_s == pytest.approx(6.0)
    assert figures.lateness_s_p99 == pytest.approx(1e-6, rel=0.01)
    assert figures.latency_s_p50 == pytest.approx(3.432, rel=0.003)
    assert figures.latency_s_p99 == np.inf


def test_percentiles_forget_what_is_long_past() -> None:
    live = Live(SCHEDULE)
    live.fold(block(row(0, 9000.0)), 1.0)
    live.fold(block(row(1, 10.0)), 30.0)
    assert live.figures(30.0, 0, 0).latency_s_p99 == pytest.approx(0.010, rel=0.003)


def test_a_tally_counts_every_attempt_once_and_names_its_failure() -> None:
    (tally,) = tallies(mixed())
    assert (tally.requests, tally.without_time, tally.body_bytes) == (5, 1, 9)
    assert tally.response_times == {10: 1, 150: 1, 3400: 1, 59000: 1}
    assert tally.failures == {"limited (429)": 1, "timeout": 1, "dropped no connection": 1}
    assert (tally.min_ms, tally.max_ms) == (pytest.approx(10.0), pytest.approx(58_760.0))


def locusts_rounding(ms: float) -> int:
    """As documented for Locust's statistics: whole ms, two digits from 100 ms on, thousands from 10 s on."""
    for below, digits in ((100, 0), (1000, -1), (10_000, -2)):
        if ms < below:
            return int(round(ms, digits))
    return int(round(ms, -3))


@given(latencies_ms=st.lists(st.integers(2, 80_000_000), min_size=1, max_size=40))
def test_response_times_are_rounded_as_locust_rounds_them(latencies_ms: list[int]) -> None:
    times_ms = [us / 1000.0 for us in latencies_ms]
    (tally,) = tallies(block(*(row(request, ms) for request, ms in enumerate(times_ms))))
    assert sum(tally.response_times.values()) == len(times_ms)
    expected = sorted(locusts_rounding(ms) for ms in times_ms)
    found = sorted(ms for ms, times in tally.response_times.items() for _ in range(times))
    # A time in the middle between two steps may fall to either side after it went through float seconds.
    assert found == pytest.approx(expected, rel=0.11, abs=1)
    assert set(found) <= {step * 10**e for e in range(4) for step in range(101)} | {
        1000 * k for k in range(101)
    }


def test_rows_hand_over_a_full_block_by_themselves_and_the_rest_when_asked() -> None:
    blocks: list[RawRows] = []
    rows = Rows(blocks.append)
    for request in range(5000):
        rows.add(request, *range(1, FIELDS))
    assert [len(rows) for rows in blocks] == [4096]
    rows.flush()
    together = np.concatenate(blocks)
    assert together[:, 0].tolist() == list(range(5000))
    assert (together[:, 1:] == np.arange(1, FIELDS)).all()
    assert ROW.size == 8 * FIELDS
