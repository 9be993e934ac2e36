"""Season objectives against an outcome whose figures are known."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest

from scenarios.objectives import parse_objective
from sim import histogram
from sim.evidence import season_evidence
from sim.judging import Judged, judge
from sim.ledger import QUANTITIES
from sim.outcome import Customers, Outcome
from sim.shelf import in_memory
from sim.traffic import Stream

FLASH = Stream("flash", "push", "flash", "marketing", 60.0, "campaign")
CODES = Stream("codes", "sms", "codes", "transactional", 60.0, "background")
BINS = 100


def outcome(**other: npt.NDArray[np.float32]) -> Outcome:
    """flash: 10 a bin in the first half, delivered over the whole, 100 of them late; codes: 1 a bin.

    other: rows in the place of these.
    """
    nothing = np.zeros((2, BINS), dtype=np.float32)
    offered = np.stack([np.repeat([10.0, 0.0], BINS // 2), np.ones(BINS)]).astype(np.float32)
    delivered = np.stack([np.full(BINS, 5.0), np.ones(BINS)]).astype(np.float32)
    fresh = delivered.copy()
    fresh[0, 80:] = 0.0
    delays = np.stack([histogram.count([20.0] * 400 + [70.0] * 100), histogram.count([0.5] * 100)])
    kept = {"offered": offered, "accepted": offered, "delivered": delivered, "fresh": fresh} | other
    counts = {quantity: kept.get(quantity, nothing) for quantity in QUANTITIES}
    return Outcome(
        streams=(FLASH, CODES),
        starts_at=datetime(2026, 11, 11, tzinfo=UTC),
        bin_s=2.0,
        resolution="cohort",
        seed=1,
        scenario="test",
        planned=np.array([500, 100]),
        suppressed=np.array([0, 0]),
        totals=np.array([counts[quantity].sum(axis=1) for quantity in QUANTITIES], dtype=np.float64),
        delay_counts=delays,
        stages=(),
        customers=Customers(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        wall_s=0.0,
        cpu_s=0.0,
        compile_s=0.0,
        series=in_memory({"backlog": np.cumsum(offered - delivered, axis=1)} | counts | other),
    )


def judged(text: str, of: Outcome | None = None) -> Judged:
    return judge(parse_objective(text, "season"), season_evidence(of or outcome()))


def test_shares_are_of_all_that_was_offered() -> None:
    assert judged("fresh_share>=80%").value == pytest.approx(500 / 600)
    assert judged("fresh_share[flash]>=80%").value == pytest.approx(0.8)
    assert judged("fresh_share[flash]>=80%").holds is True
    assert judged("fresh_share[codes]>=100%").holds is True


def test_what_is_left_in_the_backlog_is_not_fresh() -> None:
    o = outcome()
    cut = outcome(fresh=o.fresh * np.array([[0.5], [1.0]], dtype=np.float32))
    assert judged("fresh_share[flash]>=80%", cut).value == pytest.approx(0.4)


def test_expired_and_failed_messages_are_shares_too() -> None:
    o = outcome()
    some = np.zeros_like(o.expired)
    some[0, 0] = 6.0
    assert judged("expired_share<=1%", outcome(expired=some)).value == pytest.approx(0.01)
    assert judged("failed_share<=0.5%", outcome(failed=some)).holds is False


def test_delays_are_quantiles_over_the_messages_of_one_stream_or_all() -> None:
    assert judged("delay_p50[codes]<=1s").value == pytest.approx(0.5, rel=0.003)
    assert judged("delay_p90<=1min").value == pytest.approx(70.0, rel=0.003)
    assert judged("delay_p50<=1min").holds is True


def test_too_few_deliveries_for_a_delay_are_unknown() -> None:
    o = outcome()
    few = replace(o, delay_counts=o.delay_counts / 10.0)
    result = judged("delay_p99[codes]<=1s", few)
    assert (result.holds, "too little data" in result.because) == (None, True)


def test_the_backlog_is_its_maximum_and_the_drain_from_there_until_it_is_gone() -> None:
    assert judged("backlog<=200").value == 250.0
    assert judged("backlog<=200").holds is False
    assert judged("backlog[codes]<=0").holds is True


def test_a_backlog_that_never_drains_never_meets_its_objective() -> None:
    o = outcome()
    growing = np.cumsum(np.ones_like(o.backlog), axis=1)
    result = judged("drain<=1h", outcome(backlog=growing))
    assert (result.holds, result.value) == (False, math.inf)
    full = np.minimum(np.cumsum(np.ones_like(o.backlog), axis=1) * 10.0, 600.0)
    result = judged("drain<=1h", outcome(backlog=full))
    assert (result.holds, result.value) == (False, math.inf), "a queue that is full at the end"


def test_windows_count_the_fates_that_fell_into_them() -> None:
    assert judged("fresh_share[flash]>=99% over 20s, 80% of them").holds is True
    assert judged("fresh_share[flash]>=99% over 20s").holds is False
    assert judged("backlog<=240 over 20s").holds is False
    assert judged("backlog<=240 over 20s, 80%").holds is True


def test_delays_by_windows_are_said_to_be_unknown() -> None:
    result = judged("delay_p50<=1s over 20s")
    assert (result.holds, "whole season" in result.because) == (None, True)
