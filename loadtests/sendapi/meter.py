"""How many requests were answered, with what, how fast: a few additions each, read for /metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the histogram's bins; a last bin takes what took longer."""


@dataclass(slots=True)
class Answered:
    """Requests that one wire answered with one status. `bins`: by how long they took, not cumulated."""

    requests: int = 0
    messages: int = 0
    took_s: float = 0.0
    bins: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))


class Notes(Protocol):
    """Who counts answers."""

    def note(self, wire: str, status: int, took_s: float, messages: int) -> None:
        """One answer; `messages`: what became durable with it."""


class Meter:
    """The counts of one process since its start."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, int], Answered] = {}

    def note(self, wire: str, status: int, took_s: float, messages: int) -> None:
        """One answer; `messages`: what became durable with it."""
        found = self._answered.get((wire, status))
        if found is None:
            found = self._answered[wire, status] = Answered()
        found.requests += 1
        found.messages += messages
        found.took_s += took_s
        found.bins[bisect_left(BOUNDS_S, took_s)] += 1

    def answered(self) -> Iterator[tuple[str, int, Answered]]:
        """(wire, status, counts), ordered."""
        for (wire, status), counts in sorted(self._answered.items()):
            yield wire, status, counts
