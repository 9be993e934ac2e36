"""Stalls, start-up, autoscaling, lost workers, a queue that cannot be reached: both resolutions alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from scenarios.catalogue import Loaded
from sim import cohort, message
from sim.pipeline.staffing import Staffing
from sim.progress import SILENT
from sim.traffic import Traffic
from tests.sim.pipelines import STARTS_AT, block, scenario, stream, traffic
from tests.theory.agreeing import disagreements

BINS = 300
SEEDS = (411, 412, 413)
STREAMS = [stream("sale"), stream("code", priority="transactional")]
BACKLOG = {"most": 40, "on": "backlog", "target": 100, "every": "10s", "cool_down": "40s"}
USED = {"most": 60, "on": "utilisation", "target": 0.7, "every": "20s", "cool_down": "60s"}

both = pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])


def season(*faults: dict[str, Any], queue: Any = None, **workers: Any) -> Loaded:
    told = {"count": 10, "service_time": "50ms", **workers}
    return scenario(BINS, told, fault=list(faults), queue=queue or {})


def fault(kind: str, at: int, lasts: int, **figures: Any) -> dict[str, Any]:
    return {"kind": kind, "from": STARTS_AT + timedelta(seconds=at), "for": f"{lasts}s", **figures}


def sale(rate: float, codes: float = 50.0) -> Traffic:
    return traffic(STREAMS, [block(rate, 10, 60, BINS, 1), block(codes, 0, BINS, BINS, 2)])


SEASONS: dict[str, tuple[Loaded, Traffic]] = {
    "short stalls": (season(stalls={"rate": "2/s", "length": "100ms"}), sale(300)),
    "long stalls": (season(stalls={"rate": "10/min", "length": "1s"}), sale(300, 30)),
    "autoscaling on backlog": (season(autoscaling=BACKLOG, start_up="15s"), sale(500)),
    "autoscaling on utilisation": (season(autoscaling=USED, start_up="5s"), sale(400)),
    "half of the workers lost": (season(fault("worker-loss", 30, 60, share=0.5), start_up="10s"), sale(200)),
    "all workers lost": (season(fault("worker-loss", 80, 40, share=1.0)), sale(200)),
    "a region lost, rejecting": (
        season(fault("region-loss", 40, 60, share=0.4), queue={"bound": 2000}, start_up="5s"),
        sale(300),
    ),
    "a region lost, dropping": (
        season(fault("region-loss", 40, 60, share=0.6), queue={"bound": 2000, "overflow": "drop oldest"}),
        sale(300),
    ),
    "queue unavailable": (season(fault("queue-unavailable", 30, 20)), sale(300)),
    "queue unavailable, dropping": (
        season(fault("queue-unavailable", 70, 20), queue={"bound": 1000, "overflow": "drop oldest"}),
        sale(300),
    ),
    "nothing used while the queue is unavailable": (
        season(fault("queue-unavailable", 25, 30), autoscaling=USED, start_up="5s"),
        sale(250, 150),
    ),
    "the only region lost, unbounded": (season(fault("region-loss", 40, 30, share=1.0)), sale(250)),
    "queue unavailable, spilling": (
        season(fault("queue-unavailable", 70, 20), queue={"bound": 1000, "overflow": "spill"}),
        sale(300),
    ),
}


QUICK = ("long stalls", "autoscaling on backlog", "half of the workers lost", "queue unavailable, dropping")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.torture) for n in SEASONS]
)
def test_both_resolutions_tell_the_same(name: str) -> None:
    assert disagreements(*SEASONS[name], SEEDS) == []


@both
def test_an_autoscaler_answers_a_step_after_its_look_and_the_start_up(run: Any) -> None:
    """400/s for 10 workers of 20/s each: 2000 wait at the first look, 10 s; 20 more serve from 25 s on."""
    scaling = {"most": 30, "on": "backlog", "target": 50, "every": "10s", "cool_down": "1h"}
    loaded = season(autoscaling=scaling, start_up="15s", distribution="deterministic")
    due = traffic([stream("a")], [np.where(np.arange(BINS) < 100, 400, 0)])
    _, outcome = run(loaded, due, 1, SILENT)
    backlog = outcome.backlog[0]
    assert backlog[24] == pytest.approx(24 * 200, abs=20), "the least of a bin is what it begins with"
    assert backlog[34] == pytest.approx(25 * 200 - 10 * 200, abs=20), "30 workers from 25 s on"
    assert int(np.argmax(backlog)) in (24, 25)


@both
def test_an_autoscaler_sees_as_much_of_few_busy_workers_used_as_they_were_given_to_do(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of 50 ms, 35/s for 300 s. What each look is told is listened to; the orders are those of 0.9."""
    scaling = {"most": 3, "on": "utilisation", "target": 0.9, "every": "10s", "cool_down": "1h"}
    seen: list[float] = []
    advance = Staffing.advance

    def listening(staffing: Staffing, bin_: int, backlog: float, utilisation: float) -> None:
        if staffing.looks(bin_):
            seen.append(utilisation)
        advance(staffing, bin_, backlog, 0.9)

    monkeypatch.setattr(Staffing, "advance", listening)
    due = traffic([stream("a")], [block(35, 0, BINS, BINS, 4)])
    run(season(count=2, distribution="exponential", autoscaling=scaling), due, 1, SILENT)
    assert len(seen) == BINS // 10 - 1
    given = due.counts[0, : BINS - 10].sum() * 0.05 / 2 / (BINS - 10)
    assert np.mean(seen) == pytest.approx(given, abs=0.015)


@both
def test_nothing_passes_a_queue_that_cannot_be_reached(run: Any) -> None:
    _, outcome = run(season(fault("queue-unavailable", 100, 50)), sale(300), 1, SILENT)
    assert outcome.rejected[1, 100:150].sum() == outcome.offered[1, 100:150].sum()
    assert outcome.rejected.sum() == outcome.rejected[:, 100:150].sum()
    assert outcome.delivered[:, 102:150].sum() == pytest.approx(0.0, abs=0.01)


def test_no_order_is_given_while_the_last_one_cools_down() -> None:
    loaded = season(autoscaling=BACKLOG | {"cool_down": "25s"}, start_up="20s")
    staffing, seen = Staffing(loaded.scenario, BINS, 1.0), []
    for bin_, backlog in ((10, 1500.0), (20, 3000.0), (30, 3000.0), (40, 3000.0), (60, 0.0), (70, 0.0)):
        staffing.advance(bin_, backlog, 1.0)
        seen.append(staffing.available)
    assert seen == [10, 10, 15, 15, 30, 10]
