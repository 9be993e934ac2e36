"""HTTP/2 against real sockets: streams share connections, limits are kept, faults are named as elsewhere."""

from __future__ import annotations

import socket
import threading
import time

import h2.events
import numpy as np
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.fields import fields_of
from loadtests.replay.http2 import Session
from loadtests.replay.schedule import constant
from loadtests.replay.tls import Secure
from tests.loadtests.replay.accounts import assert_accounted, faults
from tests.loadtests.replay.certificates import NAME
from tests.loadtests.replay.h2server import Talk, talking

TEN = constant(100.0, 0.1)
HUNDRED = constant(200.0, 0.5)


def final(records) -> set[int]:
    """Replies of the last attempts."""
    last = dict(zip(records.request.tolist(), records.reply.tolist(), strict=True))
    return set(last.values())


def test_every_send_is_a_stream_of_one_kept_connection(serve, replay) -> None:
    server = serve(talking())
    records = replay(server.port, HUNDRED, http="2")
    assert_accounted(records, 100)
    assert faults(records) == {"NONE": 100}
    assert (records.reply == Reply.ACCEPTED).all()
    assert (records.status == 202).all()
    assert server.connections == 1
    assert sorted(int(body.split(b",")[0]) for body in server.requests) == list(range(100))
    head = server.heads[0]
    assert (head[b":method"], head[b":scheme"], head[b":authority"], head[b":path"]) == (
        b"POST",
        b"http",
        b"t",
        b"/send",
    )
    assert b"host" not in head


def test_streams_run_side_by_side_as_many_as_the_target_allows_and_more_on_another_connection(
    serve, replay
) -> None:
    limit = {SettingCodes.MAX_CONCURRENT_STREAMS: 4}
    server = serve(talking(settings=limit, delay_s=0.1))
    records = replay(server.port, HUNDRED, http="2")
    assert_accounted(records, 100)
    assert faults(records) == {"NONE": 100}
    assert max(talk.most_open for talk in server.talks) == 4
    assert server.connections > 1


def test_never_more_connections_than_the_bound_are_open_and_sends_wait_for_a_stream(serve, replay) -> None:
    limit = {SettingCodes.MAX_CONCURRENT_STREAMS: 2}
    server = serve(talking(settings=limit, delay_s=0.02))
    records = replay(server.port, constant(400.0, 0.25), Bounds(connections=1), http="2")
    assert_accounted(records, 100)
    assert faults(records) == {"NONE": 100}
    assert (server.connections, server.talks[0].most_open) == (1, 2)
    assert (records.started_s - records.picked_s).max() > 0.1


def test_a_body_goes_out_as_flow_control_lets_it(serve, replay) -> None:
    window = {SettingCodes.INITIAL_WINDOW_SIZE: 1000}
    server = serve(talking(settings=window))
    records = replay(server.port, TEN, body_bytes=200_000, http="2")
    assert faults(records) == {"NONE": 10}
    assert {len(body) for body in server.requests} == {200_000}


def test_a_target_that_goes_away_in_good_order_costs_nothing(serve, replay) -> None:
    """As nginx does after keepalive_requests: what it took up is answered, the rest goes elsewhere."""

    def answering(talk: Talk, stream: int, body: bytes) -> None:
        if talk.served == 10:
            last = stream.to_bytes(4, "big")
            talk.flush()
            talk.sock.sendall(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + last + b"\x00\x00\x00\x00")
            time.sleep(0.02)
        if talk.served <= 10:
            talk.answer(stream)

    server = serve(talking(answering))
    records = replay(server.port, HUNDRED, http="2")
    assert_accounted(records, 100)
    assert final(records) == {Reply.ACCEPTED}
    assert set(faults(records)) <= {"NONE", "RESET"}
    assert server.connections >= 10


def resetting(code: int, every: int):
    """A talk that resets every so-manyth stream."""
    counted = iter(range(1, 10**9))

    def answering(talk: Talk, stream: int, body: bytes) -> None:
        if next(counted) % every == 0:
            talk.h2.reset_stream(stream, code)
        else:
            talk.answer(stream)

    return talking(answering)


def test_a_stream_that_the_target_refuses_is_sent_again_at_once(serve, replay) -> None:
    server = serve(resetting(ErrorCodes.REFUSED_STREAM, 10))
    records = replay(server.port, HUNDRED, http="2")
    assert_accounted(records, 100)
    assert final(records) == {Reply.ACCEPTED}
    assert faults(records)["RESET"] == len(server.requests) - 100 > 0


def test_a_stream_that_the_target_resets_is_one_row_and_the_others_go_on(serve, replay) -> None:
    server = serve(resetting(ErrorCodes.INTERNAL_ERROR, 10))
    records = replay(server.port, HUNDRED, http="2")
    assert faults(records) == {"NONE": 90, "RESET": 10}
    assert records.request.tolist() == list(range(100))
    assert server.connections == 1


def test_refusals_are_read_as_over_http_1_1_and_retry_after_is_a_wait(serve, replay) -> None:
    def answering(talk: Talk, stream: int, body: bytes) -> None:
        first = body not in talk.server.requests[:-1]
        limited = ((":status", "429"), ("Retry-After".lower(), "1"))
        talk.answer(stream, limited if first else ((":status", "202"),))

    server = serve(talking(answering))
    records = replay(server.port, TEN, Bounds(retries=1), http="2")
    assert records.status.tolist() == [429, 202] * 10
    waits_s = records.started_s[1::2] - records.ended_s[::2]
    assert (waits_s >= 1.0).all()


def test_interim_answers_are_passed_over(serve, replay) -> None:
    def answering(talk: Talk, stream: int, body: bytes) -> None:
        talk.h2.send_headers(stream, ((":status", "103"), ("link", "</x>")))
        talk.answer(stream)

    records = replay(serve(talking(answering)).port, TEN, http="2")
    assert faults(records) == {"NONE": 10}
    assert set(records.status.tolist()) == {202}


def test_an_answer_before_the_body_is_written_counts_and_the_connection_stays(serve, replay) -> None:
    class Hasty(Talk):
        def _heard(self, event) -> None:
            if isinstance(event, h2.events.RequestReceived):
                self.answer(event.stream_id)
                self.served += 1

    def talk(server, sock: socket.socket) -> None:
        Hasty(server, sock, lambda *_: None).run()

    server = serve(talk)
    records = replay(server.port, TEN, body_bytes=300_000, http="2")
    assert_accounted(records, 10)
    assert faults(records) == {"NONE": 10}
    assert server.connections == 1


def test_a_stream_without_an_answer_runs_into_its_time_out_and_the_others_do_not(serve, replay) -> None:
    def answering(talk: Talk, stream: int, body: bytes) -> None:
        if talk.served != 5:
            talk.answer(stream)

    server = serve(talking(answering))
    before_s = time.thread_time()
    records = replay(server.port, TEN, Bounds(timeout_s=1.5), http="2")
    assert_accounted(records, 10)
    assert faults(records) == {"NONE": 9, "TIMEOUT": 1}
    assert time.thread_time() - before_s < 0.4


def spoken(answer: bytes):
    """Says something that is no HTTP/2 and closes once the other side does."""

    def talk(server, sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(answer)
        while sock.recv(65536):
            pass

    return talk


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"220 mail.example.com ESMTP ready\r\n",
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\x00\x00\x04\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\x00\x00\x04\x00\x00\x00\x00\x00\x01data",
    ],
    ids=["HTTP/1.1", "another protocol", "a GOAWAY that is none", "data before a head"],
)
def test_a_target_that_speaks_no_http_2_is_one_row_each_and_named(serve, replay, answer) -> None:
    before_s = time.thread_time()
    records = replay(serve(spoken(answer)).port, TEN, Bounds(timeout_s=1.0), http="2")
    assert_accounted(records, 10)
    assert faults(records) == {"MALFORMED": 10}
    assert time.thread_time() - before_s < 0.5


def test_a_target_that_never_says_its_settings_drops_what_waits_for_them(serve, replay) -> None:
    before_s = time.thread_time()
    server = serve(lambda server, sock: time.sleep(2.0))
    records = replay(server.port, TEN, Bounds(timeout_s=0.4), http="2")
    assert_accounted(records, 10)
    assert faults(records) == {"DROPPED_NO_CONNECTION": 10}
    assert time.thread_time() - before_s < 0.4


def test_a_body_of_100_megabytes_is_one_row_and_is_not_read_to_its_end(serve, replay) -> None:
    given_bytes = [0]

    def answering(talk: Talk, stream: int, body: bytes) -> None:
        talk.h2.send_headers(stream, ((":status", "200"),))
        talk.sock.settimeout(5.0)
        for _ in range(100 * 64):
            while talk.h2.local_flow_control_window(stream) < 16384:
                talk.flush()
                for event in talk.h2.receive_data(talk.sock.recv(65536)):
                    if isinstance(event, h2.events.StreamReset):
                        return
            talk.h2.send_data(stream, b"x" * 16384)
            given_bytes[0] += 16384
            talk.flush()

    records = replay(serve(talking(answering)).port, constant(10.0, 0.1), http="2")
    assert_accounted(records, 1)
    assert faults(records) == {"TOO_LARGE": 1}
    assert given_bytes[0] < 50_000_000


@pytest.mark.parametrize(("linger", "fault"), [(False, "CLOSED_EARLY"), (True, "RESET")])
def test_a_connection_lost_with_many_streams_is_one_row_for_each_of_them(
    serve, replay, linger, fault
) -> None:
    def answering(talk: Talk, stream: int, body: bytes) -> None:
        if talk.served == 10:
            if linger:
                talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            talk.sock.close()

    def gone(server, sock: socket.socket) -> None:
        try:
            talk(server, sock)
        except (OSError, ValueError):
            return

    talk = talking(answering)
    records = replay(serve(gone).port, TEN, http="2")
    assert_accounted(records, 10)
    assert faults(records) == {fault: 10}


def test_a_target_that_nobody_listens_at_refuses_every_send_once(serve, replay) -> None:
    server = serve(talking())
    server.close()
    records = replay(server.port, TEN, http="2")
    assert faults(records) == {"REFUSED": 10}


def test_a_frozen_target_makes_every_send_due_meanwhile_wait_until_it_thaws(serve, replay) -> None:
    thaws = threading.Event()
    threading.Timer(0.5, thaws.set).start()

    def answering(talk: Talk, stream: int, body: bytes) -> None:
        thaws.wait()
        talk.answer(stream)

    records = replay(serve(talking(answering)).port, constant(500.0, 0.4), http="2")
    assert_accounted(records, 200)
    assert faults(records) == {"NONE": 200}
    assert float(np.median(records.picked_s - records.due_s)) < 0.1
    assert (records.ended_s >= 0.4).all()


def test_a_stop_accounts_for_all_that_was_due(serve, replay) -> None:
    server = serve(talking(delay_s=0.3))
    records = replay(server.port, constant(200.0, 5.0), stop_after_s=0.5, http="2")
    due = int((constant(200.0, 5.0).due_s < records.duration_s).sum())
    assert set(range(due)) <= set(records.request.tolist())
    assert set(faults(records)) <= {"NONE", "UNANSWERED", "DROPPED_RUN_ENDED"}
    assert records.duration_s < 2.0


def test_over_tls_both_agree_on_http_2(serve, replay, certified, trusting) -> None:
    server = serve(talking(), certified.server(alpn=("h2",)))
    records = replay(server.port, TEN, makes=Secure(trusting, NAME, "2"), http="2")
    assert faults(records) == {"NONE": 10}
    assert {head[b":scheme"] for head in server.heads} == {b"https"}


@pytest.mark.parametrize("alpn", [(), ("http/1.1",)], ids=["no ALPN", "HTTP/1.1 only"])
def test_a_tls_target_without_http_2_fails_every_send_with_tls(
    serve, replay, certified, trusting, alpn
) -> None:
    server = serve(talking(), certified.server(alpn=alpn))
    records = replay(server.port, TEN, makes=Secure(trusting, NAME, "2"), http="2")
    assert_accounted(records, 10)
    assert faults(records) == {"TLS": 10}


def test_a_head_is_what_http_2_asks_for() -> None:
    head = b"POST /v3/mail/send HTTP/1.1\r\nHost: a:1\r\nAuthorization: Bearer x\r\nContent-Length: 5"
    assert fields_of(head, b"https") == (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"a:1"),
        (b":path", b"/v3/mail/send"),
        (b"authorization", b"Bearer x"),
        (b"content-length", b"5"),
    )


GREETED = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_no_bytes_whatsoever_raise_anything_and_every_stream_ends_once(pieces, framed: bool) -> None:
    session = Session("http")
    session.output()
    session.feed(GREETED)
    number = session.begin(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi")
    ended = []
    for piece in pieces:
        kind = piece[:1] and bytes([piece[0] % 10])
        frame = len(piece).to_bytes(3, "big") + kind + b"\x04" + number.to_bytes(4, "big") + piece
        ended += session.feed(frame if framed and piece else piece) if piece else []
        session.output()
    ended += session.end(Fault.CLOSED_EARLY)
    assert [news.stream for news in ended] == [number]
