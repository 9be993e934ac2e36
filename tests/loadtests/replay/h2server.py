"""A server that speaks HTTP/2 as a test wants, on real sockets: h2's server side in a thread a connection."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

Answering = Callable[["Talk", int, bytes], None]
ACCEPTED = ((":status", "202"), ("x-served-by", "h2"))


def frame_of(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame (RFC 9113, 4.1)."""
    return struct.pack("!I", len(payload))[1:] + bytes((kind, flags)) + struct.pack("!I", stream) + payload


class Talk:
    """One connection's conversation. `answering(talk, stream, body)` is called for every whole request."""

    def __init__(
        self,
        server: Any,
        sock: socket.socket,
        answering: Answering,
        settings: dict[int, int] | None = None,
        delay_s: float = 0.0,
    ) -> None:
        self.server = server
        self.sock = sock
        self.open: set[int] = set()
        self.most_open = 0
        self.served = 0
        self._answering = answering
        self._delay_s = delay_s
        self._bodies: dict[int, bytes] = {}
        self._later: list[tuple[float, int, bytes]] = []
        config = h2.config.H2Configuration(client_side=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings = h2.settings.Settings(client=False, initial_values=settings or {})

    def run(self) -> None:
        """Until the other side closes."""
        self.h2.initiate_connection()
        self.flush()
        self.sock.settimeout(0.005)
        while (data := self._received()) is not None:
            for event in self.h2.receive_data(data) if data else ():
                self._heard(event)
            self._answer_due()
            self.flush()

    def answer(self, stream: int, headers=ACCEPTED, body: bytes = b"") -> None:
        """A whole response."""
        self.h2.send_headers(stream, headers, end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)

    def flush(self) -> None:
        """Write what is to be written."""
        if data := self.h2.data_to_send():
            self.sock.sendall(data)

    def _received(self) -> bytes | None:
        """What came, b"" when nothing came for a moment, None at the end."""
        try:
            return self.sock.recv(65536) or None
        except (TimeoutError, ssl.SSLWantReadError):
            return b""

    def _heard(self, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.open.add(event.stream_id)
            self.most_open = max(self.most_open, len(self.open))
            self._bodies[event.stream_id] = b""
            self.server.heads.append(dict(event.headers))
        elif isinstance(event, h2.events.DataReceived):
            self._bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            body = self._bodies.pop(event.stream_id)
            self._later.append((time.monotonic() + self._delay_s, event.stream_id, body))
        elif isinstance(event, h2.events.StreamReset):
            self.open.discard(event.stream_id)

    def _answer_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            _, stream, body = self._later.pop(0)
            self.server.requests.append(body)
            self.served += 1
            self._answering(self, stream, body)
            self.open.discard(stream)


def talking(
    answering: Answering = lambda talk, stream, body: talk.answer(stream),
    settings: dict[int, int] | None = None,
    delay_s: float = 0.0,
) -> Callable[[Any, socket.socket], None]:
    """What `serve` wants; conversations are kept in server.talks, heads of requests in server.heads."""

    def talk(server: Any, sock: socket.socket) -> None:
        if not hasattr(server, "talks"):
            server.talks, server.heads = [], []
        one = Talk(server, sock, answering, settings, delay_s)
        server.talks.append(one)
        one.run()

    return talk
