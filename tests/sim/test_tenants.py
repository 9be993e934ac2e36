"""The platform's tenants: who sends what, a queue that they share fairly, results by rank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios.catalogue import load, load_text
from scenarios.pipeline import Queue
from scenarios.problems import UserError
from scenarios.tenants import Tenants
from sim import cohort, message
from sim.evidence import season_evidence
from sim.outcome import Outcome
from sim.outcomefile import read_outcome, write_outcome
from sim.pipeline.fairqueue import fair_queue_for
from sim.pipeline.queues import Message, PriorityQueue
from sim.progress import SILENT
from sim.summary import summary
from sim.tenants import band_ends, group_ends, shares
from sim.traffic import Traffic
from tests.sim.pipelines import block, poisson, scenario, stream, traffic

BINS = 200
WORKERS = {"count": 10, "service_time": "0.1s", "distribution": "deterministic"}
WHALE = replace(stream("whale"), tenant="1")
STREAMS = [stream("all"), WHALE]
ENGINES: tuple[Any, ...] = (message.run, cohort.run)


def busy() -> Traffic:
    """Everybody below what the workers carry, the first tenant far above it for a while."""
    return traffic(STREAMS, [poisson(50, BINS, 7), block(150, 20, 60, BINS, 8)])


def shared() -> Outcome:
    """A busy season of 300 tenants that share the queue, as amounts."""
    loaded = scenario(BINS, WORKERS, tenants={"count": 300}, queue={"fair_share": True})
    return cohort.run(loaded, busy(), 1, SILENT)[1]


def fair_queue(tenants: list[int], bound: int = 0, overflow: str = "reject") -> PriorityQueue:
    """Messages of stream i are of tenants[i]."""
    queue = Queue.model_validate({"bound": bound, "overflow": overflow, "fair_share": True})
    streams = [stream(f"of {tenant}", freshness_s=100.0) for tenant in tenants]
    return fair_queue_for(queue, streams, lambda told: tenants[told.stream])


def taken(queue: PriorityQueue, messages: int, now_s: float = 0.0) -> list[int]:
    return [found.stream for _ in range(messages) if (found := queue.take(now_s)) is not None]


def test_zipfs_law_splits_a_stream_and_a_tenants_own_stream_is_all_its() -> None:
    split = shares(Tenants(count=4, skew=1.0), [1, 3, 4], STREAMS)
    harmonic = 1.0 + 1 / 2 + 1 / 3 + 1 / 4
    assert split[0] == pytest.approx([1.0 / harmonic, (1 / 2 + 1 / 3) / harmonic, 1 / 4 / harmonic])
    assert split[1].tolist() == [1.0, 0.0, 0.0]


def test_bands_are_of_like_ranks_and_end_where_groups_do() -> None:
    ends = band_ends([1, 10, 100, 5000])
    firsts = [1, *(end + 1 for end in ends[:-1])]
    assert {1, 10, 100, 5000} <= set(ends)
    assert all(last <= 1.5 * first for first, last in zip(firsts, ends, strict=True))


def test_whoever_a_stream_or_an_objective_names_is_told_apart() -> None:
    season = load("noisy-neighbour").scenario
    named = season.campaigns[1].model_copy(update={"tenant": 7})
    assert group_ends(season) == [1, 100, 5000] or group_ends(season) == [1, 10, 100, 5000]
    assert group_ends(season.model_copy(update={"campaigns": (named,)})) == [1, 6, 7, 10, 100, 5000]


def test_tenants_are_served_in_turn_and_who_had_nothing_waiting_joins_at_the_end() -> None:
    queue = fair_queue([1, 2, 3])
    for told in (0, 0, 0, 0, 1, 1):
        queue.offer(Message(told, 0.0), 0.0)
    assert taken(queue, 3) == [0, 1, 0]
    queue.offer(Message(2, 0.0), 0.0)
    assert taken(queue, 9) == [1, 0, 2, 0]


def test_what_has_expired_uses_up_no_turn() -> None:
    queue = fair_queue([1, 2])
    for due_s in (0.0, 0.0, 50.0):
        queue.offer(Message(0, due_s), 0.0)
    queue.offer(Message(1, 50.0), 0.0)
    assert taken(queue, 9, now_s=120.0) == [0, 1]
    assert queue.expired == [(0, 120.0), (0, 120.0)]


def test_a_full_queue_drops_what_entered_first_whosever_it_is() -> None:
    queue = fair_queue([1, 2], bound=3, overflow="drop oldest")
    for told in (0, 1, 0, 0, 0):
        queue.offer(Message(told, 0.0), 0.0)
    assert [of for of, _ in queue.dropped] == [0, 1]
    assert taken(queue, 9) == [0, 0, 0]


def test_what_waits_outside_has_one_line() -> None:
    queue = fair_queue([1, 2], bound=2, overflow="spill")
    for told in (0, 0, 0, 1):
        queue.offer(Message(told, 0.0), 0.0)
    assert len(queue) == 4
    assert taken(queue, 9) == [0, 0, 0, 1]


@pytest.mark.parametrize("run", ENGINES, ids=("message", "cohort"))
def test_fair_share_changes_whose_messages_leave_and_not_how_many(run: Any) -> None:
    one, fair = (
        run(
            scenario(BINS, WORKERS, tenants={"count": 300}, queue={"fair_share": is_fair}), busy(), 1, SILENT
        )[1]
        for is_fair in (False, True)
    )
    leaving = [outcome.total("delivered").astype(np.float64) for outcome in (one, fair)]
    assert leaving[1] == pytest.approx(leaving[0], abs=1e-2)
    late_one, late_fair = ([g["delay_s"]["p99"] for g in summary(o)["tenants"]] for o in (one, fair))
    assert late_fair[0] > late_one[0]
    assert max(late_fair[1:]) < 1.0 < min(late_one[1:])


@pytest.mark.parametrize("run", ENGINES, ids=("message", "cohort"))
def test_a_single_tenant_waits_as_in_one_line(run: Any) -> None:
    told = [
        run(scenario(BINS, WORKERS, tenants={"count": 1}, queue={"fair_share": is_fair}), busy(), 1, SILENT)[
            1
        ]
        for is_fair in (False, True)
    ]
    for quantity in ("delivered", "backlog"):
        one, fair = (outcome.rows(quantity).astype(np.float64) for outcome in told)
        assert fair == pytest.approx(one, abs=1e-3)
    delays = [summary(outcome)["delay_s"] for outcome in told]
    assert delays[1] == pytest.approx(delays[0], rel=0.01)


def test_windows_change_no_number_and_a_seed_fixes_them_all() -> None:
    loaded = scenario(
        BINS, WORKERS, tenants={"count": 300}, queue={"fair_share": True}, retries={"attempts": 3}
    )
    told = [cohort.run(loaded, busy(), 3, SILENT, window_bins=n)[1] for n in (7, 600)]
    for short, long in zip(told[0].groups, told[1].groups, strict=True):
        assert short.totals == pytest.approx(long.totals, abs=1e-6)
        assert short.delay_counts == pytest.approx(long.delay_counts, abs=1e-6)
    again = [message.run(loaded, busy(), 3, SILENT)[1].groups for _ in range(2)]
    assert all((a.delay_counts == b.delay_counts).all() for a, b in zip(*again, strict=True))


def sums_up(outcome: Outcome) -> None:
    of_groups = np.sum([group.totals for group in outcome.groups], axis=0)
    assert of_groups == pytest.approx(outcome.totals.sum(axis=1), rel=1e-9, abs=1e-6)
    delays = np.sum([group.delay_counts for group in outcome.groups], axis=0)
    assert delays.sum() == pytest.approx(outcome.delay_counts.sum(), rel=1e-6)


@pytest.mark.parametrize("overflow", ["reject", "drop oldest", "spill"])
def test_groups_add_up_to_the_season_whatever_becomes_of_messages(overflow: str) -> None:
    limits = [{"name": "p", "channels": ["email"], "limits": [{"rate": "90/s", "burst": 90}]}]
    queue = {"bound": 2500, "overflow": overflow, "fair_share": True}
    streams = [stream("all", freshness_s=30.0), replace(WHALE, freshness_s=60.0)]
    due = replace(busy(), streams=tuple(streams))
    for run in ENGINES:
        loaded = scenario(
            BINS, WORKERS, tenants={"count": 300}, queue=queue, provider=limits, retries={"attempts": 3}
        )
        sums_up(run(loaded, due, 1, SILENT)[1])


@pytest.mark.parametrize("fair_share", [True, False])
def test_groups_add_up_where_workers_crash_and_where_messages_come_again(fair_share: bool) -> None:
    queue = {"fair_share": fair_share, "visibility_timeout": "3s"}
    workers = WORKERS | {
        "stalls": {"rate": "0.05/s", "length": "6s"}, "crashes": {"rate": "0.2/s", "restart": "2s"},
    }  # fmt: skip
    for run in ENGINES:
        outcome = run(scenario(BINS, workers, tenants={"count": 300}, queue=queue), busy(), 1, SILENT)[1]
        sums_up(outcome)
        assert outcome.duplicates.sum() > 0.0


def test_a_file_keeps_what_became_of_each_group(tmp_path: Path) -> None:
    outcome = shared()
    write_outcome(outcome, tmp_path / "outcome.parquet")
    kept = summary(read_outcome(tmp_path / "outcome.parquet"))
    assert kept["tenants"] == summary(outcome)["tenants"]
    assert [group["name"] for group in kept["tenants"]] == [
        "tenant 1", "tenants 2-10", "tenants 11-100", "tenants 101-300",
    ]  # fmt: skip


def test_an_objective_on_tenants_is_judged_on_all_groups_within_its_ranks() -> None:
    told = season_evidence(shared())
    assert told.whole("fresh_share", "tenants 2-300").value > 0.99
    assert told.whole("delay_p99", "tenant 1").value > 10.0
    assert "by streams" in told.whole("drain", "tenant 1").missing
    assert "no stream" in told.whole("drain", "tenants 5-300").missing


def test_every_mistake_about_tenants_is_told_where_it_stands() -> None:
    text = Path(load("noisy-neighbour").path).read_text(encoding="utf-8")
    for wrong, complaint in (
        (text.replace("count = 5000 ", "count = 1 #"), 'unknown stream "tenants 2-5000"'),
        (text.replace("tenant = 1\n", "tenant = 5001\n"), "there are 5,000 tenants"),
        (text.replace("[tenants]", "[tenant]"), "there are no tenants to share among"),
    ):
        with pytest.raises(UserError) as told:
            load_text(wrong, Path("noisy.toml"))
        assert any(complaint in str(problem) for problem in told.value.problems), told.value.problems
