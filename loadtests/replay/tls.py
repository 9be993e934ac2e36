"""TLS on a reactor's sockets: OpenSSL between memory and memory, so that one read and one write serve.

Certificates are always checked against the target's host name, whatever address the socket goes to; there is
no way to leave that out. A connection offers the session of an earlier one (resumption).
"""

from __future__ import annotations

import os
import socket
import ssl

from loadtests.replay.connection import READ_BYTES, Connection
from loadtests.replay.limits import BadResponse
from loadtests.replay.records import Fault
from loadtests.targets import trust

PLAIN_BYTES = 16384
"""The longest record: OpenSSL hands out at most one a call."""


class Secure:
    """Makes the connections to one host. `context` trusts whom it trusts; `host` goes into SNI and is what
    the certificate must name; `http` is the version that both must agree on."""

    def __init__(self, context: ssl.SSLContext, host: str, http: str = "1.1") -> None:
        self.session: ssl.SSLSession | None = None
        self.http = http
        self._context = context
        self._host = host

    def __call__(self, sock: socket.socket, now_ns: int, /) -> Connection:
        """A connection whose handshake follows."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = self._context.wrap_bio(incoming, outgoing, server_hostname=self._host, session=self.session)
        return SecureConnection(sock, now_ns, self, engine, incoming, outgoing)


class SecureConnection(Connection):
    """Requests and responses through TLS. Raises ssl.SSLError, an OSError, where TLS itself fails."""

    __slots__ = ("_closed", "_connected", "_engine", "_incoming", "_maker", "_outgoing")

    def __init__(
        self,
        sock: socket.socket,
        now_ns: int,
        maker: Secure,
        engine: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
    ) -> None:
        super().__init__(sock, now_ns)
        self._maker = maker
        self._engine = engine
        self._incoming = incoming
        self._outgoing = outgoing
        self._connected = False
        self._closed = False

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
        return True

    def read(self) -> bytes:
        """What came, decrypted; a close without TLS's own farewell cuts the response off."""
        data = os.read(self.fd, READ_BYTES) if not self._closed else b""
        if not data:
            if self._closed:
                return b""
            raise BadResponse(Fault.CLOSED_EARLY)
        self._incoming.write(data)
        plain = self._decrypted()
        if self._outgoing.pending:
            self._put_out()
        if not plain and not self._closed:
            raise BlockingIOError
        return plain

    def write(self, data: bytes) -> bool:
        """Encrypt it all, write what the socket takes now; True when that was all."""
        write = self._engine.write
        done = write(data)
        while done < len(data):
            done += write(data[done:])
        return self._put_out()

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
                self._closed = True
        except ssl.SSLWantReadError:
            pass
        if not self.served and plain:
            self._maker.session = self._engine.session
        return plain

    def _put_out(self) -> bool:
        data = self._outgoing.read()
        if self.unsent is None:
            return super().write(data) if data else True
        self.unsent = memoryview(bytes(self.unsent) + data)
        return False
