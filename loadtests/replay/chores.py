"""What a reactor does between sends: one chore at a time, each where the schedule pauses longest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle

from loadtests.replay.pauses import Ints, longest_pause_ns

ROUND_NS = 10_000_000
SENDS_GO_NS = 20_000
"""A pause begins with a send: so long it takes to go out."""

Chore = Callable[[int], object]
"""Gets the moment, in ns of the reactor's clock."""


class Chores:
    """Takes `chores` in turn, each about every ROUND_NS, and none behind another: what they delay adds up
    nowhere. upcoming_ns: when the next sends are due, as far as is known."""

    def __init__(self, upcoming_ns: Callable[[], Ints], chores: Sequence[Chore], now_ns: int) -> None:
        self._upcoming_ns = upcoming_ns
        self._chores = cycle(chores)
        self._share_ns = ROUND_NS // len(chores)
        self.next_ns = now_ns
        """When the next one is to be done."""

    def do_next(self, now_ns: int) -> None:
        """Do it, and choose the moment of the one after it."""
        next(self._chores)(now_ns)
        from_ns = now_ns + self._share_ns // 2
        to_ns = from_ns + self._share_ns
        upcoming_ns = self._upcoming_ns()
        # where all that is known is late already, each look costs sends
        begins_ns = longest_pause_ns(upcoming_ns, from_ns, to_ns) if upcoming_ns.size else to_ns
        self.next_ns = begins_ns + SENDS_GO_NS
