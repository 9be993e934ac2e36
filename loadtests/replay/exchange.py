"""Carries sends over keep-alive connections: who gets which, what came back, one row for every attempt."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from select import EPOLLOUT

from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.answers import Answers
from loadtests.replay.bounds import Bounds
from loadtests.replay.connection import Connection, Peer
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.kernel import Kernel
from loadtests.replay.limits import BadResponse
from loadtests.replay.pool import Pool, fault_of
from loadtests.replay.retrying import Comebacks
from loadtests.replay.rows import Rows
from loadtests.replay.waiting import Behind, Nobody, Waiting, columns
from scenarios.pipeline import Retries

EVENTS_AT_ONCE = 16
"""Few, so that a send that becomes due waits for few others' responses."""

STALE_ATTEMPTS_MAX = 3
IDLE_NS = 1_000_000_000
ACCEPTED = int(Reply.ACCEPTED)


class Exchange:
    """Every send handed in leaves exactly one last row, and one for each attempt before it.

    An attempt is repeated at once in one case: the target had closed an idle connection and the request met
    that on its way (not a byte of a response came on a connection that had served before, or was there for
    IDLE_NS). Others come back as `retrying` says. `in_flight` counts sends that were started and not
    answered; `waiting` holds those that have no connection, in order.
    """

    sends_each = 1

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
        self.behind: Behind = Nobody()
        self.pool = Pool(peer, bounds.connections, kernel, clock, self._not_opened)
        self.epoll = self.pool.epoll
        self._free = self.pool.free
        self._agenda = agenda
        self._answers = Answers(agenda)
        self._known = self._answers.known
        law = Retries(attempts=bounds.retries + 1)
        uniform = random.Random(agenda.schedule.seed).uniform
        self._submitted = 0
        self._comebacks = Comebacks(
            law, bounds.retry_budget_share, uniform, lambda: self._submitted + self.behind.begun
        )
        self._rows = rows
        self.timeout_ns = int(bounds.timeout_s * 1e9)
        self._clock = clock
        self._expiry_ns = clock() + self.timeout_ns

    @property
    def coming_back(self) -> int:
        """Sends whose next attempt is not due yet."""
        return len(self._comebacks)

    def submit(self, send: Send, picked_ns: int, data: bytes | None) -> None:
        """Start a send that is due, or let it wait for a connection."""
        self._submitted += 1
        if self._free:
            self._start(self._free.pop(), send, 1, picked_ns, data)
        else:
            self.waiting.append((send, 1, picked_ns, data, send[0]))
            if self.pool.has_room:
                self.open_needed(picked_ns)

    def hear(self, wait_s: float = 0.0) -> list[int]:
        """Take what the sockets have by then, a few at a time; descriptors of others are returned."""
        return [fd for fd, event in self.epoll.poll(wait_s, EVENTS_AT_ONCE) if not self.has_news(fd, event)]

    def has_news(self, fd: int, event: int) -> bool:
        """Take up an event of the epoll; False where it is not about a connection."""
        connection = self.pool.connections.get(fd)
        if connection is None:
            return False
        if connection.connecting:
            self._connecting(connection)
        elif event & EPOLLOUT:
            self._writable(connection)
        else:
            self._readable(connection)
        return True

    def expire(self, now_ns: int) -> None:
        """End what has waited longer than its time-out; take up what comes back; open what is lacking."""
        while self.waiting and self.waiting[0][4] + self.timeout_ns <= now_ns:
            send, attempt, picked_ns, _, _ = self.waiting.popleft()
            self._rows.add(send[1], attempt, picked_ns, 0, now_ns, 0, 0, Fault.DROPPED_NO_CONNECTION, 0)
        for send, attempt in self._comebacks.due(now_ns):
            self._take_up(send, attempt, now_ns)
        self.open_needed(now_ns)
        if now_ns >= self._expiry_ns:
            late, self._expiry_ns = self.pool.overdue(now_ns, self.timeout_ns)
            for connection in late:
                self.lost(connection, Fault.TIMEOUT)

    def settle(self, now_ns: int) -> None:
        """The run is over: drop what waits, leave what is under way unanswered, close everything."""
        for connection in self.pool.connections.values():
            if connection.send is not None:
                self._record(connection, connection.send, now_ns, Fault.UNANSWERED)
        self.in_flight = 0
        if self.waiting:
            requests, attempts, picked_ns = columns(self.waiting)
            self._rows.add_dropped(requests, now_ns, Fault.DROPPED_RUN_ENDED, attempts, picked_ns)
        self.waiting.clear()
        self.close()

    def close(self) -> None:
        """Close every connection without a word."""
        self.pool.close()

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
                self.pool.watch(connection)
        except OSError as error:
            self.lost(connection, fault_of(error))

    def take_over(self, connection: Connection) -> None:
        """A connection that somebody else had used, with the send it carries if it carries one."""
        if connection.send is not None:
            self.in_flight += 1
            self._expiry_ns = min(self._expiry_ns, connection.started_ns + self.timeout_ns)

    def start_waiting(self) -> None:
        """Start what waits here on what is free."""
        while self.waiting and self._free:
            self._reuse(self._free.pop())

    def _take_up(self, send: Send, attempt: int, now_ns: int) -> None:
        if self._free:
            self._start(self._free.pop(), send, attempt, now_ns, None)
        else:
            self.waiting.append((send, attempt, now_ns, None, now_ns))

    def _connecting(self, connection: Connection) -> None:
        if self.pool.go_on(connection):
            self._reuse(connection)
        else:
            self.open_needed(self._clock())

    def _writable(self, connection: Connection) -> None:
        try:
            done = connection.write_on()
        except OSError as error:
            return self.broken(connection, fault_of(error))
        if not done:
            return self._readable(connection)
        self.pool.watch(connection)
        return self._reuse(connection) if connection.send is None else None

    def broken(self, connection: Connection, fault: Fault) -> None:
        """It takes no more of its request: an answer that lies unread before that counts."""
        for data in connection.last_words():
            self.received(connection, data)
            if connection.send is None:
                break
        if self.pool.has(connection):
            self.lost(connection, fault)

    def _readable(self, connection: Connection) -> None:
        try:
            data = connection.read()
        except BlockingIOError:
            return
        except (OSError, BadResponse) as error:
            self.lost(connection, fault_of(error))
        else:
            self.received(connection, data)

    def received(self, connection: Connection, data: bytes) -> None:
        """What was read from a connection, b"" where the other side closed."""
        send, inbox = connection.send, connection.inbox
        if send is None:
            return self._discard(connection)
        try:
            if inbox.empty and (known := self._known[send[4]].get(data)) and known[1] == send[3]:
                self._finish(connection, send, self._clock(), known[0], ACCEPTED, send[3], known[2])
                return self._reuse(connection) if connection.unsent is None else None
            whole = data if inbox.empty else b""
            complete = (inbox.feed(data) if data else inbox.end()) or (connection.ended and inbox.end())
        except BadResponse as error:
            return self.lost(connection, error.fault)
        return self._answered(connection, send, whole) if complete else None

    def _answered(self, connection: Connection, send: Send, whole: bytes) -> None:
        ended_ns = self._clock()
        inbox = connection.inbox
        reply, accepted, come_again_s = self._answers.read(send, inbox, whole)
        self._finish(connection, send, ended_ns, inbox.status, reply, accepted, len(inbox.body))
        self._comebacks.take_back(send, connection.attempt, reply, Fault.NONE, come_again_s, ended_ns)
        if not inbox.keep_alive:
            self._discard(connection)
        elif connection.unsent is None:
            self._reuse(connection)

    def _finish(
        self,
        connection: Connection,
        send: Send,
        ended_ns: int,
        status: int,
        reply: int,
        accepted: int,
        body_bytes: int,
    ) -> None:
        times = (connection.picked_ns, connection.started_ns, ended_ns)
        self._rows.add(send[1], connection.attempt, *times, status, reply, 0, accepted, body_bytes)
        connection.send = None
        connection.served += 1
        self.in_flight -= 1

    def _reuse(self, connection: Connection) -> None:
        if connection.ended:
            self._discard(connection)
        elif self.waiting:
            send, attempt, picked_ns, data, _ = self.waiting.popleft()
            self._start(connection, send, attempt, picked_ns, data)
        else:
            self._free.append(connection)

    def lost(self, connection: Connection, fault: Fault) -> None:
        """The connection is of no more use, and what it carried failed with it."""
        if (send := connection.send) is not None:
            now_ns = self._clock()
            attempt = connection.attempt
            self._record(connection, send, now_ns, fault)
            self.in_flight -= 1
            connection.send = None
            was_idle = connection.served > 0 or connection.started_ns - connection.opened_ns > IDLE_NS
            stale = was_idle and connection.inbox.empty
            if stale and fault in (Fault.RESET, Fault.CLOSED_EARLY) and attempt < STALE_ATTEMPTS_MAX:
                self.waiting.appendleft((send, attempt + 1, now_ns, None, now_ns))
            else:
                self._comebacks.take_back(send, attempt, Reply.NONE, fault, None, now_ns)
        self._discard(connection)

    def _discard(self, connection: Connection) -> None:
        self.pool.discard(connection)
        self.open_needed(self._clock())

    def open_needed(self, now_ns: int) -> None:
        """Begin to open a connection for every send that waits for one, up to the bound."""
        while self.pool.lacks(len(self.waiting) + self.behind.lacking - len(self._free)):
            if not self.pool.begin(now_ns):
                return

    def _not_opened(self, opened_ns: int, fault: Fault) -> None:
        """A connection that the target refused fails the send that waited longest."""
        if not self.waiting:
            self.waiting.extend(self.behind.release(1))
        if self.waiting:
            now_ns = self._clock()
            send, attempt, picked_ns, _, _ = self.waiting.popleft()
            began_ns = max(opened_ns, picked_ns)
            self._rows.add(send[1], attempt, picked_ns, began_ns, now_ns, 0, 0, fault, 0)
            self._comebacks.take_back(send, attempt, Reply.NONE, fault, None, now_ns)

    def _record(self, connection: Connection, send: Send, ended_ns: int, fault: Fault) -> None:
        times = (connection.picked_ns, connection.started_ns, ended_ns)
        self._rows.add(send[1], connection.attempt, *times, 0, 0, fault, 0)
