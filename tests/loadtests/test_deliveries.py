"""What was delivered, of services whose every delivery is known."""

import math

import numpy as np
import pytest

from loadtests import deliveries
from loadtests.arrivals import Found, Sent, run_number, seen_of
from loadtests.deliveries import deliveries_counted, deliveries_of
from loadtests.evidence import DeliveryDelays
from loadtests.passage import Watch
from loadtests.targets.observing import Observed
from loadtests.tracing import observed_of, spread_until, trace

RUN = "ab12cd34"
WATCH = Watch("events", "", settled=True, quiet_s=2.0, way="webhook", place="the webhook receiver")


def sent(count, per_s, first=0):
    due_s = np.arange(count) / per_s
    tries = np.ones(count, dtype=np.int64)
    return Sent(run_number(RUN), first, due_s, due_s, due_s + 0.01, tries, np.ones(count, dtype=np.int64))


def seen(rows):
    """`rows`: (at_s, number)."""
    return seen_of((at_s, Found(run_number(RUN), (number,)), True) for at_s, number in rows)


def at_most(per_s, count, lag_s=0.0):
    """Deliveries of a first-in-first-out service with this rate that always has something to do."""
    return [((n + 1) / per_s + lag_s, n) for n in range(count)]


def test_accepts_fast_and_delivers_slowly_is_seen():
    messages = sent(800, per_s=400.0)
    found = deliveries_of(trace(messages, seen(at_most(100.0, 800))), 2.0, WATCH)
    assert (found.accepted, found.delivered, found.lost, found.duplicated) == (800, 800, 0, 0)
    assert not found.kept_up
    assert found.delivered_per_s == pytest.approx(100.0, rel=0.02)
    assert found.sustained_per_s == pytest.approx(100.0, rel=0.001)
    # the last of 800 is due at 1.9975 s, said yes to 10 ms later and delivered at 8 s
    assert found.since_due_s.max == pytest.approx(8.0 - 799 / 400)
    assert found.since_accepted_s.max == pytest.approx(8.0 - 799 / 400 - 0.01)
    assert found.backlog_max == pytest.approx(600.0, abs=5.0)
    assert [second.delivered for second in found.seconds] == [100.0] * 8
    assert found.seconds[-1].backlog == 0.0


def test_what_is_lost_is_never_and_what_is_on_its_way_is_not_lost():
    rows = at_most(100.0, 99)
    lost = deliveries_of(trace(sent(100, 100.0), seen(rows)), 1.0, WATCH)
    assert (lost.lost, lost.under_way, lost.since_accepted_s.max) == (1, 0, math.inf)
    going_on = Watch("events", "", settled=False, quiet_s=2.0, way="webhook")
    waiting = deliveries_of(trace(sent(100, 100.0), seen(rows)), 1.0, going_on)
    assert (waiting.lost, waiting.under_way) == (None, 1)


def test_a_webhook_that_names_no_message_makes_it_invalid():
    nameless = seen_of([(1.0, Found(-1, ()), True)] * 10)
    found = deliveries_of(trace(sent(10, 100.0), nameless), 1.0, WATCH)
    assert not found.valid
    assert "10 of 10 arrivals carry no id" in found.invalid_because
    nothing = deliveries_of(trace(sent(10, 100.0), seen([])), 1.0, WATCH)
    assert "nothing arrived at the webhook receiver" in nothing.invalid_because


def test_what_only_counts_tells_rates_and_backlog_but_no_delays():
    at_s = np.arange(-0.05, 2.1, 0.05)
    delivered = 7.0 + np.maximum(0.0, at_s) * 100.0
    found = deliveries_counted(sent(800, 400.0), Observed(at_s, {"delivered": delivered}), 2.0)
    assert found is not None
    assert (found.observed, found.lost, found.kept_up) == ("counters", None, False)
    assert found.delivered_per_s == pytest.approx(100.0)
    assert math.isnan(found.since_due_s.p50)
    assert [second.delivered for second in found.seconds[:2]] == pytest.approx([100.0, 100.0])
    assert deliveries_counted(sent(8, 4.0), Observed(at_s), 2.0) is None


def test_what_earlier_plays_left_in_the_service_is_delivered_at_its_rate_too():
    earlier = [(n / 100.0, n) for n in range(1, 150)]
    own = [(1.5 + (n - 150) / 100.0, n) for n in range(150, 250)]
    traced = trace(sent(100, 50.0, first=150), seen([*earlier, *own]))
    observed = observed_of(traced, 2.5)
    assert observed.slope_per_s("delivered", 1.0, 2.0) == pytest.approx(100.0, rel=0.01)
    assert observed.gained("delivered") == 249.0
    assert deliveries_of(traced, 2.0, WATCH).delivered == 100


def test_events_that_travel_together_are_no_steps_in_the_rate():
    moments_s = np.repeat(np.arange(0.1, 2.05, 0.1), 30)
    at_s = np.arange(0.0, 2.001, 0.05)
    assert np.diff(spread_until(moments_s, at_s)) == pytest.approx(np.full(40, 15.0))
    late = spread_until(np.array([5.0, 5.0]), np.array([0.0, 4.7, 5.0]))
    assert late.tolist() == [0.0, 0.0, 2.0]


def test_it_reads_back_as_it_was_written_also_what_is_infinite():
    found = deliveries_of(trace(sent(100, 100.0), seen(at_most(100.0, 99))), 1.0, WATCH)
    assert deliveries.from_document(deliveries.to_document(found)) == found
    assert deliveries.summary(found)["since_due_s"]["max"] is None
    assert "seconds" not in deliveries.summary(found)


def whole(delays, quantity):
    return delays.read(quantity, np.ones(delays.due_s.size, dtype=bool))


def test_an_objective_is_not_judged_by_messages_that_may_still_come():
    due_s = np.zeros(200)
    delay_s = np.where(np.arange(200) < 190, 1.0, np.inf)
    on_their_way = DeliveryDelays(due_s, delay_s, final=False)
    assert whole(on_their_way, "delivery_p90").value == 1.0
    assert "still on their way" in whole(on_their_way, "delivery_p99").missing
    assert "still on their way" in whole(on_their_way, "lost_share").missing
    over = DeliveryDelays(due_s, delay_s, final=True)
    assert whole(over, "delivery_p99").value == math.inf
    assert whole(over, "lost_share").value == 0.05
    assert "too little data" in whole(DeliveryDelays(due_s[:50], delay_s[:50], True), "delivery_p99").missing
