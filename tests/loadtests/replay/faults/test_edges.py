"""What a target may do at the edges of a connection: one row an attempt, with its fault, all the same.

Every test of this folder runs as plain HTTP and over TLS.
"""

from __future__ import annotations

import socket
import time

import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Reply
from loadtests.replay.schedule import constant
from tests.loadtests.replay.accounts import assert_accounted, faults
from tests.loadtests.replay.faults.talks import ACCEPTED, TEN, assert_ten, once, reset

TWO = constant(20.0, 0.1)
LONG = 8_000_000
"""Bytes of a body that no socket takes at once."""


def test_an_answer_before_the_body_is_read_and_a_reset_after_it_is_the_answer(serve, replay) -> None:
    """413 and away: what is left unread makes the server's kernel reset the connection."""

    def talk(server, sock: socket.socket) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        time.sleep(0.1)
        reset(sock)

    records = replay(serve(talk).port, TWO, body_bytes=LONG)
    assert_accounted(records, 2)
    assert faults(records) == {"NONE": 2}
    assert set(records.status.tolist()) == {413}
    assert (records.reply == Reply.REJECTED).all()


def test_a_reset_before_the_body_is_read_and_without_an_answer_is_one_row(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        sock.recv(1000)
        reset(sock)

    records = replay(serve(talk).port, TWO, body_bytes=LONG)
    assert_accounted(records, 2)
    assert faults(records) == {"RESET": 2}


def test_a_connection_that_is_reset_as_soon_as_it_is_open_is_one_row(serve, replay) -> None:
    assert_ten(replay(serve(lambda server, sock: reset(sock)).port, TEN), "RESET")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_that_may_have_no_body_and_has_one_stands_and_ends_its_connection(
    serve, answering, replay, status
) -> None:
    server = serve(answering(b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\nhello" % status))
    records = replay(server.port, TEN, Bounds(connections=1))
    assert_ten(records, "NONE")
    assert set(records.status.tolist()) == {int(status[:3])}
    assert server.connections == 10


@pytest.mark.parametrize(
    "head",
    [b"X-Long: " + b"a" * 1_000_000, b"\r\n".join(b"X-%d: 1" % at for at in range(100_000))],
    ids=["one line", "many lines"],
)
def test_a_head_of_a_megabyte_is_too_large(serve, replay, head) -> None:
    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n" + head + b"\r\n\r\n"
    records = replay(serve(once(answer)).port, TWO)
    assert_accounted(records, 2)
    assert faults(records) == {"TOO_LARGE": 2}


def test_a_word_on_an_idle_connection_costs_no_attempt_and_the_connection(serve, replay) -> None:
    """A 408 of a proxy that is tired of waiting, before its close."""

    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        sock.sendall(ACCEPTED)
        time.sleep(0.02)
        sock.sendall(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    server = serve(talk)
    records = replay(server.port, constant(10.0, 0.5), Bounds(connections=1))
    assert_accounted(records, 5)
    assert faults(records) == {"NONE": 5}
    assert set(records.status.tolist()) == {202}
    assert server.connections == 5


def test_a_half_close_after_the_answer_ends_the_connection_and_nothing_else(serve, replay, is_secure) -> None:
    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        sock.sendall(ACCEPTED)
        if not is_secure:
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1000):
                pass

    server = serve(talk)
    records = replay(server.port, TEN, Bounds(connections=1))
    final = dict(zip(records.request.tolist(), records.fault.tolist(), strict=True))
    assert_accounted(records, 10)
    assert set(final.values()) == {0}


def test_a_target_whose_backlog_is_full_is_waited_for_until_the_time_out_without_a_busy_loop(replay) -> None:
    """It listens and never accepts: a few connections are the kernel's, the others never come about."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        before_s = time.thread_time()
        records = replay(listening.getsockname()[1], TEN, Bounds(timeout_s=0.8))
    assert_accounted(records, 10)
    assert set(faults(records)) <= {"TIMEOUT", "DROPPED_NO_CONNECTION"}
    assert time.thread_time() - before_s < 0.5
