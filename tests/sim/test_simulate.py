"""A season over seeds, on any executor, and the document that keeps it."""

from __future__ import annotations

import json
import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest

from scenarios.catalogue import Loaded, load
from scenarios.problems import UserError
from sim.progress import Interrupted, Silent
from sim.simulate import (
    Interval,
    Replication,
    Simulated,
    from_document,
    intervals,
    judged_season,
    simulate,
    to_document,
    verdict,
)
from sim.traffic import peak_per_min

KEYS = (
    *("scenario", "resolution", "seed", "replications", "duration_s", "wall_s", "cpu_s", "compile_s"),
    *("messages", "peak_per_min", "delay_s", "backlog_max", "drain_s", "streams", "customers"),
    *("objectives", "verdict"),
)
MESSAGES = (
    *("planned", "suppressed", "offered", "accepted"),
    *("delivered", "expired", "rejected", "failed", "in_backlog"),
)


def two_minutes() -> Loaded:
    loaded = load("smoke")
    return replace(loaded, scenario=loaded.scenario.model_copy(update={"duration": 120.0}))


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return simulate(two_minutes(), resolution="message", replications=3)


def test_a_seed_fixes_every_number(simulated: Simulated) -> None:
    again = simulate(two_minutes(), resolution="message", replications=3)
    assert again.replications == simulated.replications
    assert again.traffic.counts.tolist() == simulated.traffic.counts.tolist()
    assert again.outcome.delivered.tolist() == simulated.outcome.delivered.tolist()


def test_replications_are_the_same_in_other_threads_and_processes(simulated: Simulated) -> None:
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(1, get_context("spawn")) as processes:
        for executor in (threads, processes):
            found = simulate(two_minutes(), resolution="message", replications=3, executor=executor)
            assert found.replications == simulated.replications


def test_more_replications_leave_the_first_ones_as_they_were(simulated: Simulated) -> None:
    fewer = simulate(two_minutes(), resolution="message", replications=2)
    assert fewer.replications == simulated.replications[:2]


def test_replications_differ_and_their_peaks_are_quantiles(simulated: Simulated) -> None:
    peaks = sorted(r.peak_offered_per_s for r in simulated.replications)
    assert len(set(peaks)) > 1
    assert simulated.peaks.offered_per_s_p50 == pytest.approx(peaks[1])
    assert peaks[1] < simulated.peaks.offered_per_s_p90 <= peaks[2]
    assert simulated.replications[0].peak_offered_per_s == peak_per_min(simulated.traffic) / 60.0


def test_planned_less_suppressed_is_offered_after_the_answers_too(simulated: Simulated) -> None:
    traffic = simulated.traffic
    assert (traffic.planned - traffic.suppressed).tolist() == traffic.counts.sum(axis=1).tolist()
    assert traffic.counts[[s.cause == "trigger" for s in traffic.streams]].sum() > 0


def test_the_document_has_the_contracts_keys_and_is_plain_json(simulated: Simulated) -> None:
    told = json.loads(json.dumps(to_document(simulated), allow_nan=False))
    assert set(told) >= set(KEYS)
    assert set(told["messages"]) >= set(MESSAGES)
    assert told["replications"] == 3
    assert {"name", "value", "limit", "holds"} <= set(told["objectives"][0])


def test_a_simulation_comes_back_from_its_document(simulated: Simulated) -> None:
    told = json.loads(json.dumps(to_document(simulated)))
    back = from_document(told, simulated.traffic, simulated.outcome)
    assert back.peaks == simulated.peaks
    assert back.replications == simulated.replications
    assert [j.holds for j in back.judged] == [j.holds for j in simulated.judged]
    assert back.judged[0].objective == simulated.judged[0].objective
    assert to_document(back) == to_document(simulated)


def test_a_simulation_of_another_version_is_refused(simulated: Simulated) -> None:
    told = to_document(simulated) | {"format": "peakday simulation 0"}
    with pytest.raises(UserError, match=r"peakday simulation 0.*peakday simulation 1"):
        from_document(told, simulated.traffic, simulated.outcome)


def test_the_verdict_follows_the_objectives(simulated: Simulated) -> None:
    met = judged_season(two_minutes(), simulated.outcome)
    missed = replace(met[0], holds=False)
    unknown = replace(met[0], holds=None)
    other = replace(simulated.replications[1], missed=1)
    fine = replace(simulated, judged=(replace(met[0], holds=True),), replications=simulated.replications[:1])
    assert verdict(fine) == "ready"
    assert verdict(replace(fine, judged=(missed, unknown))) == "not ready"
    assert verdict(replace(fine, judged=(unknown,))) == "inconclusive"
    assert verdict(replace(fine, replications=(other,))) == "at risk"


def test_intervals_narrow_with_replications_and_are_unknown_for_one(simulated: Simulated) -> None:
    def spread(offered: list[float]) -> Interval:
        first = simulated.replications[0]
        found: tuple[Replication, ...] = tuple(replace(first, offered=value) for value in offered)
        return intervals(found)["offered"]

    assert spread([1.0]).high == math.inf
    # Student's t with 2 degrees of freedom: 4.3027 x 1 / sqrt(3)
    assert spread([1.0, 2.0, 3.0]).high == pytest.approx(2.0 + 4.3027 / 3**0.5, rel=1e-4)
    assert spread([1.0, 2.0, 3.0] * 10).high < spread([1.0, 2.0, 3.0]).high


class StopsAfterOne(Silent):
    """Says stop once the first replication is told."""

    def __init__(self) -> None:
        self.told = False

    def tell(self, stage: str, done: float, total: float, text: str = "", figures: object = None) -> None:
        self.told = self.told or stage == "replications"

    def stopped(self) -> bool:
        return self.told


def test_a_stop_between_replications_is_obeyed() -> None:
    with pytest.raises(Interrupted):
        simulate(two_minutes(), resolution="message", replications=5, watcher=StopsAfterOne())
