"""The compiled turn says the same of every answer as Python does, however the answer is cut into pieces."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtests.replay.answercode import ordinary
from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Fault
from loadtests.replay.http1 import Inbox
from loadtests.replay.schedule import constant
from loadtests.replay.stencils import ID_DIGITS, Stencil
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import at, shipped
from tests.loadtests.replay.accounts import assert_accounted, faults, said

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


@numba.njit
def _ordinary(data):
    return ordinary(data, 0, data.size)


def recognised(answer: bytes) -> int:
    status, body_bytes = _ordinary(np.frombuffer(answer, dtype=np.uint8))
    assert body_bytes == (len(answer.partition(b"\r\n\r\n")[2]) if status else 0)
    return int(status)


@pytest.mark.parametrize(
    "answer",
    [
        ACCEPTED,
        b"HTTP/1.1 200 OK\r\ncontent-length:2\r\nConnection: Keep-Alive\r\nX: y\r\n\r\nok",
        b"HTTP/1.1 201\r\nDate: now\r\nCONTENT-LENGTH: 10\r\n\r\n0123456789",
    ],
)
def test_an_answer_of_a_stated_length_is_recognised(answer: bytes) -> None:
    assert recognised(answer) == int(answer[9:12])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\n\r\n",
        b"HTTP/1.0 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\nx",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0x0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 2020 Accepted\r\nContent-Length: 0\r\n\r\n",
        b"garbage",
    ],
)
def test_whatever_is_less_plain_is_left_to_python(answer: bytes) -> None:
    assert recognised(answer) == 0


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"Content-Length: 0", b"content-length:3", b"CONTENT-LENGTH:  3", b"Content-Length: 03"]
        ),
        st.sampled_from([b"Connection: keep-alive", b"Connection: close", b"connection:keep-alive, close"]),
        st.sampled_from([b"Transfer-Encoding: chunked", b"Content-Length: +3", b"Content-Length: 3 ", b""]),
        st.binary(max_size=12),
    ),
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [b"HTTP/1.1 202 Accepted", b"HTTP/1.1 200", b"http/1.1 204 x", b"HTTP/1.1 304 N", b"HTTP/1.1 20"]
    ),
    LINES,
    st.sampled_from([b"", b"abc", b"\r\n\r\n", b"abcd"]),
)
def test_what_is_recognised_is_whole_and_keeps_the_connection_in_python_too(
    first: bytes, lines: list[bytes], body: bytes
) -> None:
    answer = b"\r\n".join([first, *lines]) + b"\r\n\r\n" + body
    if status := recognised(answer):
        inbox = Inbox()
        assert inbox.feed(answer)
        assert (inbox.status, inbox.keep_alive, inbox.empty) == (status, True, True)


@dataclass(frozen=True)
class Script:
    """What a server answers to a request: bytes, cut into pieces at `cuts`."""

    answer: bytes
    cuts: tuple[int, ...]

    def say(self, sock: socket.socket) -> None:
        # what comes after the answer would meet the next request, or not
        cuts = () if b"more" in self.answer else self.cuts
        ends = [0, *sorted(cut % (len(self.answer) + 1) for cut in cuts), len(self.answer)]
        for begin, end in pairwise(ends):
            sock.sendall(self.answer[begin:end])
            time.sleep(0.002 if end < len(self.answer) else 0.0)


def answer(status: int, *lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 %d X" % status, *lines]) + b"\r\n\r\n" + body


ANSWERS = st.sampled_from(
    [
        ACCEPTED,
        answer(200, b"content-length: 3", b"Connection: keep-alive", body=b"abc"),
        answer(204),
        answer(202, b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
        answer(429, b"Content-Length: 0"),
        answer(503, b"Content-Length: 2", body=b"no"),
        answer(202, b"Content-Length: 0", b"Connection: close"),
        answer(202, b"Content-Length: 0", body=b"more"),
        answer(202, b"Content-Length: 9", body=b"half"),
        b"no HTTP at all\r\n\r\n",
    ]
)
SCRIPTS = st.lists(
    st.builds(Script, ANSWERS, st.tuples(st.integers(0, 99)) | st.just(())), min_size=1, max_size=5
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scripts=SCRIPTS)
def test_compiled_or_not_a_replay_leaves_the_same_rows(serve, replay, scripts: list[Script]) -> None:
    rows = []
    for compiled in (True, False):

        def talk(server, sock: socket.socket) -> None:
            while server.read_request(sock):
                script = scripts[(len(server.requests) - 1) % len(scripts)]
                script.say(sock)
                if b"half" in script.answer:
                    return

        server = serve(talk)
        records = replay(server.port, constant(200.0, 0.05), Bounds(connections=1), compiled=compiled)
        assert_accounted(records, 10)
        rows.append((said(records), server.requests))
    assert rows[0] == rows[1]


@given(first_id=st.integers(0, 10**ID_DIGITS - 7), messages=st.integers(1, 6))
def test_a_stencil_filled_in_is_the_request_that_is_rendered(first_id: int, messages: int) -> None:
    renderer = Renderer(at(shipped("sendgrid"), "http://127.0.0.1:1"), {"PEAKDAY_API_KEY": "x"})
    stencil = renderer.stencil(messages, "email", "sale")
    assert isinstance(stencil, Stencil)
    assert stencil.filled(first_id) == renderer.render(first_id, messages, "email", "sale")


@pytest.mark.parametrize("messages", [1, 3], ids=["filled in", "rendered"])
@pytest.mark.parametrize("connections", [1, 100])
def test_a_burst_is_sent_whole_and_once(serve, answering, replay, messages: int, connections: int) -> None:
    server = serve(answering(ACCEPTED))
    schedule = constant(2000.0 * messages / 0.01, 0.01, batch=messages)
    records = replay(server.port, schedule, Bounds(connections=connections))
    assert_accounted(records, 2000)
    assert faults(records) == {"NONE": 2000}
    assert (records.accepted == messages).all()
    assert sorted(int(body.split(b",")[0]) for body in server.requests) == list(
        range(0, 2000 * messages, messages)
    )
    assert server.connections <= connections


def test_what_waits_too_long_is_dropped_and_what_is_under_way_too_long_times_out(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        sock.recv(1)

    records = replay(serve(talk).port, constant(1000.0, 0.05), Bounds(connections=2, timeout_s=0.3))
    assert_accounted(records, 50)
    # whoever gets the connection that a time-out freed waited nearly as long
    assert faults(records).keys() <= {"TIMEOUT", "DROPPED_NO_CONNECTION"}
    assert (records.fault == Fault.TIMEOUT).sum() >= 2
    assert (records.ended_s - records.due_s >= 0.3).all()


def test_an_answer_that_comes_with_the_servers_farewell_frees_its_connection_once(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        while server.read_request(sock):
            time.sleep(0.002)
            sock.sendall(ACCEPTED)
            sock.shutdown(socket.SHUT_WR)

    server = serve(talk)
    records = replay(server.port, constant(1000.0, 0.1), Bounds(connections=3))
    assert_accounted(records, 100)
    # a send may meet the close on its way, again and again
    assert faults(records).keys() <= {"NONE", "CLOSED_EARLY", "RESET"}
