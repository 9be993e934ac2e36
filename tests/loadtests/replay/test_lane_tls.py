"""Compiled code carries TLS as Python does: the same rows, whatever is said between request and answer."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from itertools import pairwise

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtests.replay import tls
from loadtests.replay.bounds import Bounds
from loadtests.replay.libssl import library
from loadtests.replay.schedule import constant
from loadtests.replay.tls import LaneConnection, Secure
from tests.loadtests.replay.accounts import assert_accounted, faults, said
from tests.loadtests.replay.certificates import NAME
from tests.loadtests.replay.tlsserver import OwnTls, Speaking

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
TLS_1_2 = 0x303

pytestmark = pytest.mark.skipif(library() is None, reason="Python's OpenSSL cannot be called by others here")


@dataclass(frozen=True)
class Script:
    """What a server answers to a request: bytes cut into pieces at `cuts`, `between` before each piece."""

    answer: bytes
    cuts: tuple[int, ...]
    between: str
    ends: str

    def say(self, sock: Speaking) -> bool:
        """False where the connection ends with it."""
        between = {"keys": sock.change_keys, "ticket": sock.hand_out_a_ticket, "": lambda: None}[self.between]
        ends = [0, *sorted(cut % (len(self.answer) + 1) for cut in self.cuts), len(self.answer)]
        for begin, end in pairwise(ends):
            between()
            sock.sendall(self.answer[begin:end])
            time.sleep(0.002 if end < len(self.answer) else 0.0)
        if self.ends == "with a farewell":
            sock.farewell()
        return not self.ends


def answer(status: int, *lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 %d X" % status, *lines]) + b"\r\n\r\n" + body


STAYING = st.sampled_from(
    [
        ACCEPTED,
        answer(200, b"content-length: 3", b"Connection: keep-alive", body=b"abc"),
        answer(200, b"Content-Length: 40000", body=b"y" * 40_000),
        answer(202, b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
        answer(429, b"Content-Length: 0"),
        answer(503, b"Content-Length: 2", body=b"no"),
    ]
)
ENDING = st.sampled_from(
    [
        answer(202, b"Content-Length: 0", b"Connection: close"),
        answer(202, body=b"up to the end"),
        answer(202, b"Content-Length: 9", body=b"half"),
        answer(202, b"Transfer-Encoding: chunked", body=b"9\r\nhalf"),
        b"no HTTP at all\r\n\r\n",
        b"",
    ]
)
CUTS = st.tuples(st.integers(0, 99)) | st.just(())
BETWEEN = st.sampled_from(["", "", "keys", "ticket"])
SCRIPTS = st.lists(
    st.builds(Script, STAYING, CUTS, BETWEEN, st.just(""))
    | st.builds(Script, ENDING, CUTS, BETWEEN, st.sampled_from(["with a farewell", "cut off"])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scripts=SCRIPTS)
def test_compiled_or_not_a_replay_over_tls_leaves_the_same_rows(
    serve, replay, certified, scripts: list[Script]
) -> None:
    rows = []
    for compiled in (True, False):

        def talk(server, sock: Speaking) -> None:
            while server.read_request(sock):
                if not scripts[(len(server.requests) - 1) % len(scripts)].say(sock):
                    return

        server = serve(talk, OwnTls(certified.certificate, certified.key))
        makes = Secure(str(certified.ca), NAME)
        bounds = Bounds(connections=1)
        records = replay(server.port, constant(200.0, 0.05), bounds, makes=makes, compiled=compiled)
        assert_accounted(records, 10)
        rows.append((said(records), server.requests))
    assert rows[0] == rows[1]


@pytest.mark.parametrize("rate_per_s", [40.0, 4000.0], ids=["idle", "busy"])
@pytest.mark.parametrize("between", ["change_keys", "hand_out_a_ticket"])
def test_what_tls_says_for_itself_costs_no_connection_and_no_send(
    serve, replay, certified, trusting, between, rate_per_s
) -> None:
    """On an idle connection too, where nobody waits for an answer."""

    def talk(server, sock: Speaking) -> None:
        while server.read_request(sock):
            sock.sendall(ACCEPTED)
            time.sleep(0.001)
            getattr(sock, between)()

    server = serve(talk, OwnTls(certified.certificate, certified.key))
    schedule = constant(rate_per_s, 10 / rate_per_s)
    records = replay(server.port, schedule, Bounds(connections=1), makes=Secure(trusting, NAME))
    assert_accounted(records, 10)
    assert faults(records) == {"NONE": 10}
    assert server.connections == 1


def test_a_new_handshake_in_the_middle_of_tls_1_2_fails_its_send_alone_compiled_or_not(
    serve, replay, certified, trusting
) -> None:
    rows = []
    for compiled in (True, False):

        def talk(server, sock: Speaking) -> None:
            while server.read_request(sock):
                if len(server.requests) == 3:
                    sock.ask_for_a_new_handshake()
                sock.sendall(ACCEPTED)

        server = serve(talk, OwnTls(certified.certificate, certified.key, TLS_1_2))
        makes = Secure(trusting, NAME)
        bounds = Bounds(connections=1)
        records = replay(server.port, constant(100.0, 0.1), bounds, makes=makes, compiled=compiled)
        assert_accounted(records, 10)
        assert faults(records) == {"NONE": 9, "TLS": 1}
        rows.append(said(records))
    assert rows[0] == rows[1]


@pytest.mark.parametrize("messages", [1, 3], ids=["filled in", "rendered"])
@pytest.mark.parametrize("connections", [1, 100])
def test_a_burst_is_sent_whole_and_once_over_tls(
    serve, answering, replay, certified, trusting, messages: int, connections: int
) -> None:
    server = serve(answering(ACCEPTED), certified.server())
    schedule = constant(1000.0 * messages / 0.01, 0.01, batch=messages)
    bounds = Bounds(connections=connections)
    records = replay(server.port, schedule, bounds, makes=Secure(trusting, NAME))
    assert_accounted(records, 1000)
    assert faults(records) == {"NONE": 1000}
    assert sorted(int(body.split(b",")[0]) for body in server.requests) == list(
        range(0, 1000 * messages, messages)
    )


@pytest.mark.parametrize("body_bytes", [40_000, 4_000_000], ids=["two pieces", "more than a socket takes"])
def test_a_request_of_many_records_arrives_whole_at_a_server_that_reads_slowly(
    serve, replay, certified, trusting, body_bytes: int
) -> None:
    def talk(server, sock) -> None:
        time.sleep(0.1)
        while server.read_request(sock):
            sock.sendall(ACCEPTED)

    server = serve(talk, certified.server())
    records = replay(
        server.port, constant(40.0, 0.1), Bounds(connections=2), body_bytes, makes=Secure(trusting, NAME)
    )
    assert faults(records) == {"NONE": 4}
    assert [len(body) for body in server.requests] == [body_bytes] * 4


def test_connections_of_compiled_code_give_all_their_memory_back(trusting) -> None:
    maker = Secure(trusting, NAME).for_lane()
    assert maker is not None
    with socket.socket() as sock:

        def open_and_close(times: int) -> int:
            for _ in range(times):
                connection = maker(sock, 0)
                assert isinstance(connection, LaneConnection)
                assert all(connection.pointers)
            return psutil.Process().memory_info().rss

        before = open_and_close(300)
        assert open_and_close(3000) - before < 3000 * 1000


def test_where_pythons_openssl_cannot_be_called_by_others_python_carries_tls(
    serve, answering, replay, certified, trusting, monkeypatch
) -> None:
    monkeypatch.setattr(tls, "library", lambda: None)
    server = serve(answering(ACCEPTED), certified.server())
    makes = Secure(trusting, NAME)
    assert makes.for_lane() is None
    records = replay(server.port, constant(100.0, 0.1), Bounds(connections=1), makes=makes)
    assert faults(records) == {"NONE": 10}
