"""What the compiled turn works on: sends that wait, connections lent to it, requests to fill in; and back."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from errno import EINTR
from typing import cast

import numpy as np
import numpy.typing as npt

from loadtests.replay import lanecode as code
from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.connection import Connection
from loadtests.replay.exchange import Waiting
from loadtests.replay.rows import Rows
from loadtests.replay.stencils import Stencils

FIRST_QUEUE = 4096
FIRST_DESCRIPTORS = 256
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Odd:
    """What Python must see to. kind: READ (`value` bytes of `data`, 0: the end), WRITTEN (`value` bytes of
    `data`, None: of what renders again), each with an error below 0; or NEWS: events of the epoll."""

    kind: int
    fd: int
    value: int
    data: bytes | None


class Lane:
    """Calls the compiled turn. Connections are lent to it while they are free; with whatever is put aside,
    its connection comes back to Python (`take_back`)."""

    def __init__(self, epoll_fd: int, agenda: Agenda, rows: Rows, spin_ns: int) -> None:
        self._agenda = agenda
        self._rows = rows
        self._lent: dict[int, Connection] = {}
        self._stencils = Stencils(len(agenda.schedule.streams), agenda.stencil)
        self._unrendered: deque[int] = deque()
        self._bytes: deque[tuple[int, bytes]] = deque()
        self._s = np.zeros(code.STATE, dtype=np.int64)
        self._queue = np.zeros((FIRST_QUEUE, code.QUEUE), dtype=np.int64)
        self._held = np.zeros((FIRST_DESCRIPTORS, code.HELD), dtype=np.int64)
        self._free = np.zeros(FIRST_DESCRIPTORS, dtype=np.int64)
        self._odd = np.zeros((2 * code.EVENTS_AT_ONCE, 4), dtype=np.int64)
        self._events = np.zeros(code.EVENTS_AT_ONCE * code.EVENT_INTS, dtype=np.int32)
        self._inbox = np.zeros(code.EVENTS_AT_ONCE * code.ANSWER_BYTES, dtype=np.uint8)
        self._time = np.zeros(4, dtype=np.int64)
        self._accepts = _accepts(agenda)
        self._s[code.EPOLL] = epoll_fd
        self._s[code.SPIN_NS] = spin_ns
        self._s[code.EVENTS_AT] = self._events.ctypes.data
        self._s[code.INBOX_AT] = self._inbox.ctypes.data
        self._s[code.TIME_AT] = self._time.ctypes.data

    @property
    def busy(self) -> int:
        """Sends that were started here and are not answered."""
        return int(self._s[code.BUSY])

    @property
    def idle(self) -> int:
        """Connections lent and free."""
        return int(self._s[code.FREE])

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""
        return int(self._s[code.PICKED] - self._s[code.HEAD])

    @property
    def upcoming(self) -> int:
        """Sends that are not due, as far as was last looked."""
        return int(self._s[code.TAIL] - self._s[code.PICKED])

    @property
    def renders(self) -> bool:
        """Whether something is left for `render`."""
        return bool(self._unrendered)

    @property
    def ahead(self) -> int:
        """How many are rendered and not sent."""
        return len(self._bytes)

    @property
    def next_due_ns(self) -> int:
        """Of the first upcoming one."""
        return int(self._row(code.PICKED)[code.DUE_NS])

    def feed(self, sends: Ints) -> None:
        """More sends to come, int64 (sends, 5), due after those that came before."""
        head, tail = (int(self._s[at]) for at in (code.HEAD, code.TAIL))
        while tail + len(sends) - head > len(self._queue):
            self._grow(head, tail)
        at = np.arange(tail, tail + len(sends)) & (len(self._queue) - 1)
        self._queue[at, :5] = sends
        self._queue[at, code.STENCIL] = stencils = self._stencils.of(sends)
        self._unrendered.extend((tail + np.flatnonzero(stencils < 0)).tolist())
        self._queue[at, code.BYTES_AT] = 0
        self._s[code.TAIL] += len(sends)
        self._s[code.TEXTS_AT] = self._stencils.texts.ctypes.data

    def render(self, most: int) -> bool:
        """Render up to so many of the oldest that have no stencil and are not rendered; True: it did."""
        did = False
        while most > 0 and self._unrendered:
            at = self._unrendered.popleft()
            if at >= self._s[code.HEAD]:
                row = self._queue[at & (len(self._queue) - 1)]
                data = self._agenda.render(_send(row))
                self._bytes.append((at, data))
                row[code.BYTES_AT] = np.frombuffer(data, dtype=np.uint8).ctypes.data
                row[code.BYTES] = len(data)
                most, did = most - 1, True
        return did

    def lend(self, connections: Iterable[Connection]) -> None:
        """Free connections of plain HTTP/1.1, between two answers."""
        for connection in connections:
            fd = connection.fd
            while fd >= len(self._held):
                self._held = np.concatenate((self._held, np.zeros_like(self._held)))
                self._free = np.concatenate((self._free, np.zeros_like(self._free)))
            self._lent[fd] = connection
            self._held[fd, code.OWNER] = code.IDLE
            self._held[fd, code.SERVED] = connection.served
            self._free[self._s[code.FREE]] = fd
            self._s[code.FREE] += 1

    def take_back(self, fd: int) -> Connection | None:
        """The connection with what it carries, as Python has it; None where it is not lent."""
        connection = self._lent.pop(fd, None)
        if connection is None:
            return None
        row = self._held[fd]
        connection.served = int(row[code.SERVED])
        if row[code.OWNER] == code.CARRIES:
            connection.send = _send(row)
            connection.attempt = 1
            connection.picked_ns = int(row[code.PICKED_NS])
            connection.started_ns = int(row[code.STARTED_NS])
            self._s[code.BUSY] -= 1
        else:
            self._forget_idle(fd)
        row[code.OWNER] = code.PYTHONS
        return connection

    def take_back_idle(self, most: int) -> Iterator[Connection]:
        """Free connections, the last used first."""
        while most and self.idle:
            most -= 1
            connection = self.take_back(int(self._free[self.idle - 1]))
            assert connection is not None
            yield connection

    def started_before(self, then_ns: int) -> list[int]:
        """Descriptors of those that carry something since then or longer."""
        carries = self._held[:, code.OWNER] == code.CARRIES
        return np.flatnonzero(carries & (self._held[:, code.STARTED_NS] <= then_ns)).tolist()

    @property
    def lent(self) -> list[int]:
        """Descriptors of all connections that are here."""
        return list(self._lent)

    def due_before(self, then_ns: int) -> int:
        """How many of those that wait were due by then."""
        head, picked = int(self._s[code.HEAD]), int(self._s[code.PICKED])
        if head == picked or self._row(code.HEAD)[code.DUE_NS] > then_ns:
            return 0
        at = np.arange(head, picked) & (len(self._queue) - 1)
        return int(np.searchsorted(self._queue[at, code.DUE_NS], then_ns, side="right"))

    def release(self, most: int) -> list[Waiting]:
        """Give up to so many of those that wait longest back to Python."""
        released: list[Waiting] = []
        for _ in range(min(most, self.waiting)):
            row = self._row(code.HEAD)
            send = _send(row)
            released.append(
                (send, 1, int(row[code.PICKED_NS]), self._rendered(int(self._s[code.HEAD])), send[0])
            )
            self._s[code.HEAD] += 1
        return released

    def rest(self) -> list[Send]:
        """What is upcoming, in order."""
        at = np.arange(self._s[code.PICKED], self._s[code.TAIL]) & (len(self._queue) - 1)
        return list(map(tuple, self._queue[at, :5].tolist()))

    def run(self, until_ns: int, *, reserved: bool, opening: int, more: bool) -> list[Odd]:
        """Go on until then, or until there is something for Python.

        reserved: Python wants the next free connections. opening: as many sends may wait before more
        connections are wanted. more: there are sends beyond those that were fed.
        """
        s = self._s
        s[code.UNTIL_NS], s[code.RESERVED], s[code.OPENING], s[code.MORE] = until_ns, reserved, opening, more
        s[code.FILLED] = self._rows.filled
        stencils = self._stencils
        failed = code.turn(
            s,
            self._queue,
            self._held,
            self._free,
            self._rows.block,
            self._odd,
            self._events,
            self._inbox,
            stencils.texts,
            stencils.table,
            stencils.places,
            self._accepts,
            self._time,
        )
        self._rows.filled = int(s[code.FILLED])
        if self._rows.filled > len(self._rows.block) - 2 * code.EVENTS_AT_ONCE:
            self._rows.flush()
        if failed not in (0, EINTR):
            raise OSError(failed, os.strerror(failed))
        odd = [self._odd_one(*row) for row in self._odd[: s[code.ODDS]].tolist()]
        while self._bytes and self._bytes[0][0] < s[code.HEAD]:
            self._bytes.popleft()
        return odd

    def _odd_one(self, kind: int, fd: int, value: int, place: int) -> Odd:
        if kind == code.READ and value > 0:
            at = place * code.ANSWER_BYTES
            return Odd(kind, fd, value, self._inbox[at : at + value].tobytes())
        return Odd(kind, fd, value, self._rendered(place) if kind == code.WRITTEN else None)

    def _rendered(self, position: int) -> bytes | None:
        return next((data for at, data in self._bytes if at == position), None)

    def _row(self, which: int) -> Ints:
        return cast(Ints, self._queue[self._s[which] & (len(self._queue) - 1)])

    def _grow(self, head: int, tail: int) -> None:
        at = np.arange(head, tail)
        wider = np.zeros((2 * len(self._queue), code.QUEUE), dtype=np.int64)
        wider[at & (len(wider) - 1)] = self._queue[at & (len(self._queue) - 1)]
        self._queue = wider

    def _forget_idle(self, fd: int) -> None:
        free = self._free[: self.idle]
        rest = free[free != fd]
        self._free[: len(rest)] = rest
        self._s[code.FREE] = len(rest)


def _send(row: Ints) -> Send:
    due_ns, request, first_id, messages, stream = row[:5].tolist()
    return due_ns, request, first_id, messages, stream


def _accepts(agenda: Agenda) -> npt.NDArray[np.uint8]:
    """uint8 (streams, statuses): 1 where any answer of that status accepts everything."""
    streams = range(len(agenda.schedule.streams))
    accepts = np.zeros((max(1, len(streams)), code.STATUSES), dtype=np.uint8)
    for stream in streams:
        accepts[stream, list(agenda.plainly_accepted(stream))] = 1
    return accepts
