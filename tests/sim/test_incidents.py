"""Shipped seasons in which something breaks: what is published of them comes out, and its cause is seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from scenarios.catalogue import load, load_text
from sim.outcome import Outcome
from sim.simulate import simulate, to_document


def told_of(name: str, settings: Sequence[str] = ()) -> tuple[Outcome, dict[str, dict[str, object]]]:
    """A season simulated, and what is told of each stream by its name."""
    simulated = simulate(load(name, settings))
    document = to_document(simulated)
    return simulated.outcome, {stream["name"]: stream for stream in document["streams"]}


def delay_s(stream: dict[str, object], quantile: str) -> float:
    told = stream["delay_s"]
    assert isinstance(told, dict)
    return float(told[quantile])


def share(stream: dict[str, object], fate: str) -> float:
    told = stream["messages"]
    assert isinstance(told, dict)
    return float(told[fate]) / float(told["offered"])


def test_ten_times_the_average_sends_cyber_monday_up_to_five_hours_late_for_want_of_workers() -> None:
    """Klaviyo's: provisioned for 10x the average, sends of 9 am to noon went out up to 5 h late."""
    outcome, streams = told_of("late-monday")
    assert delay_s(streams["eleven-o-clock-mail"], "p99") / 3600.0 == pytest.approx(5.0, abs=0.25)
    assert delay_s(streams["nine-o-clock-mail"], "p50") > 3600.0
    busy = dict(zip(outcome.stages, outcome.rows("busy_share"), strict=True))
    late = slice(int(3.25 * 3600 / outcome.bin_s), int(10.0 * 3600 / outcome.bin_s))
    assert busy["workers"][late].min() > 0.99
    assert busy["provider:mail-servers"][late].max() < 0.5
    assert outcome.total("limited").sum() == 0.0


def test_three_times_the_workers_send_cyber_monday_in_time() -> None:
    _, streams = told_of("late-monday", ["pipeline.workers.count=1002", "provider.mail-servers.limits=[]"])
    assert delay_s(streams["eleven-o-clock-mail"], "p99") < 3600.0


def test_while_the_primary_is_out_mail_leaves_at_the_standbys_rate_and_catches_up_afterwards() -> None:
    outcome, streams = told_of("provider-outage")
    mail = [i for i, stream in enumerate(outcome.streams) if stream.channel == "email"]
    delivered = outcome.total("delivered", mail)
    assert delivered[5 * 60 : 24 * 60].mean() == pytest.approx(800.0 * (1.0 - 0.0107), rel=0.02)  # bounces
    assert delivered[25 * 60 : 32 * 60].mean() > 4000.0
    assert share(streams["flash-sale-mail"], "expired") < 0.001
    assert (
        0.01 < share(streams["account-mail"], "expired") < 0.1
    )  # it has five minutes, and no lane of its own there


def test_without_a_standby_more_urgent_mail_is_lost_in_the_outage() -> None:
    text = load("provider-outage").toml
    begins = text.index('[[provider]]\nname = "standby-mail"')
    ends = text.index('[[provider]]\nname = "push-gateway"')
    alone = simulate(load_text(text[:begins] + text[ends:], Path("alone.toml")))
    lost = {stream["name"]: share(stream, "expired") for stream in to_document(alone)["streams"]}
    _, streams = told_of("provider-outage")
    assert lost["account-mail"] > share(streams["account-mail"], "expired") + 0.05


def test_naive_retries_keep_all_workers_busy_beyond_their_cause_and_a_budget_ends_that_for_dead_letters() -> (
    None
):
    storm, streams = told_of("retry-storm")
    calm, spared = told_of("retry-storm", ["pipeline.retries.budget=0.1"])
    halved, afterwards = slice(12 * 60, 19 * 60), slice(21 * 60, 28 * 60)
    attempts, tamed = (outcome.total("attempts")[halved].mean() for outcome in (storm, calm))
    assert attempts > 2.9 * storm.total("delivered")[halved].mean()
    assert tamed < 1.15 * calm.total("offered")[halved].mean()
    assert storm.rows("busy_share", [0])[0][afterwards].min() > 0.99
    assert calm.rows("busy_share", [0])[0][afterwards].max() < 0.9
    assert (
        delay_s(streams["doorbuster-text"], "p99") > 600.0 > 60.0 > delay_s(spared["doorbuster-text"], "p99")
    )
    assert share(streams["doorbuster-text"], "failed") == pytest.approx(0.0, abs=0.001)
    assert share(spared["doorbuster-text"], "failed") > 0.1
