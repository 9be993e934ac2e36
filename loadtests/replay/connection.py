"""One keep-alive connection: a non-blocking socket, what it carries now, what is still to be written."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from errno import EADDRNOTAVAIL, EINPROGRESS, EMFILE, ENFILE, ENOBUFS, ENOMEM
from typing import Protocol

from loadtests.replay.agenda import Send
from loadtests.replay.http1 import Inbox
from loadtests.replay.limits import BadResponse

READ_BYTES = 16384


class Connection:
    """`send` is what it carries (None: nothing), with the attempt and its times on the reactor's clock."""

    __slots__ = (
        "attempt",
        "connecting",
        "fd",
        "inbox",
        "opened_ns",
        "picked_ns",
        "send",
        "served",
        "sock",
        "started_ns",
        "unsent",
    )

    def __init__(self, sock: socket.socket, now_ns: int) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.inbox = Inbox()
        self.connecting = True
        self.opened_ns = now_ns
        self.served = 0
        self.send: Send | None = None
        self.attempt = 0
        self.picked_ns = 0
        self.started_ns = now_ns
        self.unsent: memoryview | None = None

    @property
    def ended(self) -> bool:
        """Whether what was read last is known to be the last."""
        return False

    @property
    def pointers(self) -> tuple[int, int, int]:
        """What compiled code needs to know of TLS (`tlsengine.Engine.pointers`); zeros: there is none."""
        return 0, 0, 0

    @classmethod
    def for_lane(cls) -> Makes | None:
        """Makes such connections for compiled code."""
        return cls

    def open_on(self) -> bool:
        """The socket has news while connecting; True once requests may go. Raises OSError: it never will."""
        if error := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
        return True

    def read(self) -> bytes:
        """What came; b"" when the other side closed. Raises BlockingIOError where nothing came, OSError."""
        return os.read(self.fd, READ_BYTES)

    def read_on(self, data: bytes) -> bytes:
        """What came after `data`, which compiled code read, as well. Raises what `read` does."""
        return data

    def last_words(self) -> Iterator[bytes]:
        """What lies unread, once nothing can be written any more."""
        with contextlib.suppress(OSError, BadResponse):
            while data := self.read():
                yield data

    def write(self, data: bytes) -> bool:
        """Write what the socket takes now; True when that was all. Raises OSError when it is broken."""
        try:
            written = os.write(self.fd, data)
        except BlockingIOError:
            written = 0
        if written == len(data):
            return True
        self.unsent = memoryview(data)[written:]
        return False

    def write_on(self) -> bool:
        """Write more of what was left; True when nothing is left. Raises OSError."""
        if self.unsent is None:
            return True
        try:
            self.unsent = self.unsent[os.write(self.fd, self.unsent) :] or None
        except BlockingIOError:
            return False
        return self.unsent is None


class Makes(Protocol):
    """How a connected socket becomes a connection: `Connection` itself, or `tls.Secure` around it."""

    def __call__(self, sock: socket.socket, now_ns: int, /) -> Connection:
        """The connection, still connecting."""

    def for_lane(self) -> Makes | None:
        """What makes connections to the same host that compiled code can carry; None where nothing does."""


@dataclass(frozen=True)
class Peer:
    """Where to connect: an address that was checked, not a name; `makes` says what is below HTTP there,
    `http` is its version."""

    family: int
    ip: str
    port: int
    makes: Makes = Connection
    http: str = "1.1"

    def for_lane(self) -> Peer | None:
        """The same for compiled code, which carries HTTP/1.1; None where it cannot."""
        makes = self.makes.for_lane() if self.http == "1.1" else None
        return replace(self, makes=makes) if makes else None


def connect(make: type[socket.socket], peer: Peer, now_ns: int) -> Connection:
    """Begin to open a connection. Raises OSError when that fails at once."""
    sock = make(peer.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex((peer.ip, peer.port))
        if error not in (0, EINPROGRESS):
            raise OSError(error, os.strerror(error))
    except OSError:
        sock.close()
        raise
    return peer.makes(sock, now_ns)


def is_local_trouble(error: int) -> bool:
    """True for a want of descriptors, ports or memory here: it says nothing about the target."""
    return error in (EMFILE, ENFILE, EADDRNOTAVAIL, ENOBUFS, ENOMEM)
