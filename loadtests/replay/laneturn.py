"""Turns of a reactor in compiled code: the ordinary stays there, the exchange sees to what is put aside."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from errno import EAGAIN

from loadtests.replay import lanelayout as layout
from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.connection import Connection
from loadtests.replay.exchange import Exchange
from loadtests.replay.fates import Fault
from loadtests.replay.handturn import AHEAD_GAP_NS, AHEAD_SENDS, BURST_SENDS
from loadtests.replay.lane import Lane, Odd
from loadtests.replay.limits import BadResponse
from loadtests.replay.pauses import Ints
from loadtests.replay.pool import fault_of
from loadtests.replay.rows import Rows
from loadtests.replay.turns import NEVER_NS, OneWay

UPCOMING_MIN = 512


class LaneTurn(OneWay):
    """Does the same as `handturn.HandTurn`, for connections that speak HTTP/1.1.

    What waits in the exchange (an attempt that is made again) goes before what waits in the lane.
    """

    def __init__(
        self, exchange: Exchange, agenda: Agenda, rows: Rows, clock: Callable[[], int], spin_ns: int
    ) -> None:
        super().__init__(exchange, agenda, clock, spin_ns)
        self._exchange = exchange
        self._pool = exchange.pool
        self._lane = Lane(self._pool.epoll.fileno(), agenda, rows, spin_ns)
        exchange.behind = self._lane
        self._blocks: Iterator[Ints] = iter(())
        self._more = True
        self._expiry_ns = 0

    @property
    def in_flight(self) -> int:
        """Sends that were started and are not answered."""
        return self._exchange.in_flight + self._lane.busy

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""
        return len(self._exchange.waiting) + self._lane.waiting

    @property
    def more_to_do(self) -> bool:
        """Whether something that waits can be started, or there is time to render one ahead."""
        if self.waiting:
            return self._lane.idle > 0 or bool(self._pool.free)
        return self._lane.renders and self._renders_ahead

    def begin(self, start_ns: int) -> None:
        """Time 0 of the schedule."""
        self._start_ns = start_ns
        self._blocks = self._agenda.blocks(start_ns)

    def next_due_ns(self) -> int:
        """When the next send is due; NEVER_NS where none is known."""
        if not self._lane.upcoming:
            self._feed()
        return self._lane.next_due_ns if self._lane.upcoming else NEVER_NS

    def upcoming_ns(self) -> Ints:
        """When the next sends are due."""
        return self._lane.upcoming_ns

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
        if now_ns >= self._expiry_ns:
            late, oldest_ns = lane.started_before(then_ns)
            for fd in late:
                self._take_back(fd)
            self._expiry_ns = (now_ns if oldest_ns is None else oldest_ns) + exchange.timeout_ns
        exchange.expire(now_ns)

    def _let_go(self, now_ns: int) -> None:
        for fd in self._lane.lent:
            self._take_back(fd)
        self._exchange.waiting.extend(self._lane.release(self._lane.waiting))
        self._exchange.settle(now_ns)

    def _upcoming_sends(self) -> Sequence[Send]:
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
        return self._renders_ahead and lane.render(1)

    @property
    def _renders_ahead(self) -> bool:
        is_calm = self.next_due_ns() - self._clock() > AHEAD_GAP_NS
        return is_calm and self._lane.ahead < AHEAD_SENDS

    def _see_to(self, odd: Odd) -> bool:
        """False where it is not about a connection."""
        connection = self._take_back(odd.fd)
        if odd.kind == layout.NEWS:
            return self._has_news(connection, odd)
        assert connection is not None, "only what is lent is read and written"
        try:
            data = self._carry_on(connection, odd)
        except (OSError, BadResponse) as error:
            ends = self._exchange.broken if odd.kind == layout.WRITTEN else self._exchange.lost
            ends(connection, fault_of(error))
            return True
        if connection.unsent is not None:
            self._pool.watch(connection)
        if data is not None:
            self._exchange.received(connection, data)
        return True

    def _has_news(self, connection: Connection | None, odd: Odd) -> bool:
        if connection is None or connection.send is not None:
            return self._exchange.has_news(odd.fd, odd.value)
        self._exchange.has_news(odd.fd, odd.value)
        if self._pool.has(connection):
            # It was for TLS itself, such as a ticket for a later session: the connection is still free.
            self._pool.free.append(connection)
        return True

    def _take_back(self, fd: int) -> Connection | None:
        connection = self._lane.take_back(fd)
        if connection is not None:
            self._exchange.take_over(connection)
        return connection

    def _carry_on(self, connection: Connection, odd: Odd) -> bytes | None:
        """Write or read on where compiled code left off: what came, None where that was nothing.

        Raises OSError, BadResponse."""
        if odd.value < 0 and odd.value != -EAGAIN:
            raise _error(odd.value)
        if odd.kind == layout.WRITTEN:
            assert connection.send is not None
            # what was not rendered renders alike again
            whole = self._agenda.render(connection.send) if odd.data is None else odd.data
            connection.write(whole[max(0, odd.value) :])
            return None
        data = odd.data or b""
        try:
            return connection.read_on(data) if odd.kind == layout.READ_ON else data
        except BlockingIOError:
            return None


def _error(value: int) -> OSError | BadResponse:
    """What an error below 0 says."""
    if value == layout.CUT_OFF:
        return BadResponse(Fault.CLOSED_EARLY)
    return ssl.SSLError(ssl.SSL_ERROR_SSL, "") if value == layout.TLS_FAILED else OSError(-value, "")
