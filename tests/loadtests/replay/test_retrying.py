"""Retries as a client makes them: after Retry-After and a backoff, within a budget, beside the schedule."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.attempts import requests
from loadtests.measurement import measure
from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.retrying import BUDGET_FLOOR, Comebacks
from loadtests.replay.schedule import constant
from scenarios.pipeline import Retries
from sim.pipeline.retries import backoff_range_s
from tests.loadtests.replay.accounts import assert_accounted, faults

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
LIMITED = b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n"
LAW = Retries(attempts=4, backoff="1s", cap="3s", jitter=0.25)
SECOND_NS = 1_000_000_000


def middle(low: float, high: float) -> float:
    return (low + high) / 2.0


def send(request: int) -> tuple[int, int, int, int, int]:
    return (0, request, request, 1, 0)


def refusing(first: bytes, then: bytes = ACCEPTED):
    """Answers each message's first request with `first`, all later ones with `then`."""
    seen: set[bytes] = set()

    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            message = server.requests[-1].split(b",")[0]
            sock.sendall(then if message in seen else first)
            seen.add(message)

    return talk


def test_without_the_option_nothing_is_sent_again(serve, replay) -> None:
    server = serve(refusing(LIMITED))
    records = replay(server.port, constant(100.0, 0.1))
    assert (records.attempt == 1).all()
    assert len(server.requests) == 10


def test_a_limited_send_comes_back_after_its_backoff_with_the_same_message_and_is_one_request(
    serve, replay
) -> None:
    schedule = constant(100.0, 0.1, batch=2)
    server = serve(refusing(LIMITED))
    records = replay(server.port, schedule, Bounds(retries=2))
    assert_accounted(records, 5)
    assert records.attempt.tolist() == [1, 2] * 5
    assert records.reply.tolist() == [Reply.LIMITED, Reply.ACCEPTED] * 5
    low_s, high_s = backoff_range_s(Retries(attempts=3), 1)
    waited_s = records.picked_s[1::2] - records.ended_s[0::2]
    assert (waited_s >= low_s).all()
    # A tick of 10 ms is how finely comebacks are looked at; the rest is for a busy machine.
    assert (waited_s <= high_s + 0.5).all()
    assert sorted(int(body.split(b",")[0]) for body in server.requests) == sorted([0, 2, 4, 6, 8] * 2)
    measured = measure("again", schedule, records)
    assert (measured.started, measured.accepted, measured.limited) == (5, 5, 0)
    assert (measured.attempts, measured.messages_due, measured.messages_accepted) == (10, 10, 10)
    latency_s = requests(schedule, records).latency_s
    assert np.allclose(latency_s, records.ended_s[1::2] - schedule.due_s)


def test_retry_after_is_a_wait_of_at_least_so_long(serve, replay) -> None:
    says = LIMITED.replace(b"\r\n\r\n", b"\r\nRetry-After: 2\r\n\r\n")
    records = replay(serve(refusing(says)).port, constant(20.0, 0.1), Bounds(retries=1))
    assert records.attempt.tolist() == [1, 2] * 2
    assert (records.picked_s[1::2] - records.ended_s[0::2] >= 2.0).all()


def test_first_attempts_stay_on_schedule_while_all_come_back(serve, answering, replay) -> None:
    """The target refuses everything; when each first attempt was picked does not depend on it."""
    bounds = Bounds(retries=3, retry_budget_share=1.0, drain_s=0.2)
    records = replay(serve(answering(LIMITED)).port, constant(100.0, 1.5), bounds)
    assert_accounted(records, 150)
    assert (records.attempt > 1).any()
    first = records.attempt == 1
    assert float(np.median(records.picked_s[first] - records.due_s[first])) < 0.01


def test_a_refused_connection_is_tried_again(serve, answering, replay) -> None:
    server = serve(answering(ACCEPTED))
    server.close()
    records = replay(server.port, constant(20.0, 0.1), Bounds(retries=1))
    assert faults(records) == {"REFUSED": 4}
    assert records.attempt.tolist() == [1, 2] * 2


def test_what_was_still_to_come_back_when_the_run_ended_keeps_its_last_fate(serve, answering, replay) -> None:
    server = serve(answering(LIMITED.replace(b"\r\n\r\n", b"\r\nRetry-After: 60\r\n\r\n")))
    began_s = time.monotonic()
    records = replay(server.port, constant(50.0, 0.2), Bounds(retries=5, drain_s=2.0))
    assert time.monotonic() - began_s < 10.0
    assert records.reply.tolist() == [Reply.LIMITED] * 10
    assert (records.attempt == 1).all()


@pytest.mark.parametrize(
    ("reply", "fault"),
    [(Reply.REJECTED, Fault.NONE), (Reply.ACCEPTED, Fault.NONE), (Reply.NONE, Fault.MALFORMED)],
)
def test_what_another_attempt_would_not_change_does_not_come_back(reply, fault) -> None:
    assert not Comebacks(LAW, 1.0, middle, lambda: 1).take_back(send(0), 1, reply, fault, None, 0)


def test_waits_double_up_to_the_cap_and_end_after_the_last_attempt() -> None:
    back = Comebacks(LAW, 1.0, middle, lambda: 1)
    for attempt, wait_s in ((1, 1.0), (2, 2.0), (3, 3.0)):
        assert back.take_back(send(0), attempt, Reply.FAILED, Fault.NONE, None, 0)
        assert list(back.due(int(wait_s * SECOND_NS) - 1)) == []
        assert list(back.due(int(wait_s * SECOND_NS))) == [(send(0), attempt + 1)]
    assert not back.take_back(send(0), 4, Reply.FAILED, Fault.NONE, None, 0)


@given(st.floats(0.01, 0.5), st.integers(100, 2000))
def test_retries_are_never_more_than_their_share_of_the_first_attempts(share: float, sends: int) -> None:
    firsts = iter(range(1, sends + 1))
    back = Comebacks(LAW, share, middle, lambda: next(firsts))
    taken = sum(back.take_back(send(n), 1, Reply.LIMITED, Fault.NONE, None, 0) for n in range(sends))
    assert taken <= max(BUDGET_FLOOR, share * sends + 1)
    assert taken >= min(sends, max(BUDGET_FLOOR, int(share * sends)))
