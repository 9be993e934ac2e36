"""Laws of a queue that tenants share fairly, by hypothesis: whatever comes and whenever workers take."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.pipeline import Queue
from sim.pipeline.fairqueue import fair_queue_for
from sim.pipeline.queues import Message, PriorityQueue, queue_for
from tests.sim.pipelines import stream

STREAMS = [stream("sale"), stream("code", priority="transactional")]
FAIR = Queue(fair_share=True)
events = st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=300)
"""A worker takes a message (None), or one of a tenant comes."""


def fair() -> PriorityQueue:
    return fair_queue_for(FAIR, STREAMS, lambda told: int(told.due_s))


@settings(max_examples=60, deadline=None)
@given(events=events)
def test_of_two_tenants_that_wait_all_along_none_gets_two_messages_more(events: list[int | None]) -> None:
    queue, waiting, since = fair(), Counter[int](), dict[tuple[int, int], int]()
    for event in events:
        if event is not None:
            queue.offer(Message(0, float(event)), 0.0)
            waiting[event] += 1
            continue
        found = queue.take(0.0)
        assert (found is None) == (waiting.total() == 0)
        if found is None:
            continue
        tenant = int(found.due_s)
        waiting[tenant] -= 1
        for other in range(6):
            if waiting[other] and waiting[tenant]:
                ahead = since.get((tenant, other), 0) + 1
                since[tenant, other], since[other, tenant] = ahead, -ahead
                assert ahead <= 2  # one turn may have begun before the other came
            else:
                since.pop((tenant, other), None)
                since.pop((other, tenant), None)


@settings(max_examples=60, deadline=None)
@given(events=events)
def test_a_tenants_messages_stay_in_order_and_none_waits_for_two_of_another(events: list[int | None]) -> None:
    queue, sent = fair(), list[Message]()
    passed: dict[int, Counter[int]] = {}
    for event in [*events, *[None] * len(events)]:
        if event is not None:
            told = Message(0, float(event))
            told.attempts = len(sent)
            first_of_tenant = all(int(m.due_s) != event for m in sent if m.attempts >= 0)
            sent.append(told)
            queue.offer(told, 0.0)
            if first_of_tenant:
                passed[id(told)] = Counter()
            continue
        found = queue.take(0.0)
        if found is None:
            continue
        mine = [m for m in sent if m.due_s == found.due_s and m.attempts >= 0]
        assert found is mine[0]
        passed.pop(id(found), None)
        found.attempts = -1
        for others in passed.values():
            others[int(found.due_s)] += 1
            assert others[int(found.due_s)] <= 1


@settings(max_examples=60, deadline=None)
@given(events=events, classes=st.lists(st.integers(0, 1), min_size=300, max_size=300))
def test_a_single_tenants_queue_is_one_line(events: list[int | None], classes: list[int]) -> None:
    both = fair_queue_for(FAIR, STREAMS, lambda _told: 1), queue_for(Queue(), STREAMS)
    for event, of in zip(events, classes, strict=False):
        if event is not None:
            told = Message(of, 0.0)
            for queue in both:
                queue.offer(told, 0.0)
        else:
            one, other = (queue.take(0.0) for queue in both)
            assert one is other
