"""Turns of a reactor in Python: what is due is submitted, what came is heard, then it sleeps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.exchange import Exchange
from loadtests.replay.kernel import Kernel
from loadtests.replay.multiplexed import Multiplexed
from loadtests.replay.pauses import Ints
from loadtests.replay.turns import NEVER_NS, OneWay

BURST_SENDS = 16
AHEAD_SENDS = 64
AHEAD_GAP_NS = 100_000
UPCOMING_SEEN = 64


class HandTurn(OneWay):
    """Carries any kind of connection. Sleeps between sends (select on the epoll's own descriptor: epoll_wait
    from Python sleeps whole milliseconds); `spin_ns` of every pause are spent awake."""

    def __init__(
        self,
        exchange: Exchange | Multiplexed,
        agenda: Agenda,
        kernel: Kernel,
        clock: Callable[[], int],
        spin_ns: int,
    ) -> None:
        super().__init__(exchange, agenda, clock, spin_ns)
        self._exchange = exchange
        self._submit = exchange.submit
        self._select = kernel.select
        self._descriptors = (exchange.epoll.fileno(),)
        self._upcoming: deque[Send] = deque()
        self._rendered: deque[bytes] = deque()
        self._chunks: Iterator[list[Send]] = iter(())

    @property
    def in_flight(self) -> int:
        """Sends that were started and are not answered."""
        return self._exchange.in_flight

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""
        return len(self._exchange.waiting)

    @property
    def more_to_do(self) -> bool:
        """Whether there is time to render one ahead."""
        return self.next_due_ns() - self._clock() > AHEAD_GAP_NS and self._renders_ahead

    def begin(self, start_ns: int) -> None:
        """Time 0 of the schedule."""
        self._start_ns = start_ns
        self._chunks = self._agenda.chunks(start_ns)

    def next_due_ns(self) -> int:
        """When the next send is due; NEVER_NS where none is known."""
        if not self._upcoming:
            self._upcoming.extend(next(self._chunks, ()))
        return self._upcoming[0][0] if self._upcoming else NEVER_NS

    def upcoming_ns(self) -> Ints:
        """When the next sends are due, UPCOMING_SEEN at most."""
        return np.array([send[0] for send in islice(self._upcoming, UPCOMING_SEEN)], dtype=np.int64)

    def turn(self, until_ns: int) -> list[int]:
        """Start what is due, then sleep until there is news, something is due or `until_ns`, and take up the
        news; descriptors of others that have some."""
        self._send_due()
        pause_s = self._pause_s(until_ns)
        if pause_s <= 0.0 or self._select(self._descriptors, (), (), pause_s)[0]:
            return self._exchange.hear()
        return []

    def look_after(self, now_ns: int) -> None:
        """End what has waited too long, begin what comes back."""
        self._exchange.expire(now_ns)

    def _let_go(self, now_ns: int) -> None:
        self._exchange.settle(now_ns)

    def _upcoming_sends(self) -> Sequence[Send]:
        return self._upcoming

    def _send_due(self) -> None:
        clock, upcoming, rendered = self._clock, self._upcoming, self._rendered
        for _ in range(BURST_SENDS):
            now_ns = clock()
            if (upcoming[0][0] if upcoming else self.next_due_ns()) > now_ns:
                return
            data = rendered.popleft() if rendered else None
            self._submit(upcoming.popleft(), now_ns, data)

    def _pause_s(self, until_ns: int) -> float:
        """Seconds to sleep; 0 while there is something to do, such as rendering a request ahead of time."""
        due_ns, now_ns = self.next_due_ns(), self._clock()
        if due_ns - now_ns > AHEAD_GAP_NS and self._renders_ahead:
            self._rendered.append(self._agenda.render(self._upcoming[len(self._rendered)]))
            return 0.0
        return max(0, min(due_ns, until_ns) - now_ns - self._spin_ns) / 1e9

    @property
    def _renders_ahead(self) -> bool:
        few = min(AHEAD_SENDS, len(self._upcoming))
        return len(self._rendered) < few and not self._exchange.waiting
