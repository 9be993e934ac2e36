"""Starts every send when it is due, whatever the target does: the open loop.

Knows nothing of Locust and runs in any Python process. It sleeps between sends and never spins unless
Bounds.spin_s says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from loadtests.replay.bounds import Bounds
from loadtests.replay.chores import Chores
from loadtests.replay.fates import Fault
from loadtests.replay.kernel import Kernel
from loadtests.replay.rows import Rows, Sink
from loadtests.replay.ways import Way, turns_of

FLUSH_NS = 200_000_000
"""Rows are handed over so often, step by step."""


class Reactor:
    """One replay: all of its `ways` belong to one schedule.

    `sink` gets finished attempts as int64 rows (rows.ROW) five times a second, also when there are none.
    `breathe` is called every 10 ms; `control` is a descriptor and what to call when it can be read.
    """

    def __init__(
        self,
        ways: Sequence[Way],
        sink: Sink,
        *,
        bounds: Bounds,
        kernel: Kernel,
        clock: Callable[[], int] = time.monotonic_ns,
        breathe: Callable[[], object] = lambda: None,
        control: tuple[int, Callable[[], None]] | None = None,
    ) -> None:
        self._duration_s = ways[0].agenda.schedule.duration_s
        self._rows = Rows(sink)
        self._bounds = bounds
        self._clock = clock
        self._breathe = breathe
        self._control_fd, self._on_control = control or (-1, breathe)
        self._turns = turns_of(ways, self._rows, bounds, kernel, clock)
        if control:
            self._turns.listen(self._control_fd)
        self._flush_ns = self._end_ns = 0
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

    def open_ahead(self, until_ns: int) -> None:
        """Before `run`: open connections for what is due first, until then at most. Nothing is sent."""
        self._turns.open_ahead(until_ns)

    def run(self, start_ns: int) -> float:
        """Replay with time 0 at `start_ns` of the clock; how many seconds of the schedule were replayed."""
        self._turns.begin(start_ns)
        self._end_ns = start_ns + int((self._duration_s + self._bounds.drain_s) * 1e9)
        self._flush_ns = self._clock()
        each = (self._turns.look_after, self._hand_over, self._let_breathe)
        chores = Chores(self._turns.upcoming_ns, each, self._flush_ns)
        try:
            while self._running:
                if self._control_fd in self._turns.turn(chores.next_ns):
                    self._on_control()
                if (now_ns := self._clock()) >= chores.next_ns:
                    chores.do_next(now_ns)
            over_ns = self._clock()
            self._settle(over_ns)
        finally:
            self._turns.close()
        replayed_s = (over_ns - start_ns) / 1e9
        return min(self._duration_s, max(0.0, replayed_s)) if self._stopped else self._duration_s

    def stop(self) -> None:
        """End now: what waits is dropped, what is under way stays unanswered, the rest was never due.

        Any thread may say so: the turn that is being taken is over within some ms.
        """
        self._running = False
        self._stopped = True

    def _hand_over(self, now_ns: int) -> None:
        if not self._rows.go_on() and now_ns >= self._flush_ns:
            self._rows.flush()
            self._flush_ns = now_ns + FLUSH_NS

    def _let_breathe(self, now_ns: int) -> None:
        self._breathe()
        if now_ns >= self._end_ns or self._turns.over:
            self._running = False

    def _settle(self, over_ns: int) -> None:
        """Account for all that was due when it was over."""
        unsent = self._turns.settle(over_ns)
        self._rows.add_dropped(unsent, over_ns, Fault.DROPPED_RUN_ENDED)
        self._rows.flush()
        self._rows.finish()
