"""TLS on a reactor's sockets: OpenSSL between memory and memory, so that one read and one write serve.

Certificates are always checked against the target's host name, whatever address the socket goes to; there is
no way to leave that out. A connection offers the session of an earlier one (resumption).
"""

from __future__ import annotations

import os
import socket
import ssl
from functools import cached_property
from typing import Any, Protocol

from loadtests.replay.connection import READ_BYTES, Connection
from loadtests.replay.fates import Fault
from loadtests.replay.libssl import library
from loadtests.replay.limits import BadResponse
from loadtests.replay.tlsengine import Context
from loadtests.replay.tlsengine import Engine as SharedEngine
from loadtests.targets import trust

PLAIN_BYTES = 16384
"""The longest record: OpenSSL hands out at most one a call."""
PIECE_BYTES = 2 * PLAIN_BYTES
"""Encrypted at once: a connection's memory stays as large as it ever was."""


class Memory(Protocol):
    """Bytes on their way into or out of an engine: ssl.MemoryBIO, tlsengine.Memory."""

    @property
    def pending(self) -> int:
        """How many there are."""

    def read(self) -> bytes:
        """All of them."""

    def write(self, data: bytes, /) -> int:
        """More of them."""


class Engine(Protocol):
    """One connection's TLS: ssl.SSLObject, tlsengine.Engine. Raises ssl.SSLError."""

    @property
    def session(self) -> Any:
        """What a later one can resume."""

    def do_handshake(self) -> None:
        """As far as it goes. Raises ssl.SSLWantReadError, as `read` does."""

    def read(self, most: int, /) -> bytes:
        """The next record's bytes; b"" after the other side's farewell."""

    def write(self, data: bytes, /) -> int:
        """Encrypt them: how many are."""

    def selected_alpn_protocol(self) -> str | None:
        """What the other side chose."""


class Secure:
    """Makes the connections to one host. It trusts whom `ca_file` names, this system's authorities where it
    is ""; `host` goes into SNI and is what the certificate must name; `http` is the version that both must
    agree on. Raises UserError for a bad `ca_file`."""

    def __init__(self, ca_file: str, host: str, http: str = "1.1") -> None:
        self.latest: Engine | None = None
        self.http = http
        self._ca_file = ca_file
        self._host = host
        self._context = trust.context(ca_file, http)

    def __call__(self, sock: socket.socket, now_ns: int, /) -> Connection:
        """A connection whose handshake follows."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = self.latest.session if self.latest else None
        engine = self._context.wrap_bio(incoming, outgoing, server_hostname=self._host, session=session)
        return SecureConnection(sock, now_ns, self, engine, incoming, outgoing)

    def for_lane(self) -> Secure | None:
        """Makes the same for compiled code; None where Python's OpenSSL cannot be called by others."""
        return self._for_lane

    @cached_property
    def _for_lane(self) -> Secure | None:
        if library() is None:
            return None
        try:
            return SecureForLane(self._ca_file, self._host, self.http)
        except ssl.SSLError:
            return None


class SecureForLane(Secure):
    """The same by functions of OpenSSL that compiled code calls too. Raises ssl.SSLError as well."""

    def __init__(self, ca_file: str, host: str, http: str = "1.1") -> None:
        super().__init__(ca_file, host, http)
        self._shared = Context(self._context, ca_file, trust.PROTOCOLS[http])

    def __call__(self, sock: socket.socket, now_ns: int, /) -> Connection:
        """A connection whose handshake follows, in Python."""
        session = self.latest.session if self.latest else None
        engine = SharedEngine(self._shared, self._host, session)
        return LaneConnection(sock, now_ns, self, engine, engine.incoming, engine.outgoing)

    def for_lane(self) -> Secure | None:
        """Itself."""
        return self


class SecureConnection(Connection):
    """Requests and responses through TLS. Raises ssl.SSLError, an OSError, where TLS itself fails."""

    __slots__ = ("_connected", "_engine", "_incoming", "_maker", "_outgoing", "_said_farewell")

    def __init__(
        self,
        sock: socket.socket,
        now_ns: int,
        maker: Secure,
        engine: Engine,
        incoming: Memory,
        outgoing: Memory,
    ) -> None:
        super().__init__(sock, now_ns)
        self._maker = maker
        self._engine = engine
        self._incoming = incoming
        self._outgoing = outgoing
        self._connected = False
        self._said_farewell = False

    @property
    def ended(self) -> bool:
        """After the other side's farewell, which may come with the last bytes and long before it closes."""
        return self._said_farewell

    def open_on(self) -> bool:
        """One step of the handshake."""
        if self._connected:
            self._take_in()
        else:
            self._connected = super().open_on()
        try:
            self._engine.do_handshake()
        except ssl.SSLWantReadError:
            self._put_out()
            return False
        except ssl.SSLError:
            # The alert tells the other side why; that it may not go out changes nothing.
            self._put_out()
            raise
        self._put_out()
        trust.must_agree(self._engine.selected_alpn_protocol(), self._maker.http)
        self._maker.latest = self._engine
        return True

    def read(self) -> bytes:
        """What came, decrypted; a close without TLS's own farewell cuts the response off."""
        data = os.read(self.fd, READ_BYTES) if not self._said_farewell else b""
        if not data:
            if self._said_farewell:
                return b""
            raise BadResponse(Fault.CLOSED_EARLY)
        self._incoming.write(data)
        return self.read_on(b"")

    def read_on(self, data: bytes) -> bytes:
        """What is left to be decrypted, after what was."""
        plain = data + self._decrypted()
        if self._outgoing.pending:
            self._put_out()
        if not plain and not self._said_farewell:
            raise BlockingIOError
        return plain

    def write(self, data: bytes) -> bool:
        """Encrypt it all, write what the socket takes now; True when that was all."""
        pieces = [self._encrypted(data[at : at + PIECE_BYTES]) for at in range(0, len(data), PIECE_BYTES)]
        return self._put(b"".join(pieces))

    def _encrypted(self, piece: bytes) -> bytes:
        done = 0
        while done < len(piece):
            done += self._engine.write(piece[done:])
        return self._outgoing.read()

    def _take_in(self) -> None:
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "closed during the handshake")
        self._incoming.write(data)

    def _decrypted(self) -> bytes:
        read = self._engine.read
        plain = b""
        try:
            while piece := read(PLAIN_BYTES):
                plain = plain + piece if plain else piece
                if not self._incoming.pending:
                    # This was the last record.
                    break
            else:
                self._said_farewell = True
        except ssl.SSLWantReadError:
            pass
        return plain

    def _put_out(self) -> bool:
        return self._put(self._outgoing.read())

    def _put(self, data: bytes) -> bool:
        if self.unsent is None:
            return super().write(data) if data else True
        self.unsent = memoryview(bytes(self.unsent) + data)
        return False


class LaneConnection(SecureConnection):
    """One that compiled code can carry on with."""

    __slots__ = ()

    @property
    def pointers(self) -> tuple[int, int, int]:
        """Where OpenSSL has it."""
        assert isinstance(self._engine, SharedEngine)
        return self._engine.pointers
