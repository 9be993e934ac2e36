"""Carries sends over keep-alive connections: who gets which, what came back, one row for every attempt."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from select import EPOLLIN, EPOLLOUT, EPOLLRDHUP

from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.connection import Connection, Peer, connect, is_local_trouble
from loadtests.replay.http1 import BadResponse
from loadtests.replay.kernel import Kernel
from loadtests.replay.records import Fault
from loadtests.replay.rows import Rows

READ_BYTES = 16384
EVENTS_AT_ONCE = 16
"""Few, so that a send that becomes due waits for few others' responses."""

OPEN_AGAIN_NS = 100_000_000
ATTEMPTS_MAX = 3

_READ = EPOLLIN | EPOLLRDHUP
_READ_WRITE = _READ | EPOLLOUT

Waiting = tuple[Send, int, int, bytes | None]
"""(send, attempt, picked_ns, its bytes where they are rendered already)."""


@dataclass(frozen=True)
class Bounds:
    """connections: open at once at most. timeout_s: of a wait for a connection, from the due time, and of a
    wait for the response, from the start. drain_s: how long after its duration a replay waits for what is
    under way. spin_s: the last part of every pause that is spent awake: less lateness for more of the core.
    """

    connections: int = 1000
    timeout_s: float = 30.0
    drain_s: float = 10.0
    spin_s: float = 0.0


class Exchange:
    """Every send handed in leaves exactly one last row, and one for each attempt before it.

    An attempt is repeated in one case alone: the target had closed an idle connection and the request met
    that on its way (not a byte of a response came on a connection that had served before). `in_flight` counts
    sends that were started and not answered; `waiting` holds, in order, those that have no connection.
    """

    def __init__(
        self,
        peer: Peer,
        agenda: Agenda,
        rows: Rows,
        bounds: Bounds,
        kernel: Kernel,
        clock: Callable[[], int],
    ) -> None:
        self.in_flight = 0
        self.waiting: deque[Waiting] = deque()
        self.epoll = kernel.epoll()
        self._poll = self.epoll.poll
        self._peer = peer
        self._agenda = agenda
        self._rows = rows
        self._most = bounds.connections
        self._timeout_ns = int(bounds.timeout_s * 1e9)
        self._kernel = kernel
        self._clock = clock
        self._connections: dict[int, Connection] = {}
        self._free: list[Connection] = []
        self._opening = 0
        self._open_again_ns = 0
        self._expiry_ns = clock() + self._timeout_ns

    def submit(self, send: Send, picked_ns: int, data: bytes | None) -> None:
        """Start a send that is due, or let it wait for a connection."""
        if self._free:
            self._start(self._free.pop(), send, 1, picked_ns, data)
        else:
            self.waiting.append((send, 1, picked_ns, data))
            self._open_needed(picked_ns)

    def hear(self) -> list[int]:
        """Take what the sockets have now, a few at a time; descriptors of others are returned."""
        foreign = []
        for fd, event in self._poll(0, EVENTS_AT_ONCE):
            connection = self._connections.get(fd)
            if connection is None:
                foreign.append(fd)
            elif connection.connecting:
                self._connected(connection)
            elif event & EPOLLOUT:
                self._writable(connection)
            else:
                self._readable(connection)
        return foreign

    def expire(self, now_ns: int) -> None:
        """End what has waited longer than its time-out; open connections that could not be opened before."""
        while self.waiting and self.waiting[0][0][0] + self._timeout_ns <= now_ns:
            self._drop(self.waiting.popleft(), now_ns, Fault.DROPPED_NO_CONNECTION)
        self._open_needed(now_ns)
        if now_ns >= self._expiry_ns:
            self._expire_connections(now_ns)

    def settle(self, now_ns: int) -> None:
        """The run is over: drop what waits, leave what is under way unanswered, close everything."""
        while self.waiting:
            self._drop(self.waiting.popleft(), now_ns, Fault.DROPPED_RUN_ENDED)
        for connection in self._connections.values():
            if connection.send is not None:
                self._record(connection, connection.send, now_ns, Fault.UNANSWERED)
        self.in_flight = 0
        self.close()

    def close(self) -> None:
        """Close every connection without a word."""
        for connection in self._connections.values():
            connection.sock.close()
        self._connections.clear()
        self._free.clear()
        self.epoll.close()

    def _start(
        self, connection: Connection, send: Send, attempt: int, picked_ns: int, data: bytes | None
    ) -> None:
        if data is None:
            data = self._agenda.render(send)
        connection.send = send
        connection.attempt = attempt
        connection.picked_ns = picked_ns
        self.in_flight += 1
        connection.started_ns = self._clock()
        try:
            if not connection.write(data):
                self.epoll.modify(connection.fd, _READ_WRITE)
        except OSError:
            self._lost(connection, send, Fault.RESET)

    def _writable(self, connection: Connection) -> None:
        try:
            done = connection.write_on()
        except OSError:
            # The answer may lie unread before the broken pipe; reading finds it or says reset.
            done = False
        if not done:
            return self._readable(connection)
        self.epoll.modify(connection.fd, _READ)
        if connection.send is None:
            self._reuse(connection)
        return None

    def _readable(self, connection: Connection) -> None:
        send, inbox = connection.send, connection.inbox
        try:
            data = os.read(connection.fd, READ_BYTES)
            if send is None:
                return self._discard(connection)
            complete = inbox.feed(data) if data else inbox.end()
        except BlockingIOError:
            return None
        except (OSError, BadResponse) as error:
            fault = error.fault if isinstance(error, BadResponse) else Fault.RESET
            return self._lost(connection, send, fault)
        return self._answered(connection, send) if complete else None

    def _answered(self, connection: Connection, send: Send) -> None:
        ended_ns = self._clock()
        inbox = connection.inbox
        reply, accepted, _ = self._agenda.read(send, inbox.status, inbox.head, inbox.body)
        self._rows.add(
            send[1],
            connection.attempt,
            connection.picked_ns,
            connection.started_ns,
            ended_ns,
            inbox.status,
            reply,
            Fault.NONE,
            accepted,
        )
        connection.send = None
        connection.served += 1
        self.in_flight -= 1
        if not inbox.keep_alive:
            self._discard(connection)
        elif connection.unsent is None:
            self._reuse(connection)

    def _reuse(self, connection: Connection) -> None:
        if self.waiting:
            self._start(connection, *self.waiting.popleft())
        else:
            self._free.append(connection)

    def _lost(self, connection: Connection, send: Send | None, fault: Fault) -> None:
        """The connection is of no more use, and what it carried failed with it."""
        if send is not None:
            now_ns = self._clock()
            self._record(connection, send, now_ns, fault)
            self.in_flight -= 1
            connection.send = None
            stale = connection.served > 0 and connection.inbox.empty
            if stale and fault in (Fault.RESET, Fault.CLOSED_EARLY) and connection.attempt < ATTEMPTS_MAX:
                self.waiting.appendleft((send, connection.attempt + 1, now_ns, None))
        self._discard(connection)

    def _discard(self, connection: Connection) -> None:
        if connection in self._free:
            self._free.remove(connection)
        self._opening -= connection.connecting
        del self._connections[connection.fd]
        connection.sock.close()
        self._open_needed(self._clock())

    def _open_needed(self, now_ns: int) -> None:
        """Begin to open a connection for every waiting send, up to the bound."""
        while (
            self._opening < len(self.waiting)
            and len(self._connections) < self._most
            and now_ns >= self._open_again_ns
        ):
            try:
                connection = connect(self._kernel.socket, self._peer, now_ns)
            except OSError as error:
                self._not_opened(error.errno or 0, now_ns, now_ns)
            else:
                self._opening += 1
                self._connections[connection.fd] = connection
                self.epoll.register(connection.fd, _READ_WRITE)

    def _connected(self, connection: Connection) -> None:
        if error := connection.error():
            opened_ns = connection.opened_ns
            self._not_opened(error, opened_ns, self._clock())
            self._discard(connection)
            return
        connection.connecting = False
        self._opening -= 1
        self.epoll.modify(connection.fd, _READ)
        self._reuse(connection)

    def _not_opened(self, error: int, opened_ns: int, now_ns: int) -> None:
        """A refusal by the target fails the send that waited longest; a want of our own does not."""
        if is_local_trouble(error):
            self._open_again_ns = now_ns + OPEN_AGAIN_NS
        elif self.waiting:
            send, attempt, picked_ns, _ = self.waiting.popleft()
            self._rows.add(send[1], attempt, picked_ns, opened_ns, now_ns, 0, 0, Fault.REFUSED, 0)

    def _expire_connections(self, now_ns: int) -> None:
        """Looks at every connection, and therefore only when the oldest one could have expired."""
        self._expiry_ns = now_ns + self._timeout_ns
        for connection in list(self._connections.values()):
            if connection.send is None and not connection.connecting and connection.unsent is None:
                continue
            deadline_ns = connection.started_ns + self._timeout_ns
            if deadline_ns <= now_ns:
                self._lost(connection, connection.send, Fault.TIMEOUT)
            else:
                self._expiry_ns = min(self._expiry_ns, deadline_ns)

    def _record(self, connection: Connection, send: Send, ended_ns: int, fault: Fault) -> None:
        times = (connection.picked_ns, connection.started_ns, ended_ns)
        self._rows.add(send[1], connection.attempt, *times, 0, 0, fault, 0)

    def _drop(self, waiting: Waiting, now_ns: int, fault: Fault) -> None:
        send, attempt, picked_ns, _ = waiting
        self._rows.add(send[1], attempt, picked_ns, 0, now_ns, 0, 0, fault, 0)
