"""Every test of this folder runs twice: as plain HTTP and over TLS."""

from __future__ import annotations

import socket
from functools import partial

import pytest

from loadtests.replay.tls import Secure
from tests.loadtests.replay.certificates import NAME


@pytest.fixture(params=[False, True], ids=["plain", "over TLS"])
def is_secure(request: pytest.FixtureRequest) -> bool:
    """Whether this test's servers speak TLS."""
    return bool(request.param)


@pytest.fixture
def serve(serve, certified, is_secure):
    """The same servers; over TLS they say farewell when they are done."""

    def start(talk):
        def talk_and_leave(server, sock) -> None:
            talk(server, sock)
            if not is_reset(sock):
                sock.settimeout(1.0)
                sock.unwrap()

        return serve(talk_and_leave, certified.server()) if is_secure else serve(talk)

    return start


@pytest.fixture
def replay(replay, trusting, is_secure):
    """The same replay to them."""
    return partial(replay, makes=Secure(trusting, NAME)) if is_secure else replay


def is_reset(sock: socket.socket) -> bool:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) != bytes(8)
