"""Whatever a target does wrong: one row an attempt, with its fault; no hang, no crash, no busy loop.

Every test of this folder runs as plain HTTP and over TLS.
"""

from __future__ import annotations

import random
import socket
import time
from collections import Counter

import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Reply
from loadtests.replay.schedule import constant
from loadtests.targets.safety import check
from loadtests.targets.target import at, shipped
from scenarios.problems import EXIT_REFUSED, UserError
from tests.loadtests.replay.accounts import assert_accounted, faults
from tests.loadtests.replay.faults.talks import ACCEPTED, TEN, assert_ten, once, reset

MEGABYTE = b"x" * 1_000_000


def never(server, sock: socket.socket) -> None:
    while server.read_request(sock):
        pass


def test_a_reset_in_the_middle_of_a_response_is_one_row(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        sock.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhal")
        time.sleep(0.02)
        reset(sock)

    assert_ten(replay(serve(talk).port, TEN), "RESET")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhalf", "CLOSED_EARLY"),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "CLOSED_EARLY"),
        (b"HTTP/1.1 202 Acc", "CLOSED_EARLY"),
        (b"", "CLOSED_EARLY"),
        (b"220 mail.example.com ESMTP ready\r\n", "MALFORMED"),
        (random.Random(7).randbytes(4096), "MALFORMED"),
        (b"<html>sorry</html>", "MALFORMED"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: five\r\n\r\nhello", "MALFORMED"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "MALFORMED"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", "TOO_LARGE"),
        (b"HTTP/1.1 202 Accepted\r\nX-Endless: " + b"a" * 100_000, "TOO_LARGE"),
    ],
    ids=[
        "half a response",
        "half a chunk",
        "half a status line",
        "nothing",
        "another protocol",
        "noise",
        "no head at all",
        "a length that is none",
        "an upgrade that nobody asked for",
        "a length of 5000 digits",
        "a head without end",
    ],
)
def test_an_answer_that_is_none_is_one_row_with_its_fault(serve, replay, answer, fault) -> None:
    assert_ten(replay(serve(once(answer)).port, TEN), fault)


@pytest.mark.parametrize(
    ("head", "frame"),
    [
        (b"Content-Length: 100000000\r\n", b"%b"),
        (b"Transfer-Encoding: chunked\r\n", b"F4240\r\n%b\r\n"),
        (b"", b"%b"),
    ],
    ids=["counted", "chunked", "until it closes"],
)
def test_a_body_of_100_megabytes_is_one_row_and_is_not_read_to_its_end(serve, replay, head, frame) -> None:
    sent = Counter[int]()

    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        for _ in range(100):
            sock.sendall(frame % MEGABYTE)
            sent[sock.fileno()] += 1

    records = replay(serve(talk).port, constant(20.0, 0.1))
    assert_accounted(records, 2)
    assert faults(records) == {"TOO_LARGE": 2}
    assert sum(sent.values()) < 100


def test_a_target_that_answers_a_byte_at_a_time_runs_into_the_time_out_without_a_busy_loop(
    serve, replay
) -> None:
    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        for byte in ACCEPTED:
            sock.sendall(bytes([byte]))
            time.sleep(0.1)

    before_s = time.thread_time()
    records = replay(serve(talk).port, TEN, Bounds(timeout_s=1.0))
    assert_ten(records, "TIMEOUT")
    assert (records.ended_s - records.started_s >= 1.0).all()
    assert time.thread_time() - before_s < 0.5


@pytest.mark.parametrize("body_bytes", [20, 4_000_000], ids=["reads the request", "reads a part of it"])
def test_a_target_that_never_answers_runs_into_the_time_out_without_a_busy_loop(
    serve, replay, body_bytes
) -> None:
    def talk(server, sock: socket.socket) -> None:
        if body_bytes < 1000:
            never(server, sock)
        time.sleep(3.0)

    before_s = time.thread_time()
    records = replay(serve(talk).port, TEN, Bounds(timeout_s=1.0), body_bytes)
    assert_ten(records, "TIMEOUT")
    assert (records.ended_s - records.started_s >= 1.0).all()
    assert time.thread_time() - before_s < 0.5


def test_a_target_that_nobody_listens_at_refuses_every_send_once(serve, answering, replay) -> None:
    server = serve(answering(ACCEPTED))
    server.close()
    assert_ten(replay(server.port, TEN), "REFUSED")


def test_a_name_that_nobody_knows_is_refused_before_a_single_send() -> None:
    target = at(shipped("sendgrid"), "http://peakday-nobody.invalid:8025")
    with pytest.raises(UserError) as caught:
        check(target)
    assert caught.value.exit_code == EXIT_REFUSED
    assert "cannot be resolved" in str(caught.value)


@pytest.mark.parametrize("come_again", [b"", b"Retry-After: 1\r\n"], ids=["silent", "says when"])
@pytest.mark.parametrize(
    ("status", "reply"), [(b"429 Too Many Requests", Reply.LIMITED), (b"503 Busy", Reply.FAILED)]
)
def test_a_refusal_is_one_row_with_its_status_and_is_no_fault(
    serve, answering, replay, status, reply, come_again
) -> None:
    server = serve(answering(b"HTTP/1.1 %b\r\n%bContent-Length: 0\r\n\r\n" % (status, come_again)))
    records = replay(server.port, TEN)
    assert_ten(records, "NONE")
    assert set(records.status.tolist()) == {int(status[:3])}
    assert set(records.reply.tolist()) == {int(reply)}


def test_a_target_that_closes_after_every_third_answer_is_connected_to_again(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        for _ in range(3):
            if not server.read_request(sock):
                return
            sock.sendall(ACCEPTED)

    server = serve(talk)
    records = replay(server.port, constant(100.0, 0.3), Bounds(connections=1))
    assert_accounted(records, 30)
    final = dict(zip(records.request.tolist(), records.fault.tolist(), strict=True))
    assert set(final.values()) == {0}
    assert server.connections >= 10


def test_a_target_that_dies_and_comes_back_loses_only_what_it_had(serve, answering, replay) -> None:
    """Every connection is reset once in the middle; all sends due afterwards are accepted."""

    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            if len(server.requests) == 10:
                reset(sock)
                return
            sock.sendall(ACCEPTED)

    records = replay(serve(talk).port, constant(100.0, 0.3), Bounds(connections=1))
    assert_accounted(records, 30)
    final = dict(zip(records.request.tolist(), records.fault.tolist(), strict=True))
    assert sum(fault != 0 for fault in final.values()) <= 1
