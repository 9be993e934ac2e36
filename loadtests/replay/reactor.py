"""Starts every send when it is due, whatever the target does: the open loop.

Knows nothing of Locust and runs in any Python process. It sleeps between sends and never spins unless
Bounds.spin_s says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from select import EPOLLIN
from typing import Protocol

from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.connection import Connection, Peer
from loadtests.replay.exchange import Bounds, Exchange
from loadtests.replay.handturn import NEVER_NS, HandTurn
from loadtests.replay.kernel import Kernel
from loadtests.replay.multiplexed import Multiplexed
from loadtests.replay.records import Fault
from loadtests.replay.rows import Rows, Sink

TICK_NS = 10_000_000
FLUSH_NS = 200_000_000
CALM_NS = 400_000
PUT_OFF_NS_MAX = 25_000_000
"""Rows are handed over every FLUSH_NS, step by step in gaps at least CALM_NS long, PUT_OFF_NS_MAX after the
last step in any case."""


class Turns(Protocol):
    """How time is spent between two ticks: `handturn.HandTurn`, `laneturn.LaneTurn`."""

    @property
    def in_flight(self) -> int:
        """Sends that were started and are not answered."""

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""

    def begin(self, start_ns: int) -> None:
        """Time 0 of the schedule."""

    def next_due_ns(self) -> int:
        """When the next send is due; NEVER_NS where none is known."""

    def turn(self, until_ns: int) -> list[int]:
        """Start what is due, sleep at most until then, hear what came; others' descriptors that have news."""

    def look_after(self, now_ns: int) -> None:
        """End what has waited too long, begin what comes back."""

    def settle(self, now_ns: int) -> Sequence[Send]:
        """End everything; what was to come, in order."""


class Reactor:
    """One replay of an agenda against one peer.

    `sink` gets finished attempts as int64 rows (rows.ROW) five times a second, also when there are none.
    `breathe` is called every 10 ms; `control` is a descriptor and what to call when it can be read.
    """

    def __init__(
        self,
        peer: Peer,
        agenda: Agenda,
        sink: Sink,
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
        self._clock = clock
        self._breathe = breathe
        self._control_fd, self._on_control = control or (-1, breathe)
        carries = Multiplexed if peer.http == "2" else Exchange
        self._exchange = carries(peer, agenda, self._rows, bounds, kernel, clock)
        self._turns = _turns(peer, agenda, self._rows, bounds, kernel, clock, self._exchange)
        if control:
            self._exchange.epoll.register(self._control_fd, EPOLLIN)
        self._start_ns = self._tick_ns = self._flush_ns = self._step_ns = self._end_ns = 0
        self._running = True
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """Sends that were started and are not answered."""
        return self._turns.in_flight

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""
        return self._turns.waiting

    def run(self, start_ns: int) -> float:
        """Replay with time 0 at `start_ns` of the clock; how many seconds of the schedule were replayed."""
        schedule = self._agenda.schedule
        self._start_ns = start_ns
        self._turns.begin(start_ns)
        self._end_ns = start_ns + int((schedule.duration_s + self._bounds.drain_s) * 1e9)
        self._tick_ns = self._flush_ns = self._clock()
        try:
            while self._running:
                if self._control_fd in self._turns.turn(self._tick_ns):
                    self._on_control()
                if self._clock() >= self._tick_ns:
                    self._tick()
            over_ns = self._clock()
            self._settle(over_ns)
        finally:
            self._exchange.close()
        replayed_s = (over_ns - start_ns) / 1e9
        return min(schedule.duration_s, max(0.0, replayed_s)) if self._stopped else schedule.duration_s

    def stop(self) -> None:
        """End now: what waits is dropped, what is under way stays unanswered, the rest was never due.

        Any thread may say so: the turn that is being taken is over within a tick.
        """
        self._running = False
        self._stopped = True

    def _tick(self) -> None:
        now_ns = self._clock()
        self._tick_ns = now_ns + TICK_NS
        self._turns.look_after(now_ns)
        self._hand_over_in_a_gap(now_ns)
        self._breathe()
        if now_ns >= self._end_ns or self._done():
            self._running = False

    def _hand_over_in_a_gap(self, now_ns: int) -> None:
        """One step a tick, where it makes no send late or was put off for long."""
        if self._turns.next_due_ns() - now_ns > CALM_NS or now_ns >= self._step_ns + PUT_OFF_NS_MAX:
            self._step_ns = now_ns
            if not self._rows.go_on() and now_ns >= self._flush_ns:
                self._rows.flush()
                self._flush_ns = now_ns + FLUSH_NS

    def _done(self) -> bool:
        """Nothing waits, is under way, comes back or will be due before the schedule is over."""
        is_busy = self.waiting or self.in_flight or self._exchange.coming_back
        return self._turns.next_due_ns() == NEVER_NS and self._agenda.over and not is_busy

    def _settle(self, over_ns: int) -> None:
        """Account for all that was due when it was over."""
        upcoming = self._turns.settle(over_ns)
        if self._turns.next_due_ns() <= over_ns:
            unsent = self._agenda.unsent(upcoming, over_ns, self._start_ns)
            self._rows.add_dropped(unsent, over_ns, Fault.DROPPED_RUN_ENDED)
        self._rows.flush()
        self._rows.finish()


def _turns(
    peer: Peer,
    agenda: Agenda,
    rows: Rows,
    bounds: Bounds,
    kernel: Kernel,
    clock: Callable[[], int],
    exchange: Exchange | Multiplexed,
) -> Turns:
    """In compiled code where it is plain HTTP/1.1 and code can be compiled; by hand elsewhere."""
    spin_ns = int(bounds.spin_s * 1e9)
    if peer.makes is Connection and isinstance(exchange, Exchange) and kernel.compiled():
        from loadtests.replay.laneturn import LaneTurn  # loads numba, which TLS does without

        return LaneTurn(exchange, agenda, rows, clock, spin_ns)
    return HandTurn(exchange, agenda, kernel, clock, spin_ns)
