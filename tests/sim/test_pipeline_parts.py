"""Queue, backoff, service times, providers: each law alone."""

from __future__ import annotations

import numpy as np
import pytest

from scenarios.pipeline import Queue, Retries, Workers
from scenarios.problems import UserError
from sim.pipeline.providers import carriers
from sim.pipeline.queues import Message, PriorityQueue, queue_for
from sim.pipeline.retries import backoff_range_s
from sim.pipeline.workers import (
    draw_services,
    erlang_c,
    next_end_points,
    serve,
    served_per_bin,
    service_points,
    variation,
)
from tests.sim.pipelines import scenario, stream

STREAMS = [stream("low", freshness_s=10.0), stream("high", priority="transactional")]


def test_transactional_messages_go_first_and_each_class_keeps_its_order() -> None:
    queue = PriorityQueue(0, STREAMS)
    for i, which in enumerate([0, 1, 0, 1]):
        assert queue.offer(Message(which, float(i)), 0.0)
    taken = [queue.take(4.0) for _ in range(5)]
    assert [m.due_s if m else None for m in taken] == [1.0, 3.0, 0.0, 2.0, None]


def test_a_message_older_than_its_freshness_expires_when_a_worker_would_take_it() -> None:
    queue = PriorityQueue(0, STREAMS)
    queue.offer(Message(0, 0.0), 0.0)
    queue.offer(Message(0, 5.0), 0.0)
    message = queue.take(15.0)
    assert message is not None
    assert message.due_s == 5.0, "an age of exactly the freshness is still fresh"
    assert queue.expired == [(0, 15.0)]


def test_a_full_queue_rejects_newcomers_and_takes_back_those_it_accepted() -> None:
    queue = PriorityQueue(2, STREAMS)
    assert queue.offer(Message(0, 0.0), 0.0)
    queue.away = 1
    assert not queue.offer(Message(1, 0.0), 0.0), "a message in backoff keeps its place"
    queue.put_back(Message(0, 0.0))
    assert queue.waiting() == {0: 2}


def test_thousands_that_expired_outside_a_full_queue_are_found_so_by_one_idle_worker() -> None:
    queue = queue_for(Queue(bound=1, overflow="spill"), [stream("sale", freshness_s=10.0)])
    queue.away = 1  # the only place is promised to a backoff
    for _ in range(5000):
        assert queue.offer(Message(0, 0.0), 0.0)
    assert queue.take(11.0) is None
    assert (len(queue.expired), len(queue)) == (5000, 0)


def test_backoff_doubles_up_to_its_cap_and_jitters_around_it() -> None:
    retries = Retries.model_validate({"backoff": "1s", "cap": "5s", "jitter": 0.2})
    assert [sum(backoff_range_s(retries, k)) / 2 for k in (1, 2, 3, 4, 99)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff_range_s(retries, 2) == pytest.approx((1.6, 2.4))
    assert backoff_range_s(retries, 5000) == pytest.approx((4.0, 6.0)), "no overflow"


def test_servers_take_arrivals_in_order_each_at_the_first_that_is_free() -> None:
    due_s, service_s = np.array([0.0, 0.0, 0.0, 5.0]), np.array([2.0, 3.0, 1.0, 1.0])
    started_s, ended_s = serve(due_s, service_s, 2)
    assert started_s.tolist() == [0.0, 0.0, 2.0, 5.0]
    assert ended_s.tolist() == [2.0, 3.0, 3.0, 6.0]
    with pytest.raises(ValueError, match="0 servers"):
        serve(due_s, service_s, 0)


def test_no_arrivals_are_served_in_no_time() -> None:
    started_s, ended_s = serve(np.zeros(0), np.zeros(0), 3)
    assert started_s.shape == ended_s.shape == (0,)


@pytest.mark.parametrize("distribution", ["deterministic", "exponential", "lognormal"])
def test_service_times_have_their_mean_and_spread(distribution: str) -> None:
    told = {"count": 1, "service_time": "2s", "distribution": distribution, "variation": 0.5}
    workers = Workers.model_validate(told)
    drawn = draw_services(workers, 200_000, np.random.default_rng(1))
    spread = {"deterministic": 0.0, "exponential": 1.0, "lognormal": 0.5}[distribution]
    assert drawn.mean() == pytest.approx(2.0, rel=0.01)
    assert drawn.std() / drawn.mean() == pytest.approx(spread, rel=0.02)
    points = service_points(workers, 512)
    assert points.mean() == pytest.approx(2.0)
    assert np.quantile(drawn, 0.9) == pytest.approx(np.quantile(points, 0.9), rel=0.01)


def test_measured_service_times_are_drawn_as_their_quantiles_say() -> None:
    told = {"count": 1, "distribution": "empirical", "quantiles": ["0s", "1s", "2s", "9s"]}
    workers = Workers.model_validate(told)
    assert workers.service_time == pytest.approx((0.5 + 1.5 + 5.5) / 3)
    drawn = draw_services(workers, 100_000, np.random.default_rng(1))
    assert np.quantile(drawn, [1 / 3, 2 / 3, 5 / 6]) == pytest.approx([1.0, 2.0, 5.5], rel=0.03)
    assert drawn.std() / drawn.mean() == pytest.approx(variation(workers), rel=0.02)
    scaled = Workers.model_validate(told | {"service_time": "5s"})
    assert service_points(scaled, 512) == pytest.approx(2.0 * service_points(workers, 512), rel=1e-6)


def test_the_next_of_busy_workers_is_free_after_what_renewal_theory_says() -> None:
    told = {"service_time": "2s", "distribution": "deterministic"}
    for count, mean_s in ((1, 1.0), (3, 0.5)):
        points_s = next_end_points(Workers.model_validate({"count": count, **told}), 512)
        assert points_s.mean() == pytest.approx(mean_s, rel=0.01)
    memoryless = Workers.model_validate({"count": 1, "service_time": "2s", "distribution": "exponential"})
    assert next_end_points(memoryless, 512).mean() == pytest.approx(2.0, rel=0.01)


def test_erlang_c_is_as_tabulated() -> None:
    # one server: C = rho; 10 servers at 8 erlangs: 0.409 (Cooper, Introduction to Queueing Theory, fig. A.3)
    assert erlang_c(np.array([0.0, 0.3, 1.0]), 1) == pytest.approx([0.0, 0.3, 1.0])
    assert erlang_c(np.array([0.8]), 10) == pytest.approx([0.409], abs=5e-4)


def test_erlang_c_for_many_servers_joins_its_limit_smoothly() -> None:
    rho = np.array([0.9, 0.97, 0.99, 1.0])
    assert erlang_c(rho, 1001) == pytest.approx(erlang_c(rho, 1000), rel=0.04, abs=1e-3)


def test_a_channel_that_nobody_carries_is_the_users_mistake() -> None:
    only_push = {"name": "p", "channels": ["push"]}
    loaded = scenario(10, {"count": 1, "service_time": "1s"}, provider=[only_push])
    with pytest.raises(UserError, match=r"(?s)email.*sms"):
        carriers(loaded.scenario, [stream("a"), stream("b", "sms"), stream("c", "push")])


@pytest.mark.parametrize(("mean", "spread"), [(4.0, 1.0), (50.0, 0.3), (50.0, 1.5), (1e6, 1.0)])
def test_what_workers_serve_in_a_bin_varies_as_the_counts_of_a_renewal_process(
    mean: float, spread: float
) -> None:
    workers = Workers(count=2, service_time="50ms", distribution="lognormal", variation=spread)
    normals = np.random.default_rng(1).standard_normal(400_000)
    served = served_per_bin(workers, mean, normals)
    assert served.min() >= 0.0
    assert served.mean() == pytest.approx(mean, rel=0.01)
    assert served.var() == pytest.approx(spread**2 * mean, rel=0.03)


def test_more_workers_serve_more_in_every_bin_and_regular_ones_always_the_same() -> None:
    normals = np.random.default_rng(1).standard_normal(100_000)
    workers = Workers(count=2, service_time="50ms", distribution="exponential")
    few, more = (served_per_bin(workers, mean, normals) for mean in (40.0, 42.0))
    assert (few <= more).all()
    regular = Workers(count=2, service_time="50ms", distribution="deterministic")
    assert (served_per_bin(regular, 40.0, normals) == 40.0).all()
