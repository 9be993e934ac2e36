"""What was fitted, brought into the scenario it was fitted for."""

from __future__ import annotations

import math

import pytest

from loadtests.calibration import PARALLELISM, SERVICE_TIME, VARIATION, Calibration, Fitted
from loadtests.fitting import believed_of, settings_of
from scenarios.catalogue import load
from scenarios.scenario import Scenario
from sim.pipeline.workers import mean_s


def calibration(**after: float) -> Calibration:
    """Fitted values by name, with intervals that do not matter here."""
    names = {"service_s": SERVICE_TIME, "variation": VARIATION, "workers": PARALLELISM}
    fitted = [Fitted(names.get(n, f"provider.{n}.rate"), "", 1.0, v, v, v) for n, v in after.items()]
    return Calibration(tuple(fitted), (), (), ("ceiling-01",), "peak")


def corrected(found: Calibration, scale: float = 1.0, settings: tuple[str, ...] = ()) -> Scenario:
    """The smoke scenario with what was found, validated as any scenario is."""
    scenario = load("smoke", settings).scenario
    return load("smoke", (*settings, *settings_of(found, scenario, scale))).scenario


def test_service_time_variation_and_workers_come_into_the_scenario() -> None:
    workers = corrected(calibration(service_s=0.0231, variation=0.21, workers=6.6)).pipeline.workers
    assert workers.service_time == pytest.approx(0.0231, rel=1e-6)
    assert workers.variation == pytest.approx(0.21)
    assert workers.distribution == "lognormal"
    assert workers.count == 7


@pytest.mark.parametrize("measured", [0.0, 1e-9, 0.3, 5.0, 7.5])
@pytest.mark.parametrize("believed", ["deterministic", "exponential", "lognormal"])
def test_whatever_was_believed_the_measured_variation_holds_and_validates(
    believed: str, measured: float
) -> None:
    settings = (f"pipeline.workers.distribution={believed}",)
    workers = corrected(calibration(service_s=0.02, variation=measured), settings=settings).pipeline.workers
    assert workers.distribution == "lognormal"
    assert workers.variation == pytest.approx(min(measured, 5.0), abs=1e-6)


def test_what_was_measured_at_a_scale_is_brought_to_full_size() -> None:
    found = calibration(service_s=0.02, workers=2.0, **{"mail-provider": 25.0})
    scenario = corrected(found, scale=0.1)
    assert scenario.pipeline.workers.count == 20
    assert scenario.pipeline.workers.service_time == pytest.approx(0.02)
    rates = {p.name: p.limits[0].rate for p in scenario.providers}
    assert rates["mail-provider"] == pytest.approx(250.0)
    assert rates["push-gateway"] == load("smoke").scenario.providers[0].limits[0].rate


def test_the_workers_are_at_least_one() -> None:
    assert corrected(calibration(workers=0.2)).pipeline.workers.count == 1


def test_a_limit_that_all_share_takes_the_place_of_every_provider() -> None:
    before = load("smoke").scenario
    scenario = corrected(calibration(all=100.0), scale=0.5)
    (shared,) = scenario.providers
    assert shared.limits[0].rate == pytest.approx(200.0)
    assert set(shared.channels) == {channel for p in before.providers for channel in p.channels}
    seconds = [
        sum(limit.burst for p in s.providers for limit in p.limits) / _total(s) for s in (before, scenario)
    ]
    assert seconds[1] == pytest.approx(seconds[0], rel=0.01)


def _total(scenario: Scenario) -> float:
    return sum(limit.rate for p in scenario.providers for limit in p.limits)


def test_nothing_fitted_changes_nothing() -> None:
    assert settings_of(calibration(), load("smoke").scenario, 1.0) == []


def test_what_is_believed_is_the_scenarios_at_the_rehearsed_scale() -> None:
    scenario = load("smoke", ("pipeline.workers.distribution=exponential",)).scenario
    own = believed_of(scenario.scaled(0.5), ("mail-provider",))
    assert (own.service_s, own.workers, own.variation) == (0.015, 2, 1.0)
    assert own.limit_per_s == {"mail-provider": pytest.approx(_rate(scenario, "mail-provider") / 2)}
    together = believed_of(scenario, ("all",))
    assert together.limit_per_s == {"all": pytest.approx(_total(scenario))}


CREW = (
    "pipeline.workers.batch=5",
    "pipeline.workers.stalls={rate='2/s', length='50ms'}",
    "pipeline.workers.distribution=empirical",
    "pipeline.workers.quantiles=['5ms', '15ms', '25ms']",
    "pipeline.workers.autoscaling={most=5, on='backlog', target=10.0}",
)


def test_batches_and_stalls_are_believed_as_plain_workers_who_carry_as_much() -> None:
    own = believed_of(load("smoke", CREW).scenario, ("all",))
    assert (own.workers, own.service_s) == (20, pytest.approx(0.015 * 1.1))
    of_service, of_stalls = 20.0**2 / 12.0 / 15.0**2, 2.0 * 0.05**2 / 0.015 / 1.1**2
    assert own.variation == pytest.approx(math.sqrt(of_service + of_stalls))


def test_what_was_measured_takes_the_place_of_quantiles_and_stalls_and_leaves_batches() -> None:
    found = calibration(service_s=0.03, variation=0.4, workers=40.0)
    workers = corrected(found, settings=CREW).pipeline.workers
    assert (workers.distribution, workers.quantiles) == ("lognormal", ())
    assert workers.stalls is not None
    assert (mean_s(workers), workers.stalls.rate) == (pytest.approx(0.03), 0.0)
    assert workers.autoscaling is not None
    assert (workers.count, workers.batch, workers.autoscaling.most) == (8, 5, 8)


def test_a_provider_without_limits_is_believed_unlimited() -> None:
    scenario = load("smoke", ("provider.mail-provider.limits=[]",)).scenario
    assert math.isinf(believed_of(scenario, ("mail-provider",)).limit_per_s["mail-provider"])


def _rate(scenario: Scenario, name: str) -> float:
    return next(p for p in scenario.providers if p.name == name).limits[0].rate
