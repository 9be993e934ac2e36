"""Both engines: fates, conservation, edges of bins and windows, stopping, seeds."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.catalogue import Loaded
from sim import cohort, message, outcomefile
from sim.closing import open_books
from sim.ledger import FAILED, OFFERED, QUANTITIES, ROWS, ConservationError
from sim.outcome import Outcome
from sim.pipeline.queues import Message
from sim.progress import SILENT, Interrupted, Silent
from sim.summary import summary
from sim.traffic import Stream, Traffic
from tests.sim.pipelines import poisson, scenario, stream, traffic

TIMES = ("wall_s", "cpu_s", "compile_s")

Run = Callable[..., tuple[Traffic, Outcome]]

both = pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
RESPONSE = {
    "open_share": 0.3,
    "click_share": 0.2,
    "purchase_share": 0.1,
    "bounce_share": 0.02,
    "delay": {"median": "20s", "sigma": 1.0},
    "act_delay": {"median": "10s"},
}
THANKS = {"name": "thanks", "channel": "email", "after": "open", "delay": {"median": "5s", "sigma": 0.5}}


def storm(bins: int = 200, **parts: Any) -> tuple[Loaded, Traffic]:
    """Two classes, overload, 429s, expiry, a full queue, bounces and triggered sends, all at once."""
    loaded = scenario(
        bins,
        {"count": 30, "service_time": "50ms"},
        provider=[
            {
                "name": "p",
                "channels": ["email"],
                "delay": {"median": "3s", "sigma": 1.0},
                "limits": [{"rate": "150/s", "burst": 150}, {"rate": "9k/min", "burst": 500}],
            }
        ],
        queue={"bound": 3000},
        retries={"attempts": 5},
        response={"email": RESPONSE},
        trigger=[THANKS],
        **parts,
    )
    thanks = Stream("thanks", "email", "thanks", "transactional", 60.0, "trigger")
    sale = np.where((np.arange(bins) >= 10) & (np.arange(bins) < 40), 500, 0)
    streams = [stream("sale", freshness_s=30.0), stream("code", priority="transactional"), thanks]
    return loaded, traffic(streams, [sale, poisson(30.0, bins, 3), np.zeros(bins)])


@both
def test_every_fate_happens_in_a_storm_and_all_messages_are_accounted_for(run: Run) -> None:
    loaded, due = storm()
    after, outcome = run(loaded, due, 1, SILENT)
    for quantity in ("delivered", "expired", "rejected", "failed", "limited"):
        assert getattr(outcome, quantity).sum() > 50, quantity
    assert after.counts[2].sum() > 100, "customers triggered sends"
    assert outcome.offered.sum(axis=1, dtype=np.float64) == pytest.approx(after.counts.sum(axis=1))
    gone = outcome.delivered + outcome.expired + outcome.rejected + outcome.failed
    backlog = np.cumsum(outcome.offered.astype(np.float64) - gone, axis=1)
    assert outcome.backlog + outcome.under_way == pytest.approx(backlog, abs=0.01)
    assert outcome.under_way.max() > 100, "the provider takes its time"
    assert outcome.accepted == pytest.approx(outcome.offered - outcome.rejected, abs=1e-3)
    assert (outcome.fresh <= outcome.delivered + 1e-4).all()
    assert outcome.busy_share.min() >= 0.0
    assert outcome.busy_share.max() <= 1.0
    assert outcome.stages == ("workers", "provider:p")


@both
def test_a_seed_fixes_every_number_and_another_changes_some(run: Run) -> None:
    loaded, due = storm(90)
    (first_due, first), (again_due, again), (_, other) = (
        run(loaded, due, seed, SILENT) for seed in (1, 1, 2)
    )
    assert np.array_equal(first_due.counts, again_due.counts)
    for field in fields(Outcome):
        if field.name not in (*TIMES, "file_cpu_s", "compile_cpu_s", "series"):
            same = np.array_equal(getattr(first, field.name), getattr(again, field.name))
            assert same, field.name
    for quantity in ROWS:
        assert np.array_equal(first.rows(quantity), again.rows(quantity)), quantity
    assert not np.array_equal(first.delivered, other.delivered)


@both
def test_messages_due_just_before_the_end_are_in_the_backlog_at_the_end(run: Run) -> None:
    counts = np.zeros((1, 61), dtype=np.int64)
    counts[0, -2] = 100
    _, outcome = run(
        scenario(61, {"count": 1, "service_time": "2s"}), traffic([stream("a")], counts), 1, SILENT
    )
    assert outcome.totals[OFFERED, 0] == 100
    assert outcome.backlog[0, -1] == pytest.approx(99, abs=0.6)
    assert outcome.under_way[0, -1] == pytest.approx(1, abs=0.6), "with the worker"


@both
def test_messages_on_their_way_to_the_customer_are_no_backlog_and_need_no_drain(run: Run) -> None:
    """Workers and limits in plenty, a provider that takes a minute."""
    slow = [{"name": "p", "channels": ["email"], "delay": {"median": "60s", "sigma": 0.5}}]
    loaded = scenario(200, {"count": 1000, "service_time": "10ms"}, provider=slow)
    _, outcome = run(loaded, traffic([stream("a")], [np.full(200, 50)]), 1, SILENT)
    told = summary(outcome)
    assert (round(told["backlog_max"]), told["drain_s"]) == (0, 0.0)
    assert outcome.under_way.max() > 2000
    assert told["messages"]["in_backlog"] == pytest.approx(float(outcome.under_way[0, -1]), abs=0.1)


@both
@pytest.mark.parametrize("bins", [1, 59, 60, 61, 601])
def test_a_season_of_any_number_of_bins_ends_complete(run: Run, bins: int) -> None:
    due = traffic([stream("a")], [np.full(bins, 3)])
    _, outcome = run(scenario(bins, {"count": 10, "service_time": "1ms"}), due, 1, SILENT)
    assert outcome.offered.shape == (1, bins)
    assert outcome.delivered.sum() == pytest.approx(3 * bins, abs=0.1)


@both
def test_a_season_without_messages_has_an_empty_outcome(run: Run) -> None:
    loaded = scenario(10, {"count": 1, "service_time": "1s"})
    _, outcome = run(loaded, traffic([stream("a")], np.zeros((1, 10))), 1, SILENT)
    assert outcome.totals.sum() == 0.0
    assert outcome.delay_counts.sum() == 0.0


@both
def test_a_message_without_attempts_left_has_failed(run: Run) -> None:
    loaded = scenario(
        120,
        {"count": 100, "service_time": "1ms", "distribution": "deterministic"},
        provider=[{"name": "p", "channels": ["email"], "limits": [{"rate": "1/h", "burst": 10}]}],
        retries={"attempts": 3, "backoff": "2s", "jitter": 0.0},
    )
    counts = np.zeros((1, 120), dtype=np.int64)
    counts[0, 5] = 50
    _, outcome = run(loaded, traffic([stream("a")], counts), 1, SILENT)
    assert outcome.delivered.sum() == pytest.approx(10, abs=0.1)
    assert outcome.totals[FAILED, 0] == pytest.approx(40, abs=0.1)
    assert outcome.attempts.sum() == pytest.approx(10 + 3 * 40, abs=0.5)
    assert outcome.failed[0, 11:13].sum() == pytest.approx(40, abs=0.1), "2 s + 4 s after it was due"


class _Stopping(Silent):
    def stopped(self) -> bool:
        return True


@both
def test_an_engine_that_is_asked_to_stop_leaves(run: Run) -> None:
    loaded, due = storm(90)
    with pytest.raises(Interrupted):
        run(loaded, due, 1, _Stopping())


@pytest.mark.parametrize("window_bins", [1, 7, 300])
def test_the_windows_length_changes_no_number(window_bins: int) -> None:
    loaded, due = storm()
    _, usual = cohort.run(loaded, due, 1, SILENT)
    _, other = cohort.run(loaded, due, 1, SILENT, window_bins=window_bins)
    for quantity in (*QUANTITIES, "backlog", "under_way", "delay_counts"):
        assert getattr(other, quantity) == pytest.approx(getattr(usual, quantity), rel=1e-6, abs=1e-6), (
            quantity
        )


def thanked(**parts: Any) -> tuple[Loaded, Traffic]:
    """Workers for all, and triggered sends."""
    loaded = scenario(
        300, {"count": 90, "service_time": "50ms"}, response={"email": RESPONSE}, trigger=[THANKS], **parts
    )
    thanks = Stream("thanks", "email", "thanks", "transactional", 60.0, "trigger")
    return loaded, traffic([stream("sale"), thanks], [np.full(300, 400), np.zeros(300)])


def test_sends_that_customers_trigger_come_as_much_later_as_a_stage_takes() -> None:
    """The stage before them is one for all, so they are the same sends, half a minute later."""
    held_up = thanked(upstream=[{"name": "approval", "to": ["thanks"], "delay": {"median": "30s"}}])
    _, early = cohort.run(*thanked(), 1, SILENT)
    sent, late = cohort.run(*held_up, 1, SILENT)
    assert late.offered[1, 31:] == pytest.approx(early.offered[1, 1:-30], abs=0.01)
    assert late.offered[1, :31].sum() == 0.0
    assert early.offered[1].sum() > 1000
    assert sent.planned[1] == pytest.approx(late.offered[1].sum(), abs=1.0)
    _, other = cohort.run(*held_up, 1, SILENT, window_bins=7)
    assert other.offered == pytest.approx(late.offered, rel=1e-6, abs=1e-6)


def test_the_windows_length_changes_no_draw_of_single_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    delays = [{"median": "3s", "sigma": 1.0}, {"median": "2s", "sigma": 0.5}]
    stages = [{"name": f"stage {i}", "delay": delay} for i, delay in enumerate(delays)]
    loaded, due = storm(90, upstream=stages)
    _, usual = message.run(loaded, due, 1, SILENT)
    for window_bins, quiet in ((7, 0), (600, 0)):
        monkeypatch.setattr(message, "WINDOW_BINS", window_bins)
        monkeypatch.setattr(message, "QUIET", quiet)
        _, other = message.run(loaded, due, 1, SILENT)
        for quantity in ROWS:
            assert np.array_equal(other.rows(quantity), usual.rows(quantity)), (window_bins, quantity)
        assert np.array_equal(other.delay_counts, usual.delay_counts)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), max_size=60))
def test_newcomers_of_one_moment_keep_their_order_on_any_machine(times_s: list[float]) -> None:
    stable = sorted(range(len(times_s)), key=times_s.__getitem__)
    assert message.in_order(np.array(times_s)).tolist() == stable


def test_messages_are_in_no_reference_cycle_so_that_none_need_be_searched_for() -> None:
    loaded, due = storm(40)
    gc.collect()
    gc.disable()
    try:
        _, outcome = message.run(loaded, due, 1, SILENT)
        alive = sum(isinstance(each, Message) for each in gc.get_objects())
    finally:
        gc.enable()
    offered, *fates = (
        outcome.total(q).sum() for q in ("offered", "delivered", "expired", "rejected", "failed")
    )
    assert 0 < alive <= offered - sum(fates) < 0.5 * offered


def test_a_lost_message_is_an_error_that_names_stream_and_bin() -> None:
    window = np.zeros((len(QUANTITIES), 2, 5))
    window[OFFERED, 1, 0] = 3.0
    loaded, due = (
        scenario(5, {"count": 1, "service_time": "1s"}),
        traffic([stream("a"), stream("b")], window[0]),
    )
    first, second = (open_books(loaded.scenario, due) for _ in range(2))
    levels = np.zeros((2, 5)), np.zeros((2, 5))
    first.post(0, window, levels, np.array([0.0, 3.0]), np.zeros(5))
    with pytest.raises(ConservationError, match=r"stream 1, end of bin 5: .*3\.0.*2\.0"):
        second.post(0, window, levels, np.array([0.0, 2.0]), np.zeros(5))


def test_a_bin_in_closed_form_is_the_bin_that_goes_the_long_way() -> None:
    """A stream that may expire within a bin, though without messages, sends every bin the long way."""
    loaded, due = storm()
    few = np.where(np.arange(200) < 100, due.counts // 10, due.counts)
    outcomes = [
        cohort.run(
            loaded, traffic([*due.streams, stream("none", freshness_s=f)], [*few, np.zeros(200)]), 1, SILENT
        )[1]
        for f in (1e6, 0.5)
    ]
    for quantity in (*QUANTITIES, "backlog", "under_way", "delay_counts", "busy_share"):
        short, long = (getattr(outcome, quantity) for outcome in outcomes)
        assert short == pytest.approx(long, rel=1e-6, abs=1e-6), quantity
    assert outcomes[0].limited[:, :90].sum() == 0.0, "bins in closed form"


@both
def test_an_outcome_goes_into_its_file_window_by_window_as_into_memory(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        outcomefile, "GROUP_BINS", 64
    )  # row groups that end within windows, and the last early
    monkeypatch.setattr(outcomefile, "MEMORY_BYTES", 0)
    loaded, due = storm()
    _, in_memory = run(loaded, due, 1, SILENT)
    _, in_file = run(loaded, due, 1, SILENT, tmp_path / "outcome.parquet.part")
    (tmp_path / "outcome.parquet.part").rename(tmp_path / "outcome.parquet")
    read = outcomefile.read_outcome(tmp_path / "outcome.parquet")
    assert isinstance(read.series, outcomefile.Columns)
    for quantity in ROWS:
        assert np.array_equal(in_file.rows(quantity), in_memory.rows(quantity)), quantity
        assert np.array_equal(read.rows(quantity), in_memory.rows(quantity)), quantity
    assert {k: v for k, v in summary(read).items() if k not in TIMES} == {
        k: v for k, v in summary(in_memory).items() if k not in TIMES
    }
