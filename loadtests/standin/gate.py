"""A provider's limits at its own door: the simulator's laws, and what a refusal tells the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.targets.behind import Counted
from scenarios.limits import ConcurrencyCap, LimitWord
from sim.pipeline.limits import law


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands with the tightest limit: `limit` at once at most, `remaining` of it now, and how
    long it has to wait (0: not at all; inf: for ever). `kind` of the limit, "" where there is none."""

    kind: str
    limit: float
    remaining: float
    wait_s: float


class Gate:
    """All limits together: a request passes all of them or takes from none.

    A request of more messages than a limit ever passes at once passes when that limit is untouched, and what
    it takes beyond is owed, where the law can owe. A concurrency cap counts requests.
    """

    def __init__(
        self, limits: Sequence[LimitWord], counts: Counted, now_s: float, epoch_s: float = 0.0
    ) -> None:
        self._limits = tuple(limits)
        self._by_request = [counts == "requests" or isinstance(limit, ConcurrencyCap) for limit in limits]
        self._laws = [law(limit, now_s, epoch_s) for limit in limits]
        self._states = [list(each.state) for each in self._laws]

    def admit(self, now_s: float, messages: int) -> Standing | None:
        """None = passed and booked; else how the client stands with the limit that it waits for longest."""
        waits = [self._wait(place, now_s, messages) for place in range(len(self._limits))]
        longest = max(waits, default=0.0)
        if longest > 0.0:
            return self._standing(waits.index(longest), now_s, longest)
        for each, state, alone in zip(self._laws, self._states, self._by_request, strict=True):
            each.take(state, each.figures, now_s, 1 if alone else messages)
        return None

    def passing(self, now_s: float, messages: int) -> int:
        """How many of so many messages pass now, one by one; booked."""
        for passed in range(messages):
            if self.admit(now_s, 1) is not None:
                return passed
        return messages

    def standing(self, now_s: float) -> Standing:
        """How a client stands that was let through: with the limit that has least room."""
        found = (self._standing(place, now_s, 0.0) for place in range(len(self._limits)))
        return min(found, key=lambda s: s.remaining, default=Standing("", 0.0, 0.0, 0.0))

    def _wait(self, place: int, now_s: float, messages: int) -> float:
        asked = 1.0 if self._by_request[place] else min(float(messages), self._limits[place].at_once)
        each = self._laws[place]
        return each.wait(self._states[place], each.figures, now_s, asked)

    def _standing(self, place: int, now_s: float, wait_s: float) -> Standing:
        limit = self._limits[place]
        remaining = 0.0 if wait_s > 0.0 else self._remaining(place, now_s)
        return Standing(str(getattr(limit, "kind", "")), limit.at_once, remaining, wait_s)

    def _remaining(self, place: int, now_s: float) -> float:
        """The most that pass at once, by halving: 0 to what a limit passes at most."""
        each, state = self._laws[place], self._states[place]
        low, high = 0, int(self._limits[place].at_once)
        while low < high:
            middle = (low + high + 1) // 2
            fits = each.wait(state, each.figures, now_s, float(middle)) == 0.0
            low, high = (middle, high) if fits else (low, middle - 1)
        return float(low)
