"""Turns with several addresses: each has its own connections, sends and retries, and all share one sleep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from loadtests.replay.kernel import Kernel
from loadtests.replay.pauses import Ints
from loadtests.replay.turns import OneWay, Turns


class Several(Turns):
    """Takes a turn with each address without sleeping, then sleeps for all of them.

    What goes wrong at one address is heard in turns of its own: it costs the others the time of these.
    """

    def __init__(
        self, ways: Sequence[OneWay], kernel: Kernel, clock: Callable[[], int], spin_ns: int
    ) -> None:
        self._ways = ways
        self._select = kernel.select
        self._clock = clock
        self._spin_ns = spin_ns
        self._descriptors = [way.epoll.fileno() for way in ways]

    @property
    def in_flight(self) -> int:
        """Sends that were started and are not answered."""
        return sum(way.in_flight for way in self._ways)

    @property
    def waiting(self) -> int:
        """Sends that are due and have no connection."""
        return sum(way.waiting for way in self._ways)

    @property
    def over(self) -> bool:
        """Whether nothing waits, is under way, comes back or will be due, at any of them."""
        return all(way.over for way in self._ways)

    def listen(self, descriptor: int) -> None:
        """Wake for news of it too; `turn` tells them."""
        self._ways[0].listen(descriptor)

    def open_ahead(self, until_ns: int) -> None:
        """Open connections for what is due first at each, until then at most."""
        for way in self._ways:
            way.open_ahead(until_ns)

    def begin(self, start_ns: int) -> None:
        """Time 0 of the schedule."""
        for way in self._ways:
            way.begin(start_ns)

    def next_due_ns(self) -> int:
        """When the next send is due; NEVER_NS where none is known."""
        return min(way.next_due_ns() for way in self._ways)

    def upcoming_ns(self) -> Ints:
        """When the next sends are due, up to the first end of what one of them knows."""
        known = [due_ns for way in self._ways if (due_ns := way.upcoming_ns()).size]
        if not known:
            return np.empty(0, dtype=np.int64)
        merged = np.sort(np.concatenate(known))
        last = np.searchsorted(merged, min(due_ns[-1] for due_ns in known), side="right")
        return merged[:last]

    def turn(self, until_ns: int) -> list[int]:
        """Start what is due, hear what came, then sleep until then at most; descriptors that had news."""
        news = [descriptor for way in self._ways for descriptor in way.turn(0)]
        if not any(way.more_to_do for way in self._ways):
            pause_ns = min(self.next_due_ns(), until_ns) - self._clock() - self._spin_ns
            if pause_ns > 0 and not news:
                self._select(self._descriptors, (), (), pause_ns / 1e9)
        return news

    def look_after(self, now_ns: int) -> None:
        """End what has waited too long, begin what comes back."""
        for way in self._ways:
            way.look_after(now_ns)

    def settle(self, now_ns: int) -> Sequence[int]:
        """End everything; the requests that were due by now and were never reached."""
        return [request for way in self._ways for request in way.settle(now_ns)]

    def close(self) -> None:
        """Close every connection without a word."""
        for way in self._ways:
            way.close()
