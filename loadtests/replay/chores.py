"""What a reactor does between sends: one chore at a time, each where the schedule pauses longest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle

from loadtests.replay.pauses import Pauses

ROUND_NS = 10_000_000
SENDS_GO_NS = 20_000
"""A pause begins with a send: so long it takes to go out."""

Chore = Callable[[int], object]
"""Gets the moment, in ns of the reactor's clock."""


class Chores:
    """Takes `chores` in turn, each about every ROUND_NS, and none behind another: what they delay adds up
    nowhere."""

    def __init__(self, pauses: Pauses, chores: Sequence[Chore], start_ns: int, now_ns: int) -> None:
        self._pauses = pauses
        self._start_ns = start_ns
        self._chores = cycle(chores)
        self._share_ns = ROUND_NS // len(chores)
        self.next_ns = now_ns
        """When the next one is to be done."""

    def do_next(self, now_ns: int) -> None:
        """Do it, and choose the moment of the one after it."""
        next(self._chores)(now_ns)
        earliest_ns = now_ns + self._share_ns // 2
        from_s = (earliest_ns - self._start_ns) / 1e9
        begins_s = self._pauses.longest(from_s, from_s + self._share_ns / 1e9)
        self.next_ns = max(earliest_ns, self._start_ns + round(begins_s * 1e9) + SENDS_GO_NS)
