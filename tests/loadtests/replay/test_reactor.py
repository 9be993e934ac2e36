"""The open loop against real sockets: every due send is accounted for, on time, whatever the target does."""

from __future__ import annotations

import socket
import threading
import time

import numpy as np
import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.schedule import constant
from tests.loadtests.replay.accounts import assert_accounted, faults

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def test_every_due_send_is_sent_once_and_recorded_once(serve, answering, replay) -> None:
    server = serve(answering(ACCEPTED))
    records = replay(server.port, constant(400.0, 1.0, batch=2, arrivals="poisson", seed=1))
    assert_accounted(records, records.request.size)
    assert faults(records) == {"NONE": records.request.size}
    assert (records.status == 202).all()
    assert (records.reply == Reply.ACCEPTED).all()
    assert (records.accepted == 2).all()
    first_ids = sorted(int(body.split(b",")[0]) for body in server.requests)
    assert first_ids == [2 * request for request in range(records.request.size)]
    assert records.complete
    assert records.duration_s == 1.0


def test_no_send_starts_before_it_is_due_and_its_times_are_in_order(serve, answering, replay) -> None:
    records = replay(serve(answering(ACCEPTED)).port, constant(200.0, 0.5))
    assert (records.due_s <= records.picked_s).all()
    assert (records.picked_s <= records.started_s).all()
    assert (records.started_s < records.ended_s).all()


def test_a_frozen_target_makes_every_send_due_meanwhile_wait_until_it_thaws(serve, replay) -> None:
    """Coordinated omission: a send that is due in the freeze waits at least for what is left of it."""
    freeze_s = 0.8
    frozen, lock = [0.0], threading.Lock()

    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            with lock:
                if len(server.requests) > 100 and not frozen[0]:
                    frozen[0] = time.monotonic()
                    time.sleep(freeze_s)
            sock.sendall(ACCEPTED)

    records = replay(serve(talk).port, constant(200.0, 2.0), Bounds(connections=4))
    assert_accounted(records, 400)
    assert faults(records) == {"NONE": 400}
    latency_s = records.ended_s - records.due_s
    thaw_s = records.ended_s[latency_s.argmax()]
    due = records.due_s
    inside = (due > thaw_s - freeze_s + 0.02) & (due < thaw_s - 0.02)
    assert inside.sum() == pytest.approx(freeze_s * 200, abs=20)
    assert (latency_s[inside] >= thaw_s - due[inside] - 0.02).all()


def test_a_429_is_limited_and_a_500_failed(serve, replay) -> None:
    answers = {0: b"429 Too Many Requests", 1: b"500 Oops", 2: b"202 Accepted"}

    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            which = int(server.requests[-1].split(b",")[0]) % 3
            sock.sendall(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nok" % answers[which])

    records = replay(serve(talk).port, constant(60.0, 0.5), Bounds(connections=1))
    expected = [Reply.LIMITED, Reply.FAILED, Reply.ACCEPTED] * 10
    assert records.reply.tolist() == expected
    assert records.accepted.tolist() == [int(reply == Reply.ACCEPTED) for reply in expected]


def test_what_is_unanswered_when_the_run_ends_says_so_and_what_waits_is_dropped(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            pass

    records = replay(serve(talk).port, constant(50.0, 0.2), Bounds(connections=3, drain_s=0.1))
    assert_accounted(records, 10)
    assert faults(records) == {"UNANSWERED": 3, "DROPPED_RUN_ENDED": 7}


def test_a_send_waits_for_a_connection_until_its_time_out_from_its_due_time(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            pass

    bounds = Bounds(connections=1, timeout_s=0.5, drain_s=5.0)
    records = replay(serve(talk).port, constant(50.0, 0.2), bounds)
    assert_accounted(records, 10)
    dropped = records.fault == Fault.DROPPED_NO_CONNECTION
    assert dropped.sum() >= 1
    assert (records.ended_s[dropped] - records.due_s[dropped] >= 0.5).all()


def test_never_more_connections_than_the_bound_are_open(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            time.sleep(0.02)
            sock.sendall(ACCEPTED)

    server = serve(talk)
    records = replay(server.port, constant(300.0, 0.5), Bounds(connections=5))
    assert_accounted(records, 150)
    assert faults(records) == {"NONE": 150}
    assert server.connections == 5


def test_a_request_that_meets_the_close_of_an_idle_connection_is_sent_again(serve, replay) -> None:
    """The server takes a second request from each connection and closes without a byte."""

    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        sock.sendall(ACCEPTED)
        server.read_request(sock)

    records = replay(serve(talk).port, constant(50.0, 0.4), Bounds(connections=1))
    assert_accounted(records, 20)
    last = dict(zip(records.request, records.fault, strict=True))
    assert set(last.values()) == {Fault.NONE}
    again = records.request[records.attempt == 2]
    assert again.size > 0
    first = (records.attempt == 1) & np.isin(records.request, again)
    assert set(records.fault[first].tolist()) <= {int(Fault.CLOSED_EARLY), int(Fault.RESET)}


def test_a_connection_that_the_target_closed_while_idle_costs_no_attempt(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        sock.sendall(ACCEPTED)

    server = serve(talk)
    records = replay(server.port, constant(20.0, 0.5))
    assert faults(records) == {"NONE": 10}
    assert server.connections == 10


def test_a_connection_whose_answer_came_early_is_used_again_only_after_its_body_is_written(
    serve, replay
) -> None:
    def talk(server, sock: socket.socket) -> None:
        while head := sock.recv(100, socket.MSG_PEEK):
            assert head.startswith(b"POST ")
            sock.sendall(ACCEPTED)
            time.sleep(0.03)
            if not server.read_request(sock):
                return

    server = serve(talk)
    body_bytes = 8_000_000
    records = replay(server.port, constant(20.0, 0.4), Bounds(connections=1), body_bytes)
    assert_accounted(records, 8)
    assert faults(records) == {"NONE": 8}
    assert server.connections == 1
    assert [len(body) for body in server.requests] == [body_bytes] * len(server.requests)
    assert [int(body.split(b",")[0]) for body in server.requests] == list(range(len(server.requests)))


def test_a_stop_ends_the_load_at_once_and_accounts_for_all_that_was_due(serve, answering, replay) -> None:
    server = serve(answering(ACCEPTED))
    began = time.monotonic()
    records = replay(server.port, constant(100.0, 60.0), stop_after_s=0.4)
    assert time.monotonic() - began < 5.0
    assert records.complete
    assert 0.3 < records.duration_s < 5.0
    due = int((constant(100.0, 60.0).due_s <= records.duration_s).sum())
    assert_accounted(records, due)


def test_a_generator_that_cannot_keep_up_still_accounts_for_every_send(serve, answering, replay) -> None:
    server = serve(answering(ACCEPTED))
    records = replay(server.port, constant(200_000.0, 0.2), Bounds(connections=2, drain_s=0.1))
    assert_accounted(records, 40_000)
    assert (records.fault == Fault.DROPPED_RUN_ENDED).any()


def test_a_waiting_replay_sleeps_instead_of_spinning(serve, answering, replay) -> None:
    server = serve(answering(ACCEPTED))
    before_s = time.thread_time()
    replay(server.port, constant(10.0, 1.0))
    assert time.thread_time() - before_s < 0.5


def test_a_stop_leaves_one_row_for_each_of_a_hundred_thousand_waiting_sends(serve, replay) -> None:
    server = serve(lambda server, sock: time.sleep(5.0))
    records = replay(server.port, constant(1_000_000.0, 0.1), Bounds(connections=1), stop_after_s=1.0)
    assert_accounted(records, 100_000)
    assert faults(records) == {"UNANSWERED": 1, "DROPPED_RUN_ENDED": 99_999}
