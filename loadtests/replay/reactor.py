"""Starts every send when it is due, whatever the target does: the open loop.

Knows nothing of Locust and runs in any Python process. It sleeps between sends (select on the epoll's own
descriptor: epoll_wait from Python sleeps whole milliseconds) and never spins unless Bounds.spin_s says so.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from select import EPOLLIN

from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.connection import Peer
from loadtests.replay.exchange import Bounds, Exchange
from loadtests.replay.kernel import Kernel
from loadtests.replay.records import Fault
from loadtests.replay.rows import RawRows, Rows

TICK_NS = 10_000_000
FLUSH_NS = 200_000_000
FLUSH_LATEST_NS = 50_000_000
CALM_NS = 400_000
"""Rows are handed over every FLUSH_NS in a gap at least CALM_NS long, FLUSH_LATEST_NS later in any case."""

BURST_SENDS = 16
AHEAD_SENDS = 64
AHEAD_GAP_NS = 100_000
NEVER_NS = 1 << 62


class Reactor:
    """One replay of an agenda against one peer.

    `sink` gets finished attempts as int64 rows (rows.ROW) five times a second, also when there are none.
    `breathe` is called every 10 ms; `control` is a descriptor and what to call when it can be read.
    """

    def __init__(
        self,
        peer: Peer,
        agenda: Agenda,
        sink: Callable[[RawRows], None],
        *,
        bounds: Bounds,
        kernel: Kernel,
        clock: Callable[[], int] = time.monotonic_ns,
        breathe: Callable[[], object] = lambda: None,
        control: tuple[int, Callable[[], None]] | None = None,
    ) -> None:
        self._agenda = agenda
        self._rows = Rows(sink)
        self._bounds = bounds
        self._select = kernel.select
        self._clock = clock
        self._breathe = breathe
        self._control_fd, self._on_control = control or (-1, breathe)
        self._exchange = Exchange(peer, agenda, self._rows, bounds, kernel, clock)
        self._submit = self._exchange.submit
        if control:
            self._exchange.epoll.register(self._control_fd, EPOLLIN)
        self._spin_ns = int(bounds.spin_s * 1e9)
        self._upcoming: deque[Send] = deque()
        self._rendered: deque[bytes] = deque()
        self._chunks: Iterator[list[Send]] = iter(())
        self._start_ns = self._tick_ns = self._flush_ns = self._end_ns = 0
        self._running = True
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """Sends that were started and are not answered."""
        return self._exchange.in_flight

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""
        return len(self._exchange.waiting)

    def run(self, start_ns: int) -> float:
        """Replay with time 0 at `start_ns` of the clock; how many seconds of the schedule were replayed."""
        schedule = self._agenda.schedule
        self._start_ns = start_ns
        self._chunks = self._agenda.chunks(start_ns)
        self._end_ns = start_ns + int((schedule.duration_s + self._bounds.drain_s) * 1e9)
        self._tick_ns = self._flush_ns = self._clock()
        descriptors = (self._exchange.epoll.fileno(),)
        try:
            while self._running:
                self._send_due()
                pause_s = self._pause_s()
                has_news = pause_s <= 0.0 or self._select(descriptors, (), (), pause_s)[0]
                if has_news and self._control_fd in self._exchange.hear():
                    self._on_control()
                if self._clock() >= self._tick_ns:
                    self._tick()
            replayed_s = (self._settle() - start_ns) / 1e9
        finally:
            self._exchange.close()
        return min(schedule.duration_s, max(0.0, replayed_s)) if self._stopped else schedule.duration_s

    def stop(self) -> None:
        """End now: what waits is dropped, what is under way stays unanswered, the rest was never due."""
        self._running = False
        self._stopped = True

    def _send_due(self) -> None:
        clock, upcoming, rendered = self._clock, self._upcoming, self._rendered
        for _ in range(BURST_SENDS):
            now_ns = clock()
            if (upcoming[0][0] if upcoming else self._next_due_ns()) > now_ns:
                return
            data = rendered.popleft() if rendered else None
            self._submit(upcoming.popleft(), now_ns, data)

    def _next_due_ns(self) -> int:
        if not self._upcoming:
            self._upcoming.extend(next(self._chunks, ()))
        return self._upcoming[0][0] if self._upcoming else NEVER_NS

    def _pause_s(self) -> float:
        """Seconds to sleep; 0 while there is something to do, such as rendering a request ahead of time."""
        gap_ns = min(self._next_due_ns(), self._tick_ns) - self._clock()
        if gap_ns > AHEAD_GAP_NS and self._render_ahead():
            return 0.0
        return max(0, gap_ns - self._spin_ns) / 1e9

    def _render_ahead(self) -> bool:
        ahead = len(self._rendered)
        if ahead >= min(AHEAD_SENDS, len(self._upcoming)) or self._exchange.waiting:
            return False
        self._rendered.append(self._agenda.render(self._upcoming[ahead]))
        return True

    def _tick(self) -> None:
        now_ns = self._clock()
        self._tick_ns = now_ns + TICK_NS
        self._exchange.expire(now_ns)
        self._flush_in_a_gap(now_ns)
        self._breathe()
        if now_ns >= self._end_ns or self._done():
            self._running = False

    def _flush_in_a_gap(self, now_ns: int) -> None:
        calm = self._next_due_ns() - now_ns > CALM_NS
        if now_ns >= self._flush_ns + (0 if calm else FLUSH_LATEST_NS):
            self._rows.flush()
            self._flush_ns = now_ns + FLUSH_NS

    def _done(self) -> bool:
        """Nothing waits, is under way, comes back or will be due before the schedule is over."""
        is_busy = self.waiting or self.in_flight or self._exchange.coming_back
        return self._next_due_ns() == NEVER_NS and self._agenda.over and not is_busy

    def _settle(self) -> int:
        """Account for all that is due by now; the moment up to which that is so."""
        now_ns = self._clock()
        self._exchange.settle(now_ns)
        if self._next_due_ns() <= now_ns:
            unsent = self._agenda.unsent(self._upcoming, now_ns, self._start_ns)
            self._rows.add_dropped(unsent, now_ns, Fault.DROPPED_RUN_ENDED)
        self._rows.flush()
        return now_ns
