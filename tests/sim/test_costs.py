"""What messages cost: every call that is not refused is charged, at the price of who took it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios.providers import Provider
from sim import cohort, message
from sim.outcome import Outcome
from sim.outcomefile import read_outcome, write_outcome
from sim.progress import SILENT
from sim.summary import summary
from tests.sim.pipelines import block, scenario, stream, traffic

WORKERS = {"count": 20, "service_time": "20ms", "distribution": "exponential"}
STREAMS = [stream("mail"), stream("text", "sms")]
ENGINES = pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])
MAIL = {"name": "mail", "channels": ["email"], "limits": [{"rate": "100/s", "burst": 10}]}
STANDBY = {"name": "second", "channels": ["email"], "standby": True}
TEXT = {"name": "text", "channels": ["sms"]}


def outcome(run: Any, *providers: dict[str, Any], bounced: float = 0.0) -> Outcome:
    """A minute in which twice as much mail is due as its provider takes, and 50 texts a second; all end."""
    response = {
        "email": {"bounce_share": bounced, "delay": {"median": "1min"}, "act_delay": {"median": "1s"}}
    }
    counts = np.stack([block(200.0, 10, 40, 120, 1), block(50.0, 10, 40, 120, 2)])
    loaded = scenario(120, WORKERS, provider=list(providers), response=response)
    found: Outcome = run(loaded, traffic(STREAMS, counts), 3, SILENT)[1]
    return found


@ENGINES
def test_what_is_delivered_or_bounced_is_charged_and_what_is_refused_is_not(run: Any) -> None:
    found = outcome(run, MAIL | {"price": 0.25}, TEXT | {"price": 2.0}, bounced=0.1)
    told = summary(found)
    mail, text = (each["messages"] for each in told["streams"])
    assert found.limited.sum() > 100
    assert mail["failed"] > 100
    assert found.cost(0) == pytest.approx(0.25 * (mail["delivered"] + mail["failed"]), rel=1e-6)
    assert found.cost(1) == pytest.approx(2.0 * text["delivered"], rel=1e-6)
    assert told["cost"] == pytest.approx(sum(each["cost"] for each in told["streams"]))


@ENGINES
def test_what_the_standby_takes_costs_its_price(run: Any) -> None:
    found = outcome(run, MAIL | {"price": 0.25}, STANDBY | {"price": 1.0}, TEXT | {"price": 0.0})
    delivered, diverted = found.totals[2, 0], float(found.by_standby[0].sum())
    assert 0.3 < diverted / delivered < 0.7
    assert found.cost(0) == pytest.approx(0.25 * (delivered - diverted) + diverted, rel=1e-5)
    assert found.cost(1) == 0.0


def test_both_resolutions_divert_as_much() -> None:
    providers = MAIL | {"price": 0.25}, STANDBY | {"price": 1.0}, TEXT | {"price": 0.0}
    exact, amounts = (outcome(run, *providers).cost(0) for run in (message.run, cohort.run))
    assert amounts == pytest.approx(exact, rel=0.02)


@ENGINES
def test_a_price_that_nobody_tells_makes_a_cost_unknown_only_where_it_matters(run: Any) -> None:
    told = summary(outcome(run, MAIL | {"price": 0.25}, STANDBY, TEXT | {"price": 1.0}))
    assert told["streams"][0]["cost"] is None
    assert told["streams"][1]["cost"] > 0.0
    assert told["cost"] is None
    wide = {"name": "wide", "channels": ["email"], "price": 0.25}
    assert summary(outcome(run, wide, STANDBY, TEXT | {"price": 1.0}))["cost"] > 0.0


def test_costs_are_kept_in_the_file(tmp_path: Path) -> None:
    found = outcome(cohort.run, MAIL | {"price": 0.25}, TEXT)
    write_outcome(found, tmp_path / "outcome.parquet")
    again = read_outcome(tmp_path / "outcome.parquet")
    assert again.costs == found.costs
    assert again.cost(1) is None


@pytest.mark.parametrize(("profile", "price"), [("ses", 0.0001), ("twilio-short-code", 0.0083), ("fcm", 0.0)])
def test_profiles_tell_published_prices(profile: str, price: float) -> None:
    assert Provider.model_validate({"name": "p", "profile": profile}).price == price
