"""Carries sends over HTTP/2, many at once on few connections; rows, faults, retries as over HTTP/1.1."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from select import EPOLLOUT

from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.bounds import Bounds
from loadtests.replay.connection import Connection, Peer
from loadtests.replay.exchange import EVENTS_AT_ONCE, STALE_ATTEMPTS_MAX
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.http2 import Answer, News, Session
from loadtests.replay.kernel import Kernel
from loadtests.replay.limits import BadResponse
from loadtests.replay.lines import Carried, Line
from loadtests.replay.pool import Pool, fault_of
from loadtests.replay.retrying import Comebacks
from loadtests.replay.rows import Rows
from loadtests.replay.waiting import Waiting
from scenarios.pipeline import Retries

UNTOUCHED_ATTEMPTS_MAX = 10


class Multiplexed:
    """What `exchange.Exchange` is for HTTP/1.1, by the same words.

    An attempt is repeated at once where the target says that it did nothing with it (REFUSED_STREAM, a GOAWAY
    that leaves it out) or where a connection that had served before closed without a word after it.
    """

    sends_each = 100
    """Streams that a connection is taken to have room for until its target says (RFC 9113, 6.5.2)."""

    def __init__(
        self, peer: Peer, agenda: Agenda, rows: Rows, bounds: Bounds, kernel: Kernel, clock: Callable[[], int]
    ) -> None:
        self.in_flight = 0
        self.waiting: deque[Waiting] = deque()
        self.pool = Pool(peer, bounds.connections, kernel, clock, self._not_opened)
        self.epoll = self.pool.epoll
        self._scheme = "https" if peer.makes is not Connection else "http"
        self._agenda = agenda
        self._rows = rows
        self._timeout_ns = int(bounds.timeout_s * 1e9)
        self._clock = clock
        self._expiry_ns = clock() + self._timeout_ns
        self._lines: dict[int, Line] = {}
        self._with_room: Line | None = None
        law = Retries(attempts=bounds.retries + 1)
        draw = random.Random(agenda.schedule.seed).uniform
        self._submitted = 0
        self._comebacks = Comebacks(law, bounds.retry_budget_share, draw, lambda: self._submitted)

    @property
    def coming_back(self) -> int:
        """Sends whose next attempt is not due yet."""
        return len(self._comebacks)

    def submit(self, send: Send, picked_ns: int, data: bytes | None) -> None:
        """Start a send that is due, or let it wait for a stream."""
        self._submitted += 1
        self._begin((send, 1, picked_ns, data, send[0]), picked_ns)

    def hear(self, wait_s: float = 0.0) -> list[int]:
        """Take what the sockets have by then, a few at a time; descriptors of others are returned."""
        foreign = []
        for fd, event in self.epoll.poll(wait_s, EVENTS_AT_ONCE):
            connection = self.pool.connections.get(fd)
            if connection is None:
                foreign.append(fd)
            elif connection.connecting:
                self._connecting(connection)
            else:
                self._news_of(self._lines[fd], event)
        return foreign

    def expire(self, now_ns: int) -> None:
        """End what has waited longer than its time-out; take up what comes back; open what is lacking."""
        while self.waiting and self.waiting[0][4] + self._timeout_ns <= now_ns:
            self._drop(self.waiting.popleft(), now_ns, Fault.DROPPED_NO_CONNECTION)
        for send, attempt in self._comebacks.due(now_ns):
            self._begin((send, attempt, now_ns, None, now_ns), now_ns)
        if now_ns >= self._expiry_ns:
            self._expire_on_lines(now_ns)
        self._open_needed(now_ns)

    def settle(self, now_ns: int) -> None:
        """The run is over: drop what waits, leave what is under way unanswered, close everything."""
        for line in self._lines.values():
            for carried in line.carried.values():
                self._failed(carried, now_ns, Fault.UNANSWERED)
        self.in_flight = 0
        while self.waiting:
            self._drop(self.waiting.popleft(), now_ns, Fault.DROPPED_RUN_ENDED)
        self.close()

    def close(self) -> None:
        """Close every connection without a word."""
        self.pool.close()

    def _begin(self, waiting: Waiting, now_ns: int) -> None:
        line = self._line_with_room()
        if line is None:
            self.waiting.append(waiting)
            self._open_needed(now_ns)
        else:
            self._start(line, waiting)
            self._write(line)

    def _line_with_room(self) -> Line | None:
        """The one that was used last, as long as it has room: few connections carry a low rate."""
        if self._with_room is None or self._with_room.session.room <= 0:
            lines = self._lines.values()
            self._with_room = next((line for line in lines if line.session.room > 0), None)
        return self._with_room

    def _start(self, line: Line, waiting: Waiting) -> None:
        send, attempt, picked_ns, data, _ = waiting
        if data is None:
            data = self._agenda.render(send)
        started_ns = self._clock()
        line.used = True
        number = line.session.begin(data)
        line.carried[number] = Carried(send, attempt, picked_ns, started_ns)
        self.in_flight += 1

    def _connecting(self, connection: Connection) -> None:
        if self.pool.go_on(connection):
            line = Line(connection, Session(self._scheme), self._clock())
            self._lines[connection.fd] = line
            self._write(line)
        else:
            self._open_needed(self._clock())

    def _news_of(self, line: Line, event: int) -> None:
        connection = line.connection
        try:
            if event & EPOLLOUT and connection.write_on():
                self.pool.watch(connection)
                self._write(line)
        except OSError as error:
            return self._broken(line, fault_of(error))
        try:
            data = connection.read()
        except BlockingIOError:
            return None
        except (OSError, BadResponse) as error:
            return self._lost(line, fault_of(error))
        return self._take(line, data) if data else self._lost(line, Fault.CLOSED_EARLY)

    def _broken(self, line: Line, fault: Fault) -> None:
        """It takes no more of any request: answers that lie unread before that count."""
        for data in line.connection.last_words():
            self._told(line, line.session.feed(data), self._clock())
        self._lost(line, fault)

    def _take(self, line: Line, data: bytes) -> None:
        """What came, and what follows from it."""
        now_ns = self._clock()
        self._told(line, line.session.feed(data), now_ns)
        self._write(line)
        if line.session.useless:
            self._give_up(line, line.session.fault)
        self._go_on(now_ns)

    def _told(self, line: Line, news: list[News], now_ns: int) -> None:
        """What the session made of what came."""
        line.heard_ns = now_ns
        for one in news:
            carried = line.carried.pop(one.stream)
            self.in_flight -= 1
            if isinstance(one, Answer):
                self._answered(line, carried, one, now_ns)
            else:
                self._fail(carried, one.fault, now_ns, UNTOUCHED_ATTEMPTS_MAX if one.untouched else 0)

    def _go_on(self, now_ns: int) -> None:
        """Start what waits where there is room now."""
        touched = {}
        while self.waiting and (line := self._line_with_room()):
            self._start(line, self.waiting.popleft())
            touched[line.connection.fd] = line
        for line in touched.values():
            self._write(line)
        self._open_needed(now_ns)

    def _write(self, line: Line) -> None:
        """Everything that the session has to say; what the socket does not take waits until it does."""
        connection = line.connection
        if connection.unsent is None and (data := line.session.output()):
            try:
                if not connection.write(data):
                    self.pool.watch(connection)
            except OSError as error:
                self._broken(line, fault_of(error))

    def _answered(self, line: Line, carried: Carried, answer: Answer, now_ns: int) -> None:
        line.served += 1
        send, attempt = carried.send, carried.attempt
        reply, accepted, come_again_s = self._agenda.read(send, answer.status, answer.head, answer.body)
        times = (carried.picked_ns, carried.started_ns, now_ns)
        self._rows.add(send[1], attempt, *times, answer.status, reply, 0, accepted, len(answer.body))
        self._comebacks.take_back(send, attempt, reply, Fault.NONE, come_again_s, now_ns)

    def _fail(self, carried: Carried, fault: Fault, now_ns: int, again_below: int = 0) -> None:
        self._failed(carried, now_ns, fault)
        send, attempt = carried.send, carried.attempt
        if attempt < again_below:
            self.waiting.appendleft((send, attempt + 1, now_ns, None, now_ns))
        else:
            self._comebacks.take_back(send, attempt, Reply.NONE, fault, None, now_ns)

    def _lost(self, line: Line, fault: Fault) -> None:
        """The connection is of no more use, and what it carried failed with it."""
        now_ns = self._clock()
        for one in line.session.end(fault):
            carried = line.carried.pop(one.stream)
            self.in_flight -= 1
            unheard = line.served > 0 and carried.started_ns > line.heard_ns
            self._fail(carried, fault, now_ns, STALE_ATTEMPTS_MAX if unheard else 0)
        self._give_up(line, fault)
        self._go_on(now_ns)

    def _give_up(self, line: Line, fault: Fault) -> None:
        if self._lines.pop(line.connection.fd, None) is None:
            return
        if line is self._with_room:
            self._with_room = None
        self.pool.discard(line.connection)
        if not line.used:
            self._not_opened(line.connection.opened_ns, fault)

    def _expire_on_lines(self, now_ns: int) -> None:
        """End streams and openings that took too long, and find when to look again."""
        late_ns, first_ns = now_ns - self._timeout_ns, now_ns
        for line in list(self._lines.values()):
            self._expire_on(line, late_ns, now_ns)
            first_ns = min(first_ns, line.oldest_ns(now_ns))
        for connection in list(self.pool.connections.values()):
            open_line = self._lines.get(connection.fd)
            if open_line is None or not open_line.session.ready:
                first_ns = min(first_ns, max(late_ns, connection.opened_ns))
                if connection.opened_ns <= late_ns:
                    self._lines.pop(connection.fd, None)
                    self.pool.discard(connection)
        self._expiry_ns = first_ns + self._timeout_ns

    def _expire_on(self, line: Line, late_ns: int, now_ns: int) -> None:
        late = line.started_by(late_ns)
        for number in late:
            line.session.cancel(number)
            self.in_flight -= 1
            self._fail(line.carried.pop(number), Fault.TIMEOUT, now_ns)
        if late and line.heard_ns <= late_ns:
            # Nothing came for a whole time-out: nothing more is trusted to it.
            line.session.retire()
        if late:
            self._write(line)
            if line.session.useless:
                self._give_up(line, Fault.TIMEOUT)

    def _open_needed(self, now_ns: int) -> None:
        """Begin to open connections for the sends that wait, each with the room that is to be expected."""
        ready = sum(line.session.ready for line in self._lines.values())
        opening = len(self.pool.connections) - ready
        while len(self.waiting) > self.sends_each * opening and self.pool.has_room:
            if not self.pool.begin(now_ns):
                return
            opening += 1

    def _not_opened(self, opened_ns: int, fault: Fault) -> None:
        """A connection that the target refused fails the send that waited longest."""
        if self.waiting:
            now_ns = self._clock()
            send, attempt, picked_ns, _, _ = self.waiting.popleft()
            self._fail(Carried(send, attempt, picked_ns, max(opened_ns, picked_ns)), fault, now_ns)

    def _failed(self, carried: Carried, now_ns: int, fault: Fault) -> None:
        times = (carried.picked_ns, carried.started_ns, now_ns)
        self._rows.add(carried.send[1], carried.attempt, *times, 0, 0, fault, 0)

    def _drop(self, waiting: Waiting, now_ns: int, fault: Fault) -> None:
        send, attempt, picked_ns, _, _ = waiting
        self._rows.add(send[1], attempt, picked_ns, 0, now_ns, 0, 0, fault, 0)
