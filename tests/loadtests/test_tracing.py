"""What a service passed on, against services whose every step is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import measurement, passage
from loadtests.arrivals import NOBODY, Found, Sent, overtaken, run_number, seen_of
from loadtests.passage import Watch
from loadtests.replay.schedule import constant
from loadtests.tracing import observed_of, passage_of, trace
from tests.loadtests.plays import answered

RUN = "ab12cd34"
WATCH = Watch(stand_in="sendgrid", limits="none", settled=True, quiet_s=2.0)


def sent(count, every_s=0.01, urgent=(), sends=None):
    due_s = np.arange(count) * every_s
    urgency = np.ones(count, dtype=np.int64)
    urgency[list(urgent)] = 0
    tries = np.ones(count, dtype=np.int64) if sends is None else np.array(sends)
    return Sent(run_number(RUN), 0, due_s, due_s + 0.001, due_s + 0.002, tries, urgency)


def looked_at(messages, rows, duration_s=1.0, watch=WATCH):
    """`rows`: (at_s, number or None, good)."""
    seen = seen_of(
        (at_s, Found(run_number(RUN), () if number is None else (number,)), good)
        for at_s, number, good in rows
    )
    requests = np.arange(len(rows))
    flags = {"delivered": seen.good, "limited": ~seen.good}
    return passage_of(trace(messages, seen), requests, flags, duration_s, watch)


def test_a_service_that_passes_all_on_loses_nothing_and_is_as_late_as_it_is():
    messages = sent(100)
    found = looked_at(messages, [(due + 0.25, n, True) for n, due in enumerate(messages.due_s)])
    assert (found.accepted, found.delivered, found.lost, found.duplicated) == (100, 100, 0, 0)
    assert (found.delivery_s.p50, found.arrival_s.p99) == pytest.approx((0.25, 0.25))
    assert (found.attempts_per_message, found.attempts_max) == (1.0, 1)
    assert found.delivered_per_s == pytest.approx(100.0, rel=0.02)
    assert found.valid


def test_lost_is_told_apart_by_whether_it_ever_came():
    messages = sent(40)
    rows = [(1.0 + n, n, True) for n in range(30)] + [(50.0, 30, False), (51.0, 30, False)]
    found = looked_at(messages, rows)
    assert (found.lost, found.never_seen, found.given_up) == (10, 9, 1)
    assert found.delivery_s.p99 == np.inf
    assert found.outcomes == {"delivered": 30, "limited": 2}
    assert found.attempts_per_message == pytest.approx(32 / 31)


def test_while_arrivals_still_go_on_nothing_is_called_lost():
    found = looked_at(sent(40), [(1.0, 3, True)], watch=replace(WATCH, settled=False))
    assert (found.lost, found.never_seen, found.under_way) == (None, None, 39)
    assert found.valid
    whole = looked_at(sent(40), [(1.0, n, True) for n in range(40)], watch=replace(WATCH, settled=False))
    assert (whole.lost, whole.under_way) == (0, 0)


def test_duplicates_are_deliveries_beyond_the_first_and_our_own_repeats_are_named():
    messages = sent(40, sends=[2] + [1] * 39)
    rows = [(1.0, n, True) for n in range(40)] + [(2.0, 0, True), (2.0, 1, True), (3.0, 1, True)]
    found = looked_at(messages, rows)
    assert (found.duplicated, found.resent, found.delivered) == (3, 1, 40)


def test_a_message_delivered_though_the_service_said_no_is_told():
    messages = sent(40)
    refused = messages.acknowledged_s.copy()
    refused[:5] = np.nan
    found = looked_at(replace(messages, acknowledged_s=refused), [(1.0, n, True) for n in range(40)])
    assert (found.accepted, found.unasked, found.lost) == (35, 5, 0)


def test_where_ids_are_missing_nothing_is_said_of_loss():
    rows = [(1.0, n, True) for n in range(20)] + [(1.0, None, True)] * 20
    found = looked_at(sent(40), rows)
    assert not found.valid
    assert "20 of 40 arrivals carry no id" in found.invalid_because
    assert found.lost is None


def test_where_nothing_arrives_the_reason_is_told():
    found = looked_at(sent(40), [])
    assert "nothing arrived" in found.invalid_because
    assert found.delivered_per_s == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (replace(WATCH, clock_step_s=0.4), "clock was set by +0.400 s"),
        (replace(WATCH, complete=False), "ended early"),
    ],
)
def test_a_set_clock_and_a_cut_off_record_make_it_invalid(watch, words):
    found = looked_at(sent(40), [(1.0, n, True) for n in range(40)], watch=watch)
    assert not found.valid
    assert words in found.invalid_because


def test_a_message_that_arrives_before_it_was_sent_says_that_clocks_disagree():
    messages = sent(40)
    rows = [(due - 0.5, n, True) for n, due in enumerate(messages.due_s)]
    assert "before they were sent" in looked_at(messages, rows).invalid_because


def test_what_another_run_left_in_the_service_is_none_of_ours():
    messages = sent(40)
    rows = [(1.0, Found(run_number("00000001"), (n,)), True) for n in range(5)]
    rows += [(2.0, Found(run_number(RUN), (n,)), True) for n in range(40)]
    seen = seen_of(rows)
    found = passage_of(trace(messages, seen), np.arange(45), {"delivered": seen.good}, 1.0, WATCH)
    assert (found.strangers, found.delivered, found.duplicated, found.attempts) == (5, 40, 0, 40)
    assert found.valid


def test_a_service_that_cannot_keep_up_shows_its_rate_and_its_backlog():
    messages = sent(400, every_s=0.005)
    rows = [(0.01 * (n + 1), n, True) for n in range(400)]
    found = looked_at(messages, rows, duration_s=2.0)
    assert not found.kept_up
    assert found.delivered_per_s == pytest.approx(100.0, rel=0.02)
    assert found.exit_per_s == pytest.approx(100.0, rel=0.001)
    seen = seen_of((at_s, Found(run_number(RUN), (n,)), good) for at_s, n, good in rows)
    observed = observed_of(trace(messages, seen), 4.0)
    assert observed.slope_per_s("delivered", 1.0, 2.0) == pytest.approx(100.0, rel=0.02)
    assert observed.slope_per_s("backlog", 1.0, 2.0) == pytest.approx(100.0, rel=0.05)
    assert observed.series["backlog"][-1] == 0.0


def test_overtaking_is_told_by_priority():
    messages = sent(10, every_s=0.0, urgent=(9,))
    found = looked_at(messages, [(1.0 + n, n, True) for n in range(10)])
    urgent, rest = found.classes
    assert (urgent.priority, urgent.messages, urgent.overtaken_max) == ("transactional", 1, 9)
    assert (rest.priority, rest.messages, rest.overtaken_max) == ("marketing", 9, 0)
    assert (found.inversions, found.inverted, found.urgent) == (9, 1, 1)


moments = st.one_of(st.just(np.nan), st.floats(0.0, 10.0))


@given(st.lists(st.tuples(moments, moments, st.integers(0, 1)), max_size=25))
def test_overtaken_counts_every_pair(rows):
    accepted_s, left_s, urgency = (
        (np.array(c) for c in zip(*rows, strict=True)) if rows else (np.empty(0),) * 3
    )
    zeros = np.zeros(len(rows))
    messages = Sent(1, 0, zeros, zeros, accepted_s, zeros.astype(int), urgency.astype(np.int64))
    wanted = [
        sum(mine < theirs and a < at < left for at, theirs in zip(left_s, urgency, strict=True))
        for a, left, mine in zip(accepted_s, left_s, urgency, strict=True)
    ]
    assert overtaken(messages, left_s).tolist() == wanted


def test_a_passage_reads_back_as_it_was_written_also_what_is_infinite():
    found = looked_at(sent(40), [(1.0, n, True) for n in range(30)])
    assert passage.from_document(passage.to_document(found)) == found
    assert passage.summary(found)["delivery_s"]["p99"] is None
    assert NOBODY not in passage.summary(found).values()


def test_what_the_target_does_not_tell_is_taken_from_its_exit():
    schedule = constant(100.0, 0.4)
    exit_of = looked_at(sent(40), [(1.0, n, True) for n in range(39)] + [(2.0, 0, True)])
    found = measurement.measure("x", schedule, answered(schedule, 0.01), passage=exit_of)
    assert (found.lost, found.duplicated) == (1, 1)
    assert measurement.from_document(measurement.to_document(found)).passage == exit_of
