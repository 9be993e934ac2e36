"""The open connections: which are free, which are being opened, which carry something for too long."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from select import EPOLLIN, EPOLLOUT, EPOLLRDHUP

from loadtests.replay.connection import Connection, Peer, connect, is_local_trouble
from loadtests.replay.fates import Fault
from loadtests.replay.kernel import Kernel
from loadtests.replay.limits import BadResponse

OPEN_AGAIN_NS = 100_000_000
OPENING_MAX = 8
OPENING_SHARE = 8
ROUND_NS = 20_000_000
"""Of what was begun within a round at most OPENING_MAX are still being opened, or one to OPENING_SHARE that
are open: a hundred handshakes at once make each other late, and what waits for them asks for more of them."""
_ANY_NUMBER = 1 << 62

READ = EPOLLIN | EPOLLRDHUP
READ_WRITE = READ | EPOLLOUT


class Pool:
    """At most `most` connections to one peer, watched by one epoll.

    `failed(opened_ns, fault)` is told of each that the target refused or could not be trusted. `free` is used
    last in, first out, so that few connections carry a low rate. `opening`: how many are being opened.
    """

    def __init__(
        self,
        peer: Peer,
        most: int,
        kernel: Kernel,
        clock: Callable[[], int],
        failed: Callable[[int, Fault], None],
    ) -> None:
        self.epoll = kernel.epoll()
        self.connections: dict[int, Connection] = {}
        self.free: list[Connection] = []
        self.most = most
        self.opening = 0
        self._peer = peer
        self._kernel = kernel
        self._clock = clock
        self._failed = failed
        self._open_again_ns = 0
        self._round_ns = 0
        self._left = 0

    def has(self, connection: Connection) -> bool:
        """Whether it was not discarded."""
        return self.connections.get(connection.fd) is connection

    def lacks(self, waiting: int) -> bool:
        """Whether as many waiting sends want more connections than are being opened, and may have one."""
        return self.opening < waiting and self.has_room

    def enough_for(self, now_ns: int) -> int:
        """How many sends may wait without another connection being opened for them now."""
        return self.opening if self.has_room and self._may_begin(now_ns) else _ANY_NUMBER

    @property
    def has_room(self) -> bool:
        """Whether another connection may be opened."""
        return len(self.connections) < self.most

    def begin(self, now_ns: int) -> bool:
        """Begin to open one; False while that is of no use: for want of descriptors or ports here, or because
        enough are being opened."""
        if not self._may_begin(now_ns):
            return False
        try:
            connection = connect(self._kernel.socket, self._peer, now_ns)
        except OSError as error:
            if is_local_trouble(error.errno or 0):
                self._open_again_ns = now_ns + OPEN_AGAIN_NS
                return False
            self._failed(now_ns, Fault.REFUSED)
            return True
        self.opening += 1
        self._left -= 1
        self.connections[connection.fd] = connection
        self.epoll.register(connection.fd, READ_WRITE)
        return True

    def go_on(self, connection: Connection) -> bool:
        """A connection that is being opened has news; True once it may carry something."""
        try:
            is_open = connection.open_on()
        except OSError as error:
            self.discard(connection)
            if is_local_trouble(error.errno or 0) and not isinstance(error, ssl.SSLError):
                self._open_again_ns = self._clock() + OPEN_AGAIN_NS
            else:
                self._failed(connection.opened_ns, _why_not_open(error))
            return False
        if is_open:
            self._no_longer_opens(connection)
        self.watch(connection)
        return is_open

    def _may_begin(self, now_ns: int) -> bool:
        if now_ns >= self._round_ns + ROUND_NS:
            self._round_ns = now_ns
            self._left = max(OPENING_MAX, (len(self.connections) - self.opening) // OPENING_SHARE)
        return self._left > 0 and now_ns >= self._open_again_ns

    def _no_longer_opens(self, connection: Connection) -> None:
        connection.connecting = False
        self.opening -= 1
        self._left += 1

    def watch(self, connection: Connection) -> None:
        """Wake for what it can do next: read always, write where something is left to be written."""
        self.epoll.modify(connection.fd, READ if connection.unsent is None else READ_WRITE)

    def discard(self, connection: Connection) -> None:
        """Close it without a word."""
        if connection.send is None and connection in self.free:
            self.free.remove(connection)
        if connection.connecting:
            self._no_longer_opens(connection)
        del self.connections[connection.fd]
        connection.sock.close()

    def overdue(self, now_ns: int, timeout_ns: int) -> tuple[list[Connection], int]:
        """Those busy or being opened for as long as the time-out; and when it is worth looking again."""
        late, next_ns = [], now_ns + timeout_ns
        for connection in self._busy():
            deadline_ns = connection.started_ns + timeout_ns
            if deadline_ns <= now_ns:
                late.append(connection)
            else:
                next_ns = min(next_ns, deadline_ns)
        return late, next_ns

    def _busy(self) -> Iterator[Connection]:
        for connection in self.connections.values():
            if connection.send is not None or connection.connecting or connection.unsent is not None:
                yield connection

    def close(self) -> None:
        """Close every connection without a word."""
        for connection in self.connections.values():
            connection.sock.close()
        self.connections.clear()
        self.free.clear()
        self.epoll.close()


def _why_not_open(error: OSError) -> Fault:
    if _in_tls(error):
        return Fault.TLS
    return Fault.RESET if isinstance(error, ConnectionResetError) else Fault.REFUSED


def _in_tls(error: OSError) -> bool:
    return isinstance(error, ssl.SSLError | ssl.CertificateError)


def fault_of(error: OSError | BadResponse) -> Fault:
    """What ended a connection that was open."""
    if isinstance(error, BadResponse):
        return error.fault
    return Fault.TLS if _in_tls(error) else Fault.RESET
