"""A bounded queue that overflows: reject, drop oldest, spill, in both resolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scenarios.catalogue import Loaded
from sim import cohort, message
from sim.progress import SILENT
from sim.summary import summary
from sim.traffic import Traffic
from tests.sim.pipelines import STARTS_AT, block, scenario, stream, traffic
from tests.theory.agreeing import disagreements

BINS = 300
SEEDS = (311, 312, 313)
STREAMS = [stream("sale"), stream("code", priority="transactional")]
POLICIES = ("reject", "drop oldest", "spill")


def season(overflow: str, bound: int = 2000, **parts: Any) -> Loaded:
    queue = {"bound": bound, "overflow": overflow}
    return scenario(BINS, {"count": 10, "service_time": "50ms"}, queue=queue, **parts)


def sale(rate: float, codes: float = 50.0) -> Traffic:
    return traffic(STREAMS, [block(rate, 10, 60, BINS, 1), block(codes, 0, BINS, BINS, 2)])


@pytest.mark.parametrize(
    "overflow", ["drop oldest", "spill", pytest.param("reject", marks=pytest.mark.torture)]
)
def test_both_resolutions_tell_the_same_of_a_full_queue(overflow: str) -> None:
    assert disagreements(season(overflow), sale(500), SEEDS) == []


@pytest.mark.torture
@pytest.mark.parametrize("overflow", POLICIES)
def test_both_resolutions_tell_the_same_when_transactional_messages_fill_the_queue(overflow: str) -> None:
    due = traffic(STREAMS, [block(80, 0, BINS, BINS, 1), block(400, 20, 50, BINS, 2)])
    assert disagreements(season(overflow, 500), due, SEEDS) == []


@pytest.mark.parametrize("overflow", ["drop oldest", "spill"])
def test_both_resolutions_tell_the_same_of_a_full_queue_with_backoffs(overflow: str) -> None:
    limits = [{"rate": "150/s", "burst": 150}]
    provider = [{"name": "p", "channels": ["email"], "limits": limits}]
    loaded = season(overflow, 1000, provider=provider, retries={"attempts": 100, "cap": "8s"})
    due = traffic(STREAMS[:1], [block(350, 10, 40, BINS, 1)])
    assert disagreements(loaded, due, SEEDS) == []


def fates(run: Any, overflow: str, i: int = 0) -> Any:
    """What became of one stream when 500/s came to 200/s."""
    return summary(run(season(overflow), sale(500), 1, SILENT)[1])["streams"][i]


@pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
def test_whom_a_full_queue_turns_away_depends_on_its_policy(run: Any) -> None:
    lost = {overflow: fates(run, overflow)["messages"] for overflow in POLICIES}
    assert lost["reject"]["rejected"] > 10_000 > lost["reject"]["failed"] == 0
    assert lost["drop oldest"]["failed"] > 10_000 > lost["drop oldest"]["rejected"] == 0
    assert lost["spill"]["rejected"] == lost["spill"]["failed"] == 0


@pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
def test_what_spills_is_served_in_the_order_of_a_queue_without_bound(run: Any) -> None:
    """One class: the fluid's delays are those of one long queue, bound or not."""
    due = traffic([stream("a")], [block(400, 10, 60, BINS, 1)])
    outcomes = [run(season("spill", bound), due, 1, SILENT)[1] for bound in (0, 500)]
    for quantity in ("delivered", "backlog"):
        one, other = (np.cumsum(getattr(o, quantity)[0], dtype=np.float64) for o in outcomes)
        assert other == pytest.approx(one, rel=1e-3, abs=1.0), quantity
    one, other = (summary(o)["delay_s"]["p99"] for o in outcomes)
    assert other == pytest.approx(one, rel=0.01)


def test_all_that_spilled_in_an_hour_may_come_in_at_once() -> None:
    """However many bins it came from: none is lost, or the ledger would say so."""
    bins, away = 3000, {"kind": "worker-loss", "from": STARTS_AT, "for": "2900s", "share": 1.0}
    queue = {"bound": 10, "overflow": "spill"}
    loaded = scenario(bins, {"count": 1000, "service_time": "50ms"}, queue=queue, fault=[away])
    due = traffic(STREAMS, np.ones((2, bins), dtype=np.int64))
    outcome = cohort.run(loaded, due, 1, SILENT)[1]
    assert outcome.delivered[:, 2900:2903].sum() == pytest.approx(2 * 2900, abs=10.0)


def test_a_transactional_message_that_spills_waits_behind_marketing() -> None:
    told = [
        summary(message.run(season(o), sale(500), 1, SILENT)[1])["streams"][1] for o in ("reject", "spill")
    ]
    assert told[0]["delay_s"]["p95"] < 1.0
    assert told[1]["delay_s"]["p95"] > 30.0


@pytest.mark.parametrize("overflow", ["reject", "spill"])
def test_who_finds_an_idle_worker_comes_in_however_many_are_in_backoff(overflow: str) -> None:
    """A limit that is off and backoffs of minutes: these fill the bound, and then workers whom nobody else
    keeps take more than half of those who come."""
    limits = [{"kind": "daily cap", "messages": 1, "timezone": "UTC"}]
    provider = [{"name": "p", "channels": ["email"], "limits": limits}]
    loaded = season(
        overflow, 1000, provider=provider, retries={"attempts": 9, "backoff": "99s", "jitter": 0.9}
    )
    due = traffic(STREAMS[:1], [block(300, 10, 60, BINS, 1)])
    one, other = (engine.run(loaded, due, 1, SILENT)[1] for engine in (message, cohort))
    for quantity in ("attempts", "rejected", "failed"):
        exact, found = (np.cumsum(getattr(o, quantity)[0], dtype=np.float64) for o in (one, other))
        assert found[[40, 60, -1]] == pytest.approx(exact[[40, 60, -1]], rel=0.03, abs=20.0), quantity


def test_both_resolutions_tell_the_same_of_a_queue_that_backoffs_fill_and_that_drops_what_waits() -> None:
    """Who finds no worker idle is dropped then with all that waits, a transactional message as any other."""
    limits = [{"rate": "60/s", "burst": 60}]
    provider = [{"name": "p", "channels": ["email"], "limits": limits}, {"name": "q", "channels": ["sms"]}]
    retries = {"attempts": 100, "backoff": "3s", "cap": "12s"}
    loaded = season("drop oldest", 600, provider=provider, retries=retries)
    due = [block(150, 10, 200, BINS, 1), block(15, 0, BINS, BINS, 2)]
    streams = [stream("sale", freshness_s=60.0), stream("code", "sms", "transactional")]
    referee, found = (
        np.mean(
            [engine.run(loaded, traffic(streams, due), seed, SILENT)[1].failed.sum(1) for seed in SEEDS], 0
        )
        for engine in (message, cohort)
    )
    assert referee[1] > 600.0
    assert found == pytest.approx(referee, rel=0.08)


@pytest.mark.parametrize("engine", [message, cohort], ids=["message", "cohort"])
def test_nobody_comes_in_above_the_bound_while_what_comes_back_keeps_all_workers(engine: Any) -> None:
    """Nothing is taken, and 500 in backoffs of a second ask for five times what the workers can do."""
    workers = {"count": 10, "service_time": "100ms", "distribution": "lognormal", "variation": 1.2}
    shut = [{"kind": "daily cap", "messages": 1, "timezone": "UTC"}]
    loaded = scenario(
        BINS,
        workers,
        queue={"bound": 500},
        provider=[{"name": "p", "channels": ["email"], "limits": shut}],
        retries={"attempts": 100, "backoff": "1s", "cap": "1s"},
    )
    outcome = engine.run(loaded, traffic(STREAMS[:1], [block(80, 0, BINS, BINS, 1)]), 1, SILENT)[1]
    assert 480 < outcome.backlog.max() <= 515
    assert outcome.accepted[0, 20:].sum() < 25
