"""What to change, computed: workers, limits, providers, campaigns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.actions import Situation, actions
from reports.bottleneck import binding, per_minute
from reports.capacity import backlog, least_draining_rate_per_s, least_rate_per_s
from reports.findings import Resource
from reports.results import Results
from scenarios.pipeline import Workers
from sim.traffic import Stream, Traffic


@pytest.fixture
def situation(results: Results) -> Situation:
    """A ceiling of 100/s found by latency, a P90 peak of 142/s, nothing saturated."""
    assert results.loaded is not None
    assert results.simulated is not None
    return Situation(
        scenario=results.loaded.scenario,
        traffic=results.simulated.traffic,
        scaling=1.0,
        ceiling_low_per_s=100.0,
        peak_p90_per_s=142.0,
        limited_by="latency",
        valid=True,
        stages=(Resource("workers", 0.5, 0.5, 0.0),),
        season_misses=False,
    )


def test_workers_grow_in_proportion_to_what_is_missing(situation: Situation) -> None:
    first = actions(situation)[0]
    assert first.text == "raise workers from 4 to 7"
    assert first.setting == "pipeline.workers.count=7"
    assert "175/s" in first.effect


def test_workers_that_are_autoscaled_may_grow_further(situation: Situation) -> None:
    told = Workers.model_validate(
        {"count": 4, "service_time": "15ms", "autoscaling": {"most": 5, "on": "backlog", "target": 10.0}}
    )
    pipeline = situation.scenario.pipeline.model_copy(update={"workers": told})
    scenario = situation.scenario.model_copy(update={"pipeline": pipeline})
    first = actions(replace(situation, scenario=scenario))[0]
    assert first.text == "let workers grow from 5 to 7"
    assert first.setting == "pipeline.workers.autoscaling.most=7"


def test_a_target_that_answers_429_is_asked_for_a_higher_limit_not_for_workers(situation: Situation) -> None:
    texts = [action.text for action in actions(replace(situation, limited_by="limit"))]
    assert texts[0] == "raise the send API's rate limit to 160/s or more"
    assert not any("workers" in text for text in texts)


def test_a_stretched_campaign_brings_the_peak_under_the_ceiling(situation: Situation) -> None:
    found = next(action for action in actions(situation) if action.text.startswith("release "))
    release_per_s = float(found.setting.partition("=")[2].removesuffix("/s"))
    others_per_s = 45.0 + 10.0
    peak_p90 = (release_per_s + others_per_s) * 142.0 / 135.0
    assert found.text.startswith("release flash-push over")
    assert peak_p90 * 1.1 == pytest.approx(100.0, rel=1e-3)


def test_nothing_is_to_be_done_where_the_peak_fits(situation: Situation) -> None:
    assert actions(replace(situation, ceiling_low_per_s=200.0)) == ()


def test_a_saturated_provider_is_asked_for_the_rate_that_keeps_every_message_fresh(
    situation: Situation,
) -> None:
    stages = (Resource("provider:push-gateway", 1.0, 1.0, 90.0),)
    slow = situation.scenario.providers[0].model_copy(
        update={"limits": (situation.scenario.providers[0].limits[0].model_copy(update={"rate": 15.0}),)}
    )
    scenario = situation.scenario.model_copy(update={"providers": (slow, situation.scenario.providers[1])})
    found = actions(replace(situation, ceiling_low_per_s=200.0, scenario=scenario, stages=stages))
    assert [action.text for action in found] == ["ask push-gateway for 20/s or more instead of 15/s"]


def test_a_backlog_that_drains_too_late_asks_for_the_rate_that_drains_it_in_time(
    situation: Situation,
) -> None:
    """8,000 messages in 100 s, at 60/s: 2,000 are left, and 99 % of them gone 33 s later."""
    assert least_draining_rate_per_s(situation.traffic, [0], 33.0) == pytest.approx(60.0, rel=0.01)


def test_an_invalid_measurement_is_to_be_repeated_first(situation: Situation) -> None:
    assert actions(replace(situation, valid=False))[0].text.startswith("repeat the measurement")


def test_the_least_rate_of_a_burst_is_its_messages_over_its_length_and_freshness(results: Results) -> None:
    """8,000 messages in 100 s, each fresh for 300 s: the last one may leave 400 s after the first."""
    assert results.simulated is not None
    assert least_rate_per_s(results.simulated.traffic, [0]) == pytest.approx(8000 / 400, rel=0.01)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30).filter(any), st.floats(1.0, 20.0))
def test_the_least_rate_keeps_every_message_fresh_and_a_twentieth_less_does_not(
    counts: list[int], freshness_s: float
) -> None:
    stream = Stream("sale", "push", "sale", "marketing", freshness_s, "campaign")
    row = np.array([counts], dtype=np.int64)
    start = datetime(2026, 11, 11, tzinfo=UTC)
    traffic = Traffic((stream,), start, 1.0, row, row.sum(axis=1), np.zeros(1, np.int64), 1, "one sale")
    rate_per_s = least_rate_per_s(traffic, [0])

    def late(served_per_s: float) -> bool:
        waits_s = backlog(row[0].astype(np.float64), served_per_s)[row[0] > 0] / served_per_s
        return bool((waits_s > freshness_s * (1.0 + 1e-6)).any())

    assert not late(rate_per_s * (1.0 + 1e-9))
    assert late(rate_per_s * 0.95)


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=50), st.floats(0.0, 1e6))
def test_a_backlog_is_what_arrived_and_was_not_yet_served(arrivals: list[float], served: float) -> None:
    waiting, expected = 0.0, []
    for amount in arrivals:
        waiting = max(0.0, waiting + amount - served)
        expected.append(waiting)
    assert backlog(np.array(arrivals), served) == pytest.approx(expected, abs=1e-3)


def test_a_minute_is_a_mean_and_the_last_one_may_be_short() -> None:
    assert per_minute(np.full(150, 7.0), 1.0).tolist() == [7.0, 7.0, 7.0]


def test_what_limited_the_ceiling_binds_first_with_the_trial_as_evidence(results: Results) -> None:
    stages = (Resource("provider:push-gateway", 0.9, 0.95, 0.0), Resource("workers", 0.4, 0.5, 0.0))
    found = binding(results.ceiling, stages, season_misses=False)
    assert found.what == "the send API's latency"
    assert found.because.startswith("measured: at 204/s p99 310 ms is above 250 ms; simulated")


def test_a_measured_backlog_is_traced_to_the_busiest_stage(results: Results) -> None:
    assert results.ceiling is not None
    stages = (Resource("provider:push-gateway", 1.0, 1.0, 60.0), Resource("workers", 0.4, 0.5, 0.0))
    found = binding(replace(results.ceiling, limited_by="backlog"), stages, season_misses=False)
    assert found.what == "the provider push-gateway"


def test_without_a_ceiling_the_busiest_stage_is_all_one_can_say() -> None:
    assert binding(None, (), season_misses=False).what == ""
    assert binding(None, (Resource("workers", 1.0, 1.0, 9.0),), season_misses=True).what == "the workers"


def test_a_wrong_key_is_to_be_mended_and_no_quieter_machine_is_asked_for(situation: Situation) -> None:
    texts = [action.text for action in actions(replace(situation, valid=False, unauthorized=True))]
    assert texts[0] == "give peakday a key that the target accepts"
    assert not any("quieter" in text for text in texts)
