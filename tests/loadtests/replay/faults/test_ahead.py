"""Connections opened before time 0: as many as are needed, nothing sent on them, none a fault of a send's."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.exchange import IDLE_NS
from loadtests.replay.schedule import constant
from tests.loadtests.replay.accounts import assert_accounted, faults
from tests.loadtests.replay.faults.talks import ACCEPTED, TEN, assert_ten
from tests.loadtests.waiting import eventually

FORTY = constant(200.0, 0.2)
DUE_AT_FIRST = 10
"""Of these, within 50 ms."""


@pytest.mark.parametrize("most", [3, 1000])
def test_what_is_due_first_has_its_connections_before_time_0_and_nothing_is_sent_on_them(
    serve, answering, replay, most
) -> None:
    server = serve(answering(ACCEPTED))
    expected = min(most, DUE_AT_FIRST)

    def before_time_0() -> None:
        assert eventually(lambda: server.connections == expected)
        time.sleep(0.02)
        assert (server.connections, server.requests) == (expected, [])

    records = replay(server.port, FORTY, Bounds(connections=most), ahead=before_time_0)
    assert_accounted(records, 40)
    assert faults(records) == {"NONE": 40}
    assert (records.started_s >= records.due_s - 1e-9).all()
    assert len(server.requests) == 40


def test_what_the_target_drops_before_it_is_used_costs_no_attempt(serve, replay) -> None:
    dropped = []

    def talk(server, sock: socket.socket) -> None:
        if len(dropped) < DUE_AT_FIRST:
            dropped.append(sock)
            return
        while server.read_request(sock):
            sock.sendall(ACCEPTED)

    def before_time_0() -> None:
        assert eventually(lambda: len(dropped) == DUE_AT_FIRST)
        time.sleep(0.1)

    records = replay(serve(talk).port, FORTY, ahead=before_time_0)
    assert_accounted(records, 40)
    assert faults(records) == {"NONE": 40}


def test_a_target_that_nobody_listens_at_refuses_every_send_once_all_the_same(
    serve, answering, replay
) -> None:
    server = serve(answering(ACCEPTED))
    server.close()
    assert_ten(replay(server.port, TEN, ahead=lambda: None), "REFUSED")


def test_a_server_that_takes_up_few_connections_at_once_answers_all_that_is_sent(serve, replay) -> None:
    """Two workers, each busy with one connection until it is closed, as of a server that forks."""
    idle_workers = threading.Semaphore(2)

    def talk(server, sock: socket.socket) -> None:
        with idle_workers:
            if server.read_request(sock):
                sock.sendall(b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    records = replay(serve(talk).port, FORTY, ahead=lambda: None)
    assert_accounted(records, 40)
    assert faults(records) == {"NONE": 40}


def test_a_request_that_meets_the_close_of_a_connection_long_unused_is_sent_again(serve, replay) -> None:
    met: list[socket.socket] = []

    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            met.append(sock)
            if len(met) == 1:
                return
            sock.sendall(ACCEPTED)

    ahead = lambda: time.sleep(IDLE_NS / 1e9)  # noqa: E731 - a name for it
    records = replay(serve(talk).port, TEN, Bounds(connections=1), ahead=ahead)
    assert_accounted(records, 10)
    assert records.attempt.tolist() == [1, 2] + 9 * [1]
    assert faults(records) == {"CLOSED_EARLY": 1, "NONE": 10}
