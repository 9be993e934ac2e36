"""Measurements of synthetic replays against closed forms."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests import measurement
from loadtests.measurement import Measurement, measure
from loadtests.percentiles import percentiles
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule, constant
from loadtests.targets.observing import Observed
from scenarios.problems import UserError
from tests.loadtests.plays import answered, attempted_twice, dropped, limited

HELD = constant(500.0, 20.0)


def measured(schedule: Schedule, records: SendRecords, observed: Observed | None = None) -> Measurement:
    return measure("t", schedule, records, observed)


def frozen(records: SendRecords, from_s: float, for_s: float) -> SendRecords:
    """The target stands still: whatever is due meanwhile is answered at its end."""
    stuck = (records.due_s >= from_s) & (records.due_s < from_s + for_s)
    return replace(records, ended_s=np.where(stuck, from_s + for_s, records.ended_s))


def test_a_frozen_target_shows_in_the_percentiles_as_arithmetic_says() -> None:
    """2 s frozen in 20 s: a tenth of the requests waits evenly between 0 and 2 s."""
    of = measured(HELD, frozen(answered(HELD, 0.0), 5.0, 2.0))
    assert of.latency_s.p50 == 0.0
    assert of.latency_s.p99 == pytest.approx(1.8, abs=0.005)
    assert of.latency_s.p999 == pytest.approx(1.98, abs=0.005)
    assert of.latency_s.max == pytest.approx(2.0, abs=0.005)
    assert of.valid


def test_a_requests_latency_goes_from_its_first_due_time_to_its_last_answer() -> None:
    schedule = constant(100.0, 1.0)
    records = attempted_twice(answered(schedule, 0.01), schedule.due_s + 0.5)
    of = measured(schedule, records)
    assert of.latency_s.p50 == pytest.approx(0.5)
    assert (of.due, of.attempts, of.accepted, of.limited) == (100, 200, 100, 0)


def test_a_messages_latency_includes_its_wait_for_the_batch_and_weighs_as_one() -> None:
    schedule = replace(
        constant(100.0, 4.0),
        messages=np.where(np.arange(400) < 200, 1, 99).astype(np.int32),
        wait_s=np.full(400, 0.25, dtype=np.float32),
    )
    service_s = np.where(np.arange(400) < 200, 1.0, 2.0)
    of = measured(schedule, answered(schedule, service_s))
    assert of.latency_s.p50 == pytest.approx(2.25)
    assert percentiles(np.array([1.0, 2.0]), np.array([1, 99])).p50 == 2.0
    assert of.messages_due == 20_000
    assert of.service_s.p50 == pytest.approx(1.0)


def test_what_was_dropped_or_limited_is_slow_without_end() -> None:
    records = answered(HELD, 0.01)
    some = np.arange(HELD.due_s.size) % 20 == 0
    for spoiled in (dropped(records, some), limited(records, some)):
        of = measured(HELD, spoiled)
        assert of.latency_s.p90 == pytest.approx(0.01)
        assert math.isinf(of.latency_s.p99)
        assert of.latency_counts[-1] == 500
        assert of.accepted == 9500
        assert of.due == of.started + of.dropped
    assert measured(HELD, dropped(records, some)).faults == {"dropped_no_connection": 500}
    assert measured(HELD, limited(records, some)).limited == 500


def test_replies_are_counted_by_status_attempt_by_attempt_and_errors_by_kind_request_by_request() -> None:
    schedule = constant(100.0, 1.0)
    of = measured(schedule, attempted_twice(answered(schedule, 0.01), schedule.due_s + 0.5))
    assert (of.statuses, of.errors_by_kind) == ({"202": 100, "429": 100}, {})
    some = np.arange(HELD.due_s.size) % 20 == 0
    refused = measured(HELD, limited(answered(HELD, 0.01), some))
    assert refused.statuses == {"202": 9500, "429": 500}
    assert refused.errors_by_kind == {"limited (429)": 500}
    assert refused.below_target_because == "500 requests ended as limited (429)"


def test_less_than_was_offered_is_explained_with_every_reason_and_its_number() -> None:
    some = np.arange(HELD.due_s.size) % 20 == 0
    assert measured(HELD, answered(HELD, 0.01)).below_target_because == ""
    assert (
        "500 requests were dropped"
        in measured(HELD, dropped(answered(HELD, 0.01), some)).below_target_because
    )
    schedule = constant(200.0, 5.0)
    slow = measured(schedule, answered(schedule, 0.01, servers=1)).below_target_because
    assert slow.endswith("requests were accepted only after the replay's end, late or as retries")


def test_goodput_is_what_is_accepted_in_time_and_what_is_owed_is_not() -> None:
    schedule = constant(200.0, 5.0)
    assert measured(schedule, answered(schedule, 0.02)).goodput_per_s == pytest.approx(200.0, rel=1e-6)
    one_server = measured(schedule, answered(schedule, 0.01, servers=1))
    assert one_server.goodput_per_s == pytest.approx(100.0, rel=0.01)
    assert one_server.offered_per_s == 200.0


def test_a_late_generator_makes_the_measurement_invalid_and_says_by_how_much() -> None:
    records = answered(HELD, 0.001)
    late = replace(records, picked_s=HELD.due_s + 0.05, started_s=HELD.due_s + 0.05)
    of = measured(HELD, late)
    assert not of.valid
    assert "late: p99 50 ms" in of.invalid_because
    never = replace(records, picked_s=np.where(HELD.due_s > 10.0, np.nan, HELD.due_s))
    assert "late" in measured(HELD, never).invalid_because


def test_records_that_are_cut_off_or_few_make_the_measurement_invalid() -> None:
    records = answered(HELD, 0.001)
    columns: dict[str, Any] = {n: v[:100] for n, v in vars(records).items() if isinstance(v, np.ndarray)}
    cut = replace(records, **columns, complete=False)
    assert "9900 of 10000 requests have no record" in measured(HELD, cut).invalid_because
    assert not measured(HELD, cut).complete
    few = constant(10.0, 1.0)
    assert "too little data: 10 requests" in measured(few, answered(few, 0.001)).invalid_because


def test_a_lost_worker_makes_the_measurement_invalid() -> None:
    records = dropped(answered(HELD, 0.001), np.arange(10_000) < 7)
    lost = np.where(records.fault != 0, Fault.LOST_WORKER, 0).astype(np.int8)
    assert "7 requests were lost" in measured(HELD, replace(records, fault=lost)).invalid_because


def test_windows_are_seconds_by_due_time() -> None:
    of = measured(HELD, frozen(answered(HELD, 0.0), 5.0, 2.0))
    assert [window.at_s for window in of.windows] == [float(second) for second in range(20)]
    assert {window.due for window in of.windows} == {500}
    assert [round(window.p50_s, 1) for window in of.windows[4:8]] == [0.0, 1.5, 0.5, 0.0]


def test_a_backlog_that_grows_behind_quick_answers_is_seen_in_the_later_half() -> None:
    at_s = np.arange(-0.1, 4.05, 0.05)
    delivered = np.clip(100.0 * at_s + 25.0, 0.0, None)
    observed = Observed(at_s, {"delivered": delivered, "backlog": 150.0 * at_s - delivered})
    schedule = constant(150.0, 4.0)
    of = measured(schedule, answered(schedule, 0.001), observed)
    assert of.delivered_per_s == pytest.approx(100.0)
    assert of.backlog_growth_per_s == pytest.approx(50.0)
    assert [(p.name, p.backlogged) for p in of.providers] == [("all", True)]
    assert of.messages_received is None


def test_samples_that_could_not_be_read_are_left_out() -> None:
    at_s = np.arange(0.0, 4.0, 0.1)
    delivered = np.where(np.arange(40) % 3 == 0, np.nan, 7.0 * at_s)
    assert Observed(at_s, {"delivered": delivered}).slope_per_s("delivered", 2.0, 4.0) == pytest.approx(7.0)
    assert Observed(at_s[:3], {"delivered": delivered[:3]}).slope_per_s("delivered", 0.0, 4.0) is None


@settings(max_examples=25)
@given(
    rate=st.floats(20.0, 300.0),
    servers=st.integers(1, 5),
    drop_every=st.integers(2, 50),
    batch=st.integers(1, 7),
)
def test_every_measurement_adds_up_and_survives_json(
    rate: float, servers: int, drop_every: int, batch: int
) -> None:
    schedule = constant(rate, 3.0, batch=batch)
    records = answered(schedule, 0.01, servers)
    of = measured(schedule, dropped(records, np.arange(schedule.due_s.size) % drop_every == 1))
    assert of.due == of.started + of.dropped == schedule.due_s.size
    assert of.started == of.accepted + of.limited + of.rejected + of.errors
    assert of.latency_counts.sum() == of.messages_due == schedule.messages.sum()
    assert sum(window.due for window in of.windows) == of.due
    document = json.loads(json.dumps(measurement.to_document(of), allow_nan=False))
    again = measurement.from_document(document)
    assert measurement.to_document(again) == measurement.to_document(of)
    assert np.array_equal(again.latency_counts, of.latency_counts)
    json.dumps(measurement.summary(of), allow_nan=False)


def test_a_document_of_another_format_is_refused() -> None:
    with pytest.raises(UserError, match="peakday measurement 1"):
        measurement.from_document({"format": "peakday measurement 0"})


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=300))
def test_percentiles_are_values_that_were_measured_at_their_rank(values: list[float]) -> None:
    of = percentiles(np.array(values))
    ordered = sorted(values)
    for q, value in ((0.5, of.p50), (0.99, of.p99), (0.999, of.p999)):
        assert value == ordered[math.ceil(q * len(values) - 1e-9) - 1]


@pytest.mark.parametrize(
    ("statuses", "refused"), [((401, 401), True), ((401, 403), True), ((401, 500), False)]
)
def test_nothing_but_401_and_403_says_that_the_key_is_wrong_and_nothing_of_the_target(
    statuses: tuple[int, int], refused: bool
) -> None:
    records = answered(HELD, 0.01, status=np.resize(np.array(statuses, dtype=np.int16), HELD.due_s.size))
    records = replace(records, reply=np.full(HELD.due_s.size, Reply.REJECTED, dtype=np.int8))
    found = measure("t", HELD, records, keys="SHOP_KEY (not set: a dummy was sent)")
    assert found.valid is not refused
    if refused:
        by = " or ".join(map(str, sorted(set(statuses))))
        assert found.invalid_because == (
            f"the target refused the credentials, every reply was {by}: "
            "check SHOP_KEY (not set: a dummy was sent)"
        )
