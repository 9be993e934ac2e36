"""One request and its response, over HTTP/1.1 or HTTP/2, on a connection of its own."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Protocol

from loadtests.replay.http1 import Inbox
from loadtests.replay.http2 import Answer as Http2Answer
from loadtests.replay.http2 import Session
from loadtests.replay.limits import BadResponse
from loadtests.targets import trust
from loadtests.targets.safety import Address
from scenarios.problems import EXIT_REFUSED, user_error

TIMEOUT_S = 10.0
READ_BYTES = 65536


@dataclass(frozen=True)
class Answer:
    """A response as received: status, the header lines, the body, seconds from the first byte sent."""

    status: int
    head: bytes
    body: bytes
    took_s: float


class _Dialogue(Protocol):
    """One request's way through a version of HTTP."""

    def output(self) -> bytes:
        """What is to be written now."""

    def feed(self, data: bytes) -> tuple[int, bytes, bytes] | None:
        """Take what was received, b"" where the other side closed: (status, head, body) once it is complete.
        Raises BadResponse."""


def exchange(
    address: Address, request: bytes, timeout_s: float = TIMEOUT_S, ca_file: str = "", http: str = "1.1"
) -> Answer:
    """Raises UserError with exit code 4 where no response comes that can be read."""
    started_s = time.monotonic()
    scheme = "https" if address.tls else "http"
    dialogue: _Dialogue = _Over2(request, scheme) if http == "2" else _Over1(request)
    try:
        with _connected(address, timeout_s, ca_file, http) as connection:
            connection.sendall(dialogue.output())
            while (complete := dialogue.feed(connection.recv(READ_BYTES))) is None:
                connection.sendall(dialogue.output())
                if time.monotonic() - started_s > timeout_s:
                    raise TimeoutError(f"no whole response within {timeout_s:g} s")
    except (OSError, BadResponse) as error:
        where = f"{address.host}:{address.port}"
        message = f"it took the connection but gave no response that can be read: {error}"
        raise user_error(message, key="target", found=where, exit_code=EXIT_REFUSED) from error
    return Answer(*complete, time.monotonic() - started_s)


class _Over1:
    def __init__(self, request: bytes) -> None:
        self._unsent = request
        self._inbox = Inbox()

    def output(self) -> bytes:
        data, self._unsent = self._unsent, b""
        return data

    def feed(self, data: bytes) -> tuple[int, bytes, bytes] | None:
        inbox = self._inbox
        whole = inbox.feed(data) if data else inbox.end()
        return (inbox.status, inbox.head, inbox.body) if whole else None


class _Over2:
    def __init__(self, request: bytes, scheme: str) -> None:
        self._unsent = request
        self._session = Session(scheme)

    def output(self) -> bytes:
        if self._unsent and self._session.room > 0:
            self._session.begin(self._unsent)
            self._unsent = b""
        return self._session.output()

    def feed(self, data: bytes) -> tuple[int, bytes, bytes] | None:
        for news in self._session.feed(data):
            if isinstance(news, Http2Answer):
                return news.status, news.head, news.body
            raise BadResponse(news.fault)
        if not data or self._session.useless:
            raise BadResponse(self._session.fault)
        return None


def _connected(address: Address, timeout_s: float, ca_file: str, http: str) -> socket.socket:
    plain = socket.create_connection((address.ip, address.port), timeout=timeout_s)
    if not address.tls:
        return plain
    secure = trust.context(ca_file, http).wrap_socket(plain, server_hostname=address.host)
    trust.must_agree(secure.selected_alpn_protocol(), http)
    return secure
