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

from loadtests.replay import lanelayout as layout
from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.answercode import STATUSES
from loadtests.replay.connection import Connection
from loadtests.replay.lanecode import turn
from loadtests.replay.libssl import addresses
from loadtests.replay.pauses import Ints
from loadtests.replay.rows import Rows
from loadtests.replay.stencils import Stencils
from loadtests.replay.waiting import Waiting

FIRST_QUEUE = 4096
FIRST_DESCRIPTORS = 256
UPCOMING_SEEN = 256


@dataclass(frozen=True)
class Odd:
    """What Python must see to. kind: READ (`value` bytes of `data`, 0: the end; READ_ON: TLS
    has more), WRITTEN (`value` bytes of
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
        self._a = layout.arrays(rows.block, FIRST_QUEUE, FIRST_DESCRIPTORS, _accepts(agenda))
        self._s = self._a.s
        self._s[layout.EPOLL] = epoll_fd
        self._s[layout.SPIN_NS] = spin_ns
        self._a.calls[:] = addresses()

    @property
    def busy(self) -> int:
        """Sends that were started here and are not answered."""
        return int(self._s[layout.BUSY])

    @property
    def begun(self) -> int:
        """Sends that were started here or released; each is a first attempt."""
        return int(self._s[layout.HEAD])

    @property
    def idle(self) -> int:
        """Connections lent and free."""
        return int(self._s[layout.FREE])

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""
        return int(self._s[layout.PICKED] - self._s[layout.HEAD])

    @property
    def lacking(self) -> int:
        """How many of these have no free connection here."""
        return max(0, self.waiting - self.idle)

    @property
    def upcoming(self) -> int:
        """Sends that are not due, as far as was last looked."""
        return int(self._s[layout.TAIL] - self._s[layout.PICKED])

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
        return int(self._row(layout.PICKED)[layout.DUE_NS])

    @property
    def upcoming_ns(self) -> Ints:
        """When the first upcoming sends are due, ascending; as far as the queue goes on in one piece."""
        first = int(self._s[layout.PICKED]) & (len(self._a.queue) - 1)
        return self._a.queue[first : first + min(self.upcoming, UPCOMING_SEEN), layout.DUE_NS]

    def feed(self, sends: Ints) -> None:
        """More sends to come, int64 (sends, 5), due after those that came before."""
        head, tail = (int(self._s[at]) for at in (layout.HEAD, layout.TAIL))
        while tail + len(sends) - head > len(self._a.queue):
            self._grow(head, tail)
        at = np.arange(tail, tail + len(sends)) & (len(self._a.queue) - 1)
        self._a.queue[at, :5] = sends
        self._a.queue[at, layout.STENCIL] = stencils = self._stencils.of(sends)
        self._unrendered.extend((tail + np.flatnonzero(stencils < 0)).tolist())
        self._a.queue[at, layout.BYTES_AT] = 0
        self._s[layout.TAIL] += len(sends)
        self._a = self._a._replace(
            texts=self._stencils.texts, stencils=self._stencils.table, places=self._stencils.places
        )
        self._s[layout.TEXTS_AT] = self._stencils.texts.ctypes.data

    def render(self, most: int) -> bool:
        """Render up to so many of the oldest that have no stencil and are not rendered; True: it did."""
        did = False
        while most > 0 and self._unrendered:
            at = self._unrendered.popleft()
            if at >= self._s[layout.HEAD]:
                row = self._a.queue[at & (len(self._a.queue) - 1)]
                data = self._agenda.render(_send(row))
                self._bytes.append((at, data))
                row[layout.BYTES_AT] = np.frombuffer(data, dtype=np.uint8).ctypes.data
                row[layout.BYTES] = len(data)
                most, did = most - 1, True
        return did

    def lend(self, connections: Iterable[Connection]) -> None:
        """Free connections that speak HTTP/1.1, between two answers."""
        for connection in connections:
            fd = connection.fd
            while fd >= len(self._a.held):
                held, free = (
                    np.concatenate((old, np.zeros_like(old))) for old in (self._a.held, self._a.free)
                )
                self._a = self._a._replace(held=held, free=free)
            self._lent[fd] = connection
            self._a.held[fd, layout.OWNER] = layout.IDLE
            self._a.held[fd, layout.SERVED] = connection.served
            self._a.held[fd, layout.TLS :] = connection.pointers
            self._a.free[self._s[layout.FREE]] = fd
            self._s[layout.FREE] += 1

    def take_back(self, fd: int) -> Connection | None:
        """The connection with what it carries, as Python has it; None where it is not lent."""
        connection = self._lent.pop(fd, None)
        if connection is None:
            return None
        row = self._a.held[fd]
        connection.served = int(row[layout.SERVED])
        if row[layout.OWNER] == layout.CARRIES:
            connection.send = _send(row)
            connection.attempt = 1
            connection.picked_ns = int(row[layout.PICKED_NS])
            connection.started_ns = int(row[layout.STARTED_NS])
            self._s[layout.BUSY] -= 1
        else:
            self._forget_idle(fd)
        row[layout.OWNER] = layout.PYTHONS
        return connection

    def take_back_idle(self, most: int) -> Iterator[Connection]:
        """Free connections, the last used first."""
        while most and self.idle:
            most -= 1
            connection = self.take_back(int(self._a.free[self.idle - 1]))
            assert connection is not None
            yield connection

    def started_before(self, then_ns: int) -> tuple[list[int], int | None]:
        """Descriptors of those that carry something since then or longer; since when the oldest of the others
        does, None where there is none."""
        carrying = np.flatnonzero(self._a.held[:, layout.OWNER] == layout.CARRIES)
        started_ns = self._a.held[carrying, layout.STARTED_NS]
        before = started_ns <= then_ns
        others_ns = started_ns[~before]
        return carrying[before].tolist(), int(others_ns.min()) if others_ns.size else None

    @property
    def lent(self) -> list[int]:
        """Descriptors of all connections that are here."""
        return list(self._lent)

    def due_before(self, then_ns: int) -> int:
        """How many of those that wait were due by then."""
        head, picked = int(self._s[layout.HEAD]), int(self._s[layout.PICKED])
        if head == picked or self._row(layout.HEAD)[layout.DUE_NS] > then_ns:
            return 0
        at = np.arange(head, picked) & (len(self._a.queue) - 1)
        return int(np.searchsorted(self._a.queue[at, layout.DUE_NS], then_ns, side="right"))

    def release(self, most: int) -> list[Waiting]:
        """Give up to so many of those that wait longest back to Python."""
        released: list[Waiting] = []
        for _ in range(min(most, self.waiting)):
            row = self._row(layout.HEAD)
            send = _send(row)
            released.append(
                (send, 1, int(row[layout.PICKED_NS]), self._rendered(int(self._s[layout.HEAD])), send[0])
            )
            self._s[layout.HEAD] += 1
        return released

    def rest(self) -> list[Send]:
        """What is upcoming, in order."""
        at = np.arange(self._s[layout.PICKED], self._s[layout.TAIL]) & (len(self._a.queue) - 1)
        return list(map(tuple, self._a.queue[at, :5].tolist()))

    def run(self, until_ns: int, *, reserved: bool, opening: int, more: bool) -> list[Odd]:
        """Go on until then, or until there is something for Python.

        reserved: Python wants the next free connections. opening: as many sends may wait before more
        connections are wanted. more: there are sends beyond those that were fed.
        """
        s = self._s
        s[layout.UNTIL_NS], s[layout.RESERVED], s[layout.OPENING], s[layout.MORE] = (
            until_ns,
            reserved,
            opening,
            more,
        )
        s[layout.FILLED] = self._rows.filled
        failed = turn(self._a)
        self._rows.filled = int(s[layout.FILLED])
        if self._rows.filled > len(self._rows.block) - 2 * layout.EVENTS_AT_ONCE:
            self._rows.flush()
        if failed not in (0, EINTR):
            raise OSError(failed, os.strerror(failed))
        odd = [self._odd_one(*row) for row in self._a.odd[: s[layout.ODDS]].tolist()]
        while self._bytes and self._bytes[0][0] < s[layout.HEAD]:
            self._bytes.popleft()
        return odd

    def _odd_one(self, kind: int, fd: int, value: int, place: int) -> Odd:
        if kind in (layout.READ, layout.READ_ON) and value > 0:
            at = place * layout.ROOM_BYTES
            return Odd(kind, fd, value, self._a.inbox[at : at + value].tobytes())
        return Odd(kind, fd, value, self._rendered(place) if kind == layout.WRITTEN else None)

    def _rendered(self, position: int) -> bytes | None:
        return next((data for at, data in self._bytes if at == position), None)

    def _row(self, which: int) -> Ints:
        return cast(Ints, self._a.queue[self._s[which] & (len(self._a.queue) - 1)])

    def _grow(self, head: int, tail: int) -> None:
        at = np.arange(head, tail)
        wider = np.zeros((2 * len(self._a.queue), layout.QUEUE), dtype=np.int64)
        wider[at & (len(wider) - 1)] = self._a.queue[at & (len(self._a.queue) - 1)]
        self._a = self._a._replace(queue=wider)

    def _forget_idle(self, fd: int) -> None:
        free = self._a.free[: self.idle]
        rest = free[free != fd]
        self._a.free[: len(rest)] = rest
        self._s[layout.FREE] = len(rest)


def _send(row: Ints) -> Send:
    due_ns, request, first_id, messages, stream = row[:5].tolist()
    return due_ns, request, first_id, messages, stream


def _accepts(agenda: Agenda) -> npt.NDArray[np.uint8]:
    """uint8 (streams, statuses): 1 where any answer of that status accepts everything."""
    streams = range(len(agenda.schedule.streams))
    accepts = np.zeros((max(1, len(streams)), STATUSES), dtype=np.uint8)
    for stream in streams:
        accepts[stream, list(agenda.plainly_accepted(stream))] = 1
    return accepts
