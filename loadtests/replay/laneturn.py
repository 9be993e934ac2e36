"""Turns of a reactor in compiled code: the ordinary stays there, the exchange sees to what is put aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from errno import EAGAIN

import numpy as np
import numpy.typing as npt

from loadtests.replay import lanelayout as layout
from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.connection import Connection
from loadtests.replay.exchange import Exchange
from loadtests.replay.handturn import AHEAD_GAP_NS, AHEAD_SENDS, BURST_SENDS, NEVER_NS
from loadtests.replay.lane import Lane, Odd
from loadtests.replay.pool import fault_of
from loadtests.replay.rows import Rows

UPCOMING_MIN = 512


class LaneTurn:
    """Does the same as `handturn.HandTurn`, for connections of plain HTTP/1.1.

    What waits in the exchange (an attempt that is made again) goes before what waits in the lane.
    """

    def __init__(
        self, exchange: Exchange, agenda: Agenda, rows: Rows, clock: Callable[[], int], spin_ns: int
    ) -> None:
        self._exchange = exchange
        self._pool = exchange.pool
        self._agenda = agenda
        self._clock = clock
        self._lane = Lane(self._pool.epoll.fileno(), agenda, rows, spin_ns)
        exchange.behind = self._lane
        self._blocks: Iterator[npt.NDArray[np.int64]] = iter(())
        self._more = True

    @property
    def in_flight(self) -> int:
        """Sends that were started and are not answered."""
        return self._exchange.in_flight + self._lane.busy

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""
        return len(self._exchange.waiting) + self._lane.waiting

    def begin(self, start_ns: int) -> None:
        """Time 0 of the schedule."""
        self._blocks = self._agenda.blocks(start_ns)

    def next_due_ns(self) -> int:
        """When the next send is due; NEVER_NS where none is known."""
        if not self._lane.upcoming:
            self._feed()
        return self._lane.next_due_ns if self._lane.upcoming else NEVER_NS

    def turn(self, until_ns: int) -> list[int]:
        """Start, wait, hear, until `until_ns` or until Python has something to do; descriptors of others that
        have news."""
        lane, exchange, pool = self._lane, self._exchange, self._pool
        if lane.upcoming < UPCOMING_MIN:
            self._feed()
        if exchange.waiting:
            pool.free.extend(lane.take_back_idle(len(exchange.waiting)))
            exchange.start_waiting()
        lane.lend(pool.free)
        pool.free.clear()
        if self._render():
            until_ns = 0
        odd = lane.run(
            until_ns,
            reserved=bool(exchange.waiting),
            opening=pool.enough_for(self._clock()) - len(exchange.waiting),
            more=self._more,
        )
        foreign = [one.fd for one in odd if not self._see_to(one)]
        if lane.lacking:
            exchange.open_needed(self._clock())
        return foreign

    def look_after(self, now_ns: int) -> None:
        """End what has waited too long, begin what comes back."""
        exchange, lane = self._exchange, self._lane
        then_ns = now_ns - exchange.timeout_ns
        if overdue := lane.due_before(then_ns):
            exchange.waiting.extend(lane.release(overdue))
        for fd in lane.started_before(then_ns):
            self._take_back(fd)
        exchange.expire(now_ns)

    def settle(self, now_ns: int) -> Sequence[Send]:
        """End everything; what was to come, in order."""
        for fd in self._lane.lent:
            self._take_back(fd)
        self._exchange.waiting.extend(self._lane.release(self._lane.waiting))
        self._exchange.settle(now_ns)
        return self._lane.rest()

    def _feed(self) -> None:
        block = next(self._blocks, None)
        self._more = block is not None and len(block) > 0
        if block is not None and self._more:
            self._lane.feed(block)

    def _render(self) -> bool:
        """Render what compiled code cannot: what is started next, or one more ahead where there is time for
        it; True in that case."""
        lane = self._lane
        if not lane.renders:
            return False
        if lane.waiting:
            lane.render(min(lane.waiting, lane.idle, BURST_SENDS) - lane.ahead)
            return False
        is_calm = self.next_due_ns() - self._clock() > AHEAD_GAP_NS
        return is_calm and lane.ahead < AHEAD_SENDS and lane.render(1)

    def _see_to(self, odd: Odd) -> bool:
        """False where it is not about a connection."""
        connection = self._take_back(odd.fd)
        exchange = self._exchange
        if odd.kind == layout.NEWS:
            return exchange.has_news(odd.fd, odd.value)
        assert connection is not None, "only what is lent is read and written"
        if odd.value < 0 and odd.value != -EAGAIN:
            exchange.lost(connection, fault_of(OSError(-odd.value, "")))
        elif odd.kind == layout.WRITTEN:
            self._write_on(connection, odd.data, max(0, odd.value))
        elif odd.value >= 0:
            exchange.received(connection, odd.data or b"")
        return True

    def _take_back(self, fd: int) -> Connection | None:
        connection = self._lane.take_back(fd)
        if connection is not None:
            self._exchange.take_over(connection)
        return connection

    def _write_on(self, connection: Connection, data: bytes | None, done: int) -> None:
        """So many bytes of its request were written; None: it renders alike again."""
        assert connection.send is not None
        whole = self._agenda.render(connection.send) if data is None else data
        connection.unsent = memoryview(whole)[done:]
        self._pool.watch(connection)
