"""Verdicts on rates held by synthetic targets."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from loadtests.ceiling import document
from loadtests.ceiling.ceiling import Ceiling, conclude, find_ceiling
from loadtests.ceiling.holding import mixed
from loadtests.ceiling.search import Found
from loadtests.ceiling.trial import Trial, judge_trial
from loadtests.evidence import DeliveryDelays
from loadtests.replay.fates import Reply
from loadtests.replay.launch import Played
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule, constant
from loadtests.targets.figure import Meaning
from loadtests.targets.observing import Observed, Observer
from scenarios.objectives import parse_objective
from sim.progress import SILENT, Interrupted, Silent
from tests.loadtests.plays import answered, dropped, limited

OBJECTIVES = tuple(parse_objective(text, "send api") for text in ("p99<=250ms", "error_share<=1%"))
HELD = constant(200.0, 4.0)
Series = dict[Meaning, npt.NDArray[np.float64]]


def trial(schedule: Schedule, records: SendRecords, observed: Observed | None = None) -> Trial:
    return judge_trial("t", schedule, records, OBJECTIVES, observed)


def delivered_at(limit_per_s: float, offered_per_s: float, burst: float = 0.0) -> Observed:
    at_s = np.arange(0.0, 4.2, 0.05)
    due = np.clip(at_s, 0.0, 4.0) * offered_per_s
    delivered = np.minimum(due, limit_per_s * at_s + burst)
    return Observed(at_s, {"delivered": delivered, "backlog": due - delivered})


def test_a_quick_target_holds() -> None:
    held = trial(HELD, answered(HELD, 0.02))
    assert (held.verdict, held.limited_by, held.bad_share) == ("holds", "nothing", 0.0)
    assert held.carried_per_s == pytest.approx(200.0, rel=0.001)


def test_too_slow_answers_break_it_by_latency() -> None:
    slow = trial(HELD, answered(HELD, np.where(np.arange(800) % 50 == 0, 0.3, 0.02)))
    assert (slow.verdict, slow.limited_by) == ("breaks", "latency")
    assert slow.bad_share == pytest.approx(0.02)
    assert "p99" in slow.because


def test_overload_breaks_a_short_trial_before_waiting_reaches_the_limit_and_shows_what_is_carried() -> None:
    """4 servers of 21 ms carry 190.5/s; offered 200/s for 4 s, the last waits 0.2 s only."""
    over = trial(HELD, answered(HELD, 0.021, servers=4))
    assert over.latency_s.p99 < 0.25
    assert (over.verdict, over.limited_by) == ("breaks", "latency")
    assert "waiting grows" in over.because
    assert over.carried_per_s == pytest.approx(4 / 0.021, rel=0.005)


def test_429s_break_it_by_the_limit() -> None:
    over = trial(HELD, limited(answered(HELD, 0.01), np.arange(800) % 5 == 0))
    assert (over.verdict, over.limited_by, over.limited) == ("breaks", "limit", 160)
    assert over.carried_per_s == pytest.approx(160.0, rel=0.02)


def test_a_queue_that_grows_behind_quick_202s_breaks_it_by_backlog() -> None:
    over = trial(HELD, answered(HELD, 0.01), delivered_at(150.0, 200.0))
    assert (over.verdict, over.limited_by) == ("breaks", "backlog")
    assert over.carried_per_s == pytest.approx(150.0, rel=0.01)
    assert "150/s of 200/s" in over.because


def test_a_burst_does_not_hide_a_limit() -> None:
    over = trial(HELD, answered(HELD, 0.01), delivered_at(150.0, 200.0, burst=75.0))
    assert (over.verdict, over.limited_by) == ("breaks", "backlog")


def test_without_observation_a_growing_queue_is_not_seen_and_nobody_claims_it_was() -> None:
    unseen = trial(HELD, answered(HELD, 0.01))
    assert (unseen.verdict, unseen.delivered_per_s) == ("holds", None)


def test_one_provider_that_falls_behind_breaks_it_though_it_carries_little_of_the_whole() -> None:
    at_s = np.arange(0.0, 4.2, 0.05)
    email: Series = {"delivered": 190.0 * at_s, "backlog": 0.0 * at_s}
    sms: Series = {"delivered": 5.0 * at_s, "backlog": 5.0 * at_s}
    whole: Series = {"delivered": 195.0 * at_s, "backlog": 5.0 * at_s}
    over = trial(HELD, answered(HELD, 0.01), Observed(at_s, whole, {"email": email, "sms": sms}))
    assert (over.verdict, over.limited_by) == ("breaks", "backlog")
    assert "queue of sms" in over.because
    assert over.carried_per_s == pytest.approx(100.0, rel=0.01)


def test_a_late_generator_makes_it_invalid_whatever_the_latency() -> None:
    records = answered(HELD, 0.3)
    late = replace(records, picked_s=HELD.due_s + 0.03)
    assert (trial(HELD, late).verdict, trial(HELD, late).limited_by) == ("invalid", "generator")


def test_too_few_requests_for_a_quantile_make_it_invalid() -> None:
    few = constant(20.0, 3.0)
    judged = trial(few, answered(few, 0.01))
    assert judged.verdict == "invalid"
    assert "too little data" in judged.because


def test_dropped_sends_break_it() -> None:
    over = trial(HELD, dropped(answered(HELD, 0.01), np.arange(800) % 20 == 0))
    assert (over.verdict, over.limited_by) == ("breaks", "latency")


def test_a_mix_is_kept_in_every_part_of_a_trial() -> None:
    like = replace(
        constant(100.0, 1.0),
        stream=(np.arange(100) >= 80).astype(np.int16),
        streams=("a", "b"),
        channels=("email", "sms"),
        campaigns=("x", "y"),
    )
    schedule = mixed(constant(1000.0, 2.0), like)
    for part in np.array_split(schedule.stream, 10):
        assert part.mean() == pytest.approx(0.2, abs=0.01)
    assert (schedule.channels, schedule.campaigns) == (like.channels, like.campaigns)


class Servers:
    """An engine whose target is arithmetic: so many servers of so long a service time."""

    def __init__(self, servers: int, service_s: float) -> None:
        self.servers = servers
        self.service_s = service_s
        self.last: Played | None = None

    def play(self, schedule: Schedule, name: str) -> SendRecords:
        records = answered(schedule, self.service_s, self.servers)
        self.last = Played(name, schedule, records, 0.0)
        return records


@pytest.mark.parametrize("service_s", [0.01, 0.02])
def test_twice_the_service_time_is_half_the_ceiling(service_s: float) -> None:
    found = find_ceiling(Servers(4, service_s), OBJECTIVES, budget_s=8.0, watcher=SILENT, hint_per_s=300.0)
    assert found.point_per_s == pytest.approx(4 / service_s, rel=0.02)
    assert found.low_per_s <= found.point_per_s <= found.high_per_s
    assert (found.valid, found.limited_by, found.is_lower_bound) == (True, "latency", False)
    assert not found.delivery_observed


def test_a_ceiling_survives_json_and_shows_the_keys_that_scripts_rely_on() -> None:
    trials = [
        trial(HELD, answered(HELD, 0.01), delivered_at(500.0, 200.0)),
        trial(HELD, limited(answered(HELD, 0.01), np.arange(800) % 5 == 0)),
    ]
    for found in (
        conclude(trials, OBJECTIVES, 9.0),
        conclude(trials[:1], OBJECTIVES, 9.0),
        conclude([], OBJECTIVES, 0.0),
    ):
        text = json.dumps(document.to_document(found), allow_nan=False)
        again = document.from_document(json.loads(text))
        assert json.dumps(document.to_document(again), allow_nan=False) == text
    shown = document.summary(conclude(trials, OBJECTIVES, 9.0))
    assert set(shown["ceiling_per_s"]) == {"point", "low", "high"}
    assert {
        "requests_per_s",
        "is_lower_bound",
        "limited_by",
        "objectives",
        "valid",
        "trials",
        "wall_s",
    } <= set(shown)
    kept = {
        "offered_per_s",
        "duration_s",
        "goodput_per_s",
        "latency_s",
        "bad_share",
        "lateness_s",
        "verdict",
        "because",
    }
    assert kept <= set(shown["trials"][0])
    json.dumps(shown, allow_nan=False)


class Stopping(Silent):
    """Stops after the first trial."""

    def __init__(self) -> None:
        self.kept: list[Trial] = []

    def stopped(self) -> bool:
        return bool(self.kept)


def test_an_interrupted_search_leaves_its_trials_and_they_make_an_unfinished_ceiling() -> None:
    watcher = Stopping()
    with pytest.raises(Interrupted):
        find_ceiling(
            Servers(4, 0.01),
            OBJECTIVES,
            budget_s=8.0,
            watcher=watcher,
            hint_per_s=300.0,
            on_trial=watcher.kept.append,
        )
    found = conclude(watcher.kept, OBJECTIVES, 1.0)
    assert len(found.trials) == 1
    assert (found.valid, found.invalid_because) == (False, "the search was interrupted")


def test_a_target_that_accepts_nothing_has_no_ceiling_and_the_reason_says_what_it_did_instead() -> None:
    records = limited(answered(HELD, 0.01), np.ones(800, dtype=np.bool_))
    found = conclude([trial(HELD, records)], OBJECTIVES, 9.0, found=Found(0.0, 200.0, 0.0, "nothing carried"))
    assert not found.valid
    assert (
        found.invalid_because == "no rate held; the lowest tried was 200/s: of 800 requests 800 were limited"
    )


def test_a_trial_that_met_a_wrong_key_says_nothing_of_the_capacity() -> None:
    refused = np.full(HELD.due_s.size, 403, dtype=np.int16)
    rejected = np.full(HELD.due_s.size, Reply.REJECTED, dtype=np.int8)
    found = trial(HELD, answered(HELD, 0.01, status=refused, reply=rejected))
    assert found.verdict == "invalid"
    assert (
        found.because == "the target refused the credentials, every reply was 403: check its [operation.auth]"
    )


class Delivering(Observer):
    """The far side of `Servers` with one queue behind their yes, by arithmetic: it delivers at one rate what
    it was ever given. As the exit of a real one it sees every message."""

    def __init__(self, engine: Servers, per_s: float) -> None:
        self._engine = engine
        self._per_s = per_s
        self._waiting = 0.0
        self.waited = 0

    @property
    def sees_each(self) -> bool:
        return True

    def latest(self, meaning: Meaning) -> float | None:
        return 0.0

    def settle(self, backlog_before: float, longest_s: float) -> bool:
        self.waited += 1
        self._waiting = 0.0
        return True

    def since(self, started_at: float) -> Observed:
        played = self._engine.last
        assert played is not None
        ended_s, messages = np.sort(played.records.ended_s), played.records.accepted
        at_s = np.arange(0.0, played.schedule.duration_s + 0.2, 0.05)
        given = self._waiting + np.searchsorted(ended_s, at_s) * float(messages.mean())
        delivered = np.minimum.accumulate((given - self._per_s * at_s)[::-1])[::-1].min()
        delivered = np.minimum(given, self._per_s * at_s + max(0.0, float(delivered)))
        self._waiting = float(given[-1] - delivered[-1])
        return Observed(at_s, {"delivered": delivered, "backlog": given - delivered})


def both_ceilings(accepts_per_s: float, delivers_per_s: float) -> Ceiling:
    engine = Servers(4, 4 / accepts_per_s)
    observer = Delivering(engine, delivers_per_s)
    return find_ceiling(engine, OBJECTIVES, budget_s=20.0, watcher=SILENT, observer=observer)


def test_a_target_that_accepts_more_than_it_delivers_has_two_ceilings() -> None:
    found = both_ceilings(accepts_per_s=1600.0, delivers_per_s=300.0)
    assert found.accept is not None
    assert found.delivery is not None
    assert found.delivery.point_per_s == pytest.approx(300.0, rel=0.05)
    assert found.delivery.sustained_per_s == pytest.approx(300.0, rel=0.02)
    assert found.accept.point_per_s == pytest.approx(1600.0, rel=0.05)
    assert found.limited_by == "backlog"
    assert found.point_per_s == pytest.approx(300.0, rel=0.05)


def test_where_acceptance_binds_first_delivery_is_a_lower_bound() -> None:
    found = both_ceilings(accepts_per_s=400.0, delivers_per_s=4000.0)
    assert found.accept is not None
    assert found.delivery is not None
    assert found.accept.point_per_s == pytest.approx(400.0, rel=0.05)
    assert found.delivery.is_lower_bound
    assert found.delivery.low_per_s == pytest.approx(400.0, rel=0.1)
    assert found.point_per_s == pytest.approx(found.accept.point_per_s, rel=0.001)


def test_a_delivery_ceiling_is_never_told_of_what_was_not_observed() -> None:
    found = find_ceiling(Servers(4, 0.01), OBJECTIVES, budget_s=8.0, watcher=SILENT)
    assert (found.delivery, found.delivery_observed) == (None, False)
    assert document.summary(found)["delivery_per_s"] is None


def test_an_objective_of_deliveries_breaks_a_trial_and_leaves_acceptance_alone() -> None:
    slow = DeliveryDelays(HELD.due_s, np.full(800, 70.0), final=True)
    asked = (*OBJECTIVES, parse_objective("delivery_p99<=60s", "send api"))
    records = answered(HELD, 0.01)
    judged = judge_trial("t", HELD, records, asked, delivered_at(500.0, 200.0), slow)
    assert (judged.verdict, judged.accepts, judged.delivers) == ("breaks", "holds", "holds")
    assert "delivery_p99 is 70 s, at most 60 s asked" in judged.because
    unseen = judge_trial("t", HELD, records, asked)
    assert unseen.verdict == "invalid"
    assert "delivery not observed" in unseen.because
