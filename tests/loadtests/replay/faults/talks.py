"""What servers of this folder say, and what every replay of ten sends to them must leave."""

from __future__ import annotations

import socket

from loadtests.replay.schedule import constant
from tests.loadtests.replay.accounts import assert_accounted, faults

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
TEN = constant(100.0, 0.1)


def once(answer: bytes):
    """Answers one request and closes."""

    def talk(server, sock: socket.socket) -> None:
        server.read_request(sock)
        sock.sendall(answer)

    return talk


def assert_ten(records, fault: str) -> None:
    assert_accounted(records, 10)
    assert records.request.size == 10
    assert faults(records) == {fault: 10}


def reset(sock: socket.socket) -> None:
    """Let the close be a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
