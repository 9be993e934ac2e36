"""Fits and predictions against a door of known servers and service times, and the file that keeps them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from loadtests import calibration as calibrating
from loadtests import intervals
from loadtests.calibration import PARALLELISM, SERVICE_TIME, VARIATION, Believed, Calibration, Play, calibrate
from loadtests.measurement import measure
from loadtests.replay.schedule import Schedule, constant
from loadtests.targets.observing import Observed
from scenarios.pipeline import Workers
from scenarios.problems import UserError
from sim.pipeline.workers import draw_services, serve
from tests.loadtests.plays import answered

SERVERS, SERVICE_S, VARIES = 4, 0.02, 0.4
CAPACITY_PER_S = SERVERS / SERVICE_S
BELIEVED = Believed(0.015, 0.5, 2.0, {"mail": 500.0})
LIMIT = "provider.mail.rate"


@dataclass(frozen=True)
class Door:
    """A G/G/c door, first come first served, whose figures are known."""

    workers: Workers
    outside_s: float = 0.0

    def play(self, name: str, rate_per_s: float, for_s: float, observed: Observed | None = None) -> Play:
        schedule = constant(rate_per_s, for_s, arrivals="poisson", seed=len(name))
        return self.answers(name, schedule, observed)

    def answers(self, name: str, schedule: Schedule, observed: Observed | None = None) -> Play:
        random = np.random.default_rng([11, *name.encode()])
        services_s = draw_services(self.workers, schedule.due_s.size, random)
        _, ended_s = serve(schedule.due_s, services_s, self.workers.count)
        records = answered(schedule, 0.0, ended_s=ended_s + self.outside_s)
        return Play(measure(name, schedule, records, observed), records)


def door(distribution: str) -> Door:
    told = {"service_time": f"{SERVICE_S}s", "distribution": distribution, "variation": VARIES}
    return Door(Workers.model_validate({"count": SERVERS, **told}))


def found(of: Door, *rates: float) -> Calibration:
    """Fitted on trials at these parts of the capacity, held out at 0.7 of it: long, because neighbouring
    waits go together, so that a p99 of 20,000 requests still moves by 3 %."""
    trials = [of.play(f"trial-{at}", rate * CAPACITY_PER_S, 100.0) for at, rate in enumerate(rates)]
    return calibrate(BELIEVED, trials, of.play("peak", 0.7 * CAPACITY_PER_S, 600.0))


@pytest.fixture(scope="module", params=["deterministic", "lognormal"])
def saturated(request: pytest.FixtureRequest) -> tuple[str, Calibration]:
    """A door that was held far below its capacity, near it and above it."""
    return request.param, found(door(request.param), 0.2, 0.9, 1.3)


def test_the_service_time_is_fitted_within_2_percent(saturated: tuple[str, Calibration]) -> None:
    assert saturated[1].value(SERVICE_TIME) == pytest.approx(SERVICE_S, rel=0.02)


def test_the_variation_tells_constant_service_times_from_varied_ones(
    saturated: tuple[str, Calibration],
) -> None:
    law, calibration = saturated
    expected = {"deterministic": 0.0, "lognormal": VARIES}[law]
    assert calibration.value(VARIATION) == pytest.approx(expected, rel=0.05, abs=0.05)


def test_the_parallelism_is_fitted_within_3_percent(saturated: tuple[str, Calibration]) -> None:
    assert saturated[1].value(PARALLELISM) == pytest.approx(SERVERS, rel=0.03)


def test_every_interval_holds_its_value_and_says_what_was_believed(
    saturated: tuple[str, Calibration],
) -> None:
    for fitted in saturated[1].fitted:
        assert fitted.low <= fitted.after <= fitted.high, fitted
    assert {f.name: f.before for f in saturated[1].fitted} == {
        SERVICE_TIME: 0.015,
        VARIATION: 0.5,
        PARALLELISM: 2.0,
    }


def test_a_replay_it_was_not_fitted_on_is_predicted_within_5_percent(
    saturated: tuple[str, Calibration],
) -> None:
    _, calibration = saturated
    assert calibration.held_out_on == "peak"
    assert "peak" not in calibration.fitted_on
    assert [p.name for p in calibration.held_out] == ["latency_p50", "latency_p99", "throughput"]
    for predicted in calibration.held_out:
        assert abs(predicted.error) <= 0.05, predicted
        assert predicted.error == pytest.approx(predicted.predicted / predicted.measured - 1.0)


def test_time_spent_outside_of_a_server_is_not_taken_for_more_servers() -> None:
    """Network and disk add 4 ms to each request of 20 ms: throughput x time is 4.8, and there are 4."""
    calibration = found(replace(door("lognormal"), outside_s=0.004), 0.2, 0.9, 1.3)
    assert calibration.value(PARALLELISM) == SERVERS
    assert calibration.value(SERVICE_TIME) == pytest.approx(SERVICE_S, rel=0.02)
    assert max(abs(p.error) for p in calibration.held_out) <= 0.05


def test_a_trial_in_which_many_wait_still_shows_the_service_time() -> None:
    """At 0.8 of the capacity most wait; those that met nobody did not."""
    assert found(door("lognormal"), 0.8, 1.3).value(SERVICE_TIME) == pytest.approx(SERVICE_S, rel=0.05)


def test_where_nothing_saturated_parallelism_is_refused_with_what_is_missing() -> None:
    calibration = found(door("lognormal"), 0.2, 0.6)
    missing = {r.name: r.missing for r in calibration.refused}
    assert "a trial that saturates the workers" in missing[PARALLELISM]
    assert "at least 2.4" in missing[PARALLELISM]
    assert calibration.value(PARALLELISM) is None
    assert calibration.value(SERVICE_TIME) is not None


def test_too_few_answers_fit_nothing_and_predict_nothing() -> None:
    of = door("lognormal")
    few = of.answers("few", constant(10.0, 3.0))
    calibration = calibrate(BELIEVED, [few], few)
    assert calibration.fitted == calibration.held_out == ()
    missing = {r.name: r.missing for r in calibration.refused}
    assert set(missing) == {SERVICE_TIME, VARIATION, PARALLELISM, LIMIT}
    assert "at least 50 accepted requests" in missing[SERVICE_TIME]


def behind_a_limit(limit_per_s: float, offered_per_s: float, for_s: float) -> Observed:
    """A provider that delivers what comes up to its limit, counted every 50 ms."""
    at_s = np.arange(-0.1, for_s + 0.1, 0.05)
    arrived = offered_per_s * np.clip(at_s, 0.0, for_s)
    delivered = np.floor(np.minimum(arrived, limit_per_s * np.clip(at_s, 0.0, None)))
    series: Any = {"delivered": delivered, "backlog": np.floor(arrived) - delivered}
    return Observed(at_s, providers={"mail": series})


def test_a_limit_is_fitted_within_1_percent_from_observed_deliveries() -> None:
    of = door("lognormal")
    trials = [
        of.play(f"trial-{at}", rate, 10.0, behind_a_limit(90.0, rate, 10.0))
        for at, rate in enumerate((60.0, 120.0, 150.0))
    ]
    fitted = {f.name: f for f in calibrate(BELIEVED, trials, trials[0]).fitted}
    assert fitted[LIMIT].after == pytest.approx(90.0, rel=0.01)
    assert fitted[LIMIT].before == 500.0


def test_a_limit_that_nothing_piled_up_behind_is_refused_with_what_is_missing() -> None:
    kept_up = door("lognormal").play("trial", 60.0, 10.0, behind_a_limit(90.0, 60.0, 10.0))
    refused = {r.name: r.missing for r in calibrate(BELIEVED, [kept_up], kept_up).refused}
    assert "its backlog grew while its deliveries were observed" in refused[LIMIT]


def test_a_trial_that_is_not_valid_or_saw_nothing_delivered_tells_of_no_limit() -> None:
    """A machine that stood still for the trial's later half: nothing came out, and much waited."""
    of = door("lognormal")
    stood = of.play("stood", 150.0, 10.0, behind_a_limit(0.0, 150.0, 10.0))
    late = of.play("late", 150.0, 10.0, behind_a_limit(30.0, 150.0, 10.0))
    late = replace(late, measurement=replace(late.measurement, valid=False))
    good = of.play("good", 150.0, 10.0, behind_a_limit(90.0, 150.0, 10.0))
    assert LIMIT not in {f.name for f in calibrate(BELIEVED, [stood, late], good).fitted}
    fitted = {f.name: f.after for f in calibrate(BELIEVED, [stood, late, good], good).fitted}
    assert fitted[LIMIT] == pytest.approx(90.0, rel=0.01)


def test_the_jackknife_of_a_mean_is_the_interval_of_block_means() -> None:
    values = np.random.default_rng(3).exponential(1.0, 1000)
    means = values.reshape(intervals.BLOCKS, -1).mean(axis=1)
    half = 1.833 * means.std(ddof=1) / math.sqrt(intervals.BLOCKS)
    assert intervals.mean(values) == pytest.approx(
        (values.mean(), values.mean() - half, values.mean() + half)
    )


def test_about_nine_of_ten_intervals_of_a_variation_hold_the_true_one() -> None:
    random = np.random.default_rng(5)
    drawn = [intervals.variation(random.gamma(4.0, 1.0, 400)) for _ in range(200)]
    assert 0.82 <= np.mean([low <= 0.5 <= high for _, low, high in drawn]) <= 0.97


def test_a_calibration_survives_json(saturated: tuple[str, Calibration]) -> None:
    text = json.dumps(calibrating.to_document(saturated[1]), allow_nan=False)
    assert calibrating.from_document(json.loads(text)) == saturated[1]


def test_a_limit_believed_to_be_none_survives_json_as_null() -> None:
    trial = door("lognormal").play("trial", 150.0, 10.0, behind_a_limit(90.0, 150.0, 10.0))
    calibration = calibrate(Believed(0.015, 0.5, 2.0, {"mail": math.inf}), [trial], trial)
    document = json.loads(json.dumps(calibrating.to_document(calibration), allow_nan=False))
    assert {f["name"]: f["before"] for f in document["fitted"]}[LIMIT] is None
    assert calibrating.from_document(document) == calibration


def test_a_calibration_of_another_version_is_refused() -> None:
    with pytest.raises(UserError, match=r"peakday calibration 0.*peakday calibration 1"):
        calibrating.from_document({"format": "peakday calibration 0"})
