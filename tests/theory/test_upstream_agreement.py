"""Stages before the door, in both resolutions: the freshness clock starts at the event, not at the door."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from scenarios.catalogue import Loaded
from sim import cohort, histogram, message
from sim.progress import SILENT
from sim.traffic import Traffic
from tests.sim.pipelines import block, scenario, stream, traffic
from tests.theory.agreeing import disagreements

BINS = 400
SEEDS = (101, 102, 103)
STREAMS = [stream("sale"), stream("code", priority="transactional")]
SEGMENT = {"name": "segment build", "delay": {"median": "20s", "sigma": 0.7}, "to": ["sale"]}
SYNC = {"name": "catalogue sync", "delay": {"median": "3s", "sigma": 1.0}, "to": ["sale", "code"]}
APPROVAL = {"name": "approval", "delay": {"median": "30s", "sigma": 0.5}, "each": "stream"}


def season(stages: list[dict[str, Any]], workers: int = 10, **parts: Any) -> Loaded:
    return scenario(BINS, {"count": workers, "service_time": "50ms"}, upstream=stages, **parts)


def sale(rate: float, last: int = 60, freshness_s: float = 1e6) -> Traffic:
    streams = [stream("sale", freshness_s=freshness_s), STREAMS[1]]
    return traffic(streams, [block(rate, 10, last, BINS, 1), block(40, 0, BINS, BINS, 2)])


@pytest.mark.parametrize(
    ("stages", "rate", "freshness_s"),
    [
        ([SEGMENT], 100, 1e6),
        ([SEGMENT, SYNC], 600, 1e6),
        ([SEGMENT, SYNC], 500, 90.0),
        ([APPROVAL, SYNC], 500, 1e6),
    ],
    ids=["light load", "a backlog behind two stages", "expiry", "one delay for all and one each"],
)
def test_both_resolutions_tell_the_same_of_stages(stages: Any, rate: float, freshness_s: float) -> None:
    assert disagreements(season(stages), sale(rate, freshness_s=freshness_s), SEEDS) == []


@pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
def test_a_message_that_is_held_up_beyond_its_freshness_expires_before_any_worker_takes_it(run: Any) -> None:
    held = {"name": "approval", "delay": {"median": "2min"}}
    after, outcome = run(season([held]), sale(100, freshness_s=119.0), 1, SILENT)
    assert outcome.delivered[0].sum() == 0.0
    assert outcome.expired[0].sum() == pytest.approx(outcome.offered[0].sum())
    assert after.counts[0, :129].sum() == 0, "nobody is at the door before"
    assert after.counts[0].sum() == pytest.approx(outcome.offered[0].sum(), abs=1.0)


def test_so_few_expire_at_the_door_as_the_tail_of_a_stage_has_beyond_the_freshness() -> None:
    """A lognormal delay, exactly; of two, the share by a million draws."""
    draws = 10.0 * np.exp(0.5 * np.random.default_rng(1).standard_normal((2, 1_000_000)))
    stage = {"name": "sync", "delay": {"median": "10s", "sigma": 0.5}}
    exact = 0.5 * math.erfc(math.log(56.0 / 10.0) / 0.5 / math.sqrt(2.0))
    for stages, share in (
        ([stage], exact),
        ([stage, stage | {"name": "more"}], (draws.sum(0) > 56.0).mean()),
    ):
        due = traffic([stream("sale", freshness_s=56.0)], [block(5000, 10, 60, BINS, 1)])
        outcome = cohort.run(season(stages, 500), due, 1, SILENT)[1]
        assert outcome.expired.sum() == pytest.approx(share * due.counts.sum(), rel=0.06)


@pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
def test_a_stage_for_whole_streams_holds_all_of_one_up_alike_and_the_same_in_both(run: Any) -> None:
    due = sale(100)
    after, _ = run(season([APPROVAL]), due, 7, SILENT)
    events, doors = due.counts[0], after.counts[0]
    shift = (np.arange(BINS) @ doors / doors.sum()) - (np.arange(BINS) @ events / events.sum())
    assert 5.0 < shift < 180.0
    _, other = cohort.run(season([APPROVAL]), due, 7, SILENT)
    offered = other.offered[0].astype(np.float64)
    assert shift == pytest.approx(
        (np.arange(BINS) @ offered / offered.sum()) - (np.arange(BINS) @ events / events.sum()), abs=0.05
    )


@pytest.mark.parametrize("stage", [APPROVAL, SEGMENT], ids=["one delay for all", "a delay each"])
@pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
def test_as_many_delays_exceed_the_freshness_as_were_not_fresh_when_mailboxes_took_them(
    run: Any, stage: Any
) -> None:
    deferring = {"kind": "mailbox deferral", "rate": "60/s", "burst": 60.0, "fall": 0.0}
    told = {"name": "p", "channels": ["email"], "limits": [deferring], "deferred_retry": "2min"}
    _, outcome = run(season([stage], provider=[told]), sale(120, last=40, freshness_s=100.0), 1, SILENT)
    fresh, delivered = float(outcome.fresh[0].sum()), float(outcome.delivered[0].sum())
    assert 0.2 < fresh / delivered < 0.9
    in_time = histogram.share_below(outcome.delay_counts[0], 100.0)
    assert in_time == pytest.approx(fresh / delivered, abs=0.01)
