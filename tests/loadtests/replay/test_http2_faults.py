"""What an HTTP/2 target may do wrong: one row a stream, with its fault; no hang, no crash, no busy loop."""

from __future__ import annotations

import socket
import time

import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.schedule import constant
from tests.loadtests.replay.accounts import assert_accounted, faults
from tests.loadtests.replay.h2server import ACCEPTED, Talk, talking
from tests.loadtests.replay.h2server import frame_of as frame

TEN = constant(100.0, 0.1)
SETTINGS = frame(4, 0, 0)
HEADERS, CONTINUATION, PING = 1, 9, 6
STATUS_202 = b"\x48\x03202"


def begun(sock: socket.socket) -> None:
    """The client's first words are read and ours said; a request is on its way."""
    sock.recv(65536)
    sock.sendall(SETTINGS)
    sock.recv(65536)


def test_an_answer_a_byte_at_a_time_runs_into_the_time_out_without_a_busy_loop(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        begun(sock)
        for byte in frame(HEADERS, 5, 1, STATUS_202):
            sock.sendall(bytes([byte]))
            time.sleep(0.2)

    before_s = time.thread_time()
    records = replay(serve(talk).port, TEN, Bounds(timeout_s=0.6), http="2")
    assert_accounted(records, 10)
    assert set(faults(records)) <= {"TIMEOUT", "DROPPED_NO_CONNECTION"}
    assert time.thread_time() - before_s < 0.5


def test_a_target_that_never_reads_runs_into_the_time_out_without_a_busy_loop(serve, replay) -> None:
    def talk(server, sock: socket.socket) -> None:
        window = b"\x00\x04\x3f\xff\xff\xff"
        sock.sendall(frame(4, 0, 0, window) + frame(8, 0, 0, b"\x3f\xff\x00\x00"))
        time.sleep(3.0)

    before_s = time.thread_time()
    records = replay(serve(talk).port, TEN, Bounds(timeout_s=0.8), 4_000_000, http="2")
    assert_accounted(records, 10)
    assert set(faults(records)) <= {"TIMEOUT", "DROPPED_NO_CONNECTION"}
    assert time.thread_time() - before_s < 2.0


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        ([frame(HEADERS, 0, 1, STATUS_202), *[frame(CONTINUATION, 0, 1, b"\x00" * 16384)] * 64], "either"),
        ([frame(HEADERS, 5, 1, STATUS_202 + b"\x00\x01a\x7f" + b"\x80\x06" + b"b" * 900)], "MALFORMED"),
        ([frame(PING, 0, 0, b"12345678")] * 2000 + [frame(HEADERS, 5, 1, b"\xff" * 9)], "MALFORMED"),
        ([frame(HEADERS, 5, 99, STATUS_202)], "MALFORMED"),
    ],
    ids=["a head of a megabyte", "a field cut off", "a flood of pings", "an answer to nobody"],
)
def test_frames_that_are_none_end_their_connection_and_are_one_row(serve, replay, pieces, fault) -> None:
    def talk(server, sock: socket.socket) -> None:
        begun(sock)
        for piece in pieces:
            sock.sendall(piece)
        while sock.recv(65536):
            pass

    before_s = time.thread_time()
    records = replay(serve(talk).port, constant(20.0, 0.1), Bounds(timeout_s=2.0), http="2")
    assert_accounted(records, 2)
    assert set(faults(records)) <= ({"MALFORMED", "TOO_LARGE"} if fault == "either" else {fault})
    assert time.thread_time() - before_s < 1.0


def test_an_answer_before_the_body_is_read_and_a_reset_after_it_is_the_answer(serve, replay) -> None:
    """As much of the body as flow control lets through lies unread at the server when it leaves."""

    def answering(talk: Talk, stream: int, body: bytes) -> None:
        raise AssertionError("no body comes to its end")

    class Hasty(Talk):
        def run(self) -> None:
            self.h2.initiate_connection()
            self.h2.increment_flow_control_window(2**30)
            self.flush()
            while not self.served:
                for event in self.h2.receive_data(self.sock.recv(1000)):
                    if hasattr(event, "headers"):
                        self.answer(event.stream_id, ACCEPTED)
                        self.served += 1
            self.flush()
            time.sleep(0.1)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    def talk(server, sock: socket.socket) -> None:
        Hasty(server, sock, answering, {4: 2**30}).run()

    server = serve(talk)
    server.heads = []
    records = replay(server.port, constant(10.0, 0.1), body_bytes=8_000_000, http="2")
    assert_accounted(records, 1)
    assert faults(records) == {"NONE": 1}
    assert records.status.tolist() == [202]


def test_a_refusal_before_the_settings_is_over_at_once(serve, replay) -> None:
    """GOAWAY with ENHANCE_YOUR_CALM as the first word, and the close."""

    def talk(server, sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(SETTINGS + frame(7, 0, 0, b"\x00\x00\x00\x00\x00\x00\x00\x0b"))

    records = replay(serve(talk).port, constant(50.0, 0.2), Bounds(timeout_s=2.0), http="2")
    assert_accounted(records, 10)
    assert set(faults(records)) <= {"RESET", "CLOSED_EARLY"}


def test_a_busy_conversation_is_not_disturbed_by_what_http_2_lets_pass(serve, replay) -> None:
    """Unknown frames, priorities and padding mean nothing to a request."""

    def answering(talk: Talk, stream: int, body: bytes) -> None:
        talk.flush()
        talk.sock.sendall(frame(0x42, 0, 0, b"unknown") + frame(2, 0, stream, b"\x00\x00\x00\x00\x10"))
        talk.answer(stream, ACCEPTED, b"ok")

    records = replay(serve(talking(answering)).port, TEN, http="2")
    assert_accounted(records, 10)
    assert faults(records) == {"NONE": 10}
