"""The priority queue: strict between classes, first in first out within one, bounded, with expiry.

Its law: a newcomer is rejected when `bound` messages are already waiting, those in backoff included,
since their place was promised when they were accepted. A message that comes back from a backoff is always
taken, at the end of its class. A message whose age (now - due) exceeds its freshness when a worker would
take it has expired.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Protocol

from scenarios.pipeline import Queue
from scenarios.words import PRIORITIES
from sim.traffic import Stream

DECIDED = -1
"""Attempts of a message that nobody will ask for again."""


class Message:
    """One message of the message resolution. `attempts`: how often the provider was asked so far; `tenant`:
    whose it is, once somebody asked (see sim.crowd)."""

    __slots__ = ("attempts", "due_s", "stream", "tenant")
    tenant: int

    def __init__(self, stream: int, due_s: float) -> None:
        self.stream = stream
        self.due_s = due_s
        self.attempts = 0


class Line(Protocol):
    """What waits in one class: a deque, or as one."""

    def append(self, message: Message, /) -> None:
        """To its end."""

    def popleft(self) -> Message:
        """Whose turn is next."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Message]: ...


class PriorityQueue:
    """The message face. `expired` and `dropped` collect (stream, when); their owner empties them."""

    def __init__(self, bound: int, streams: Sequence[Stream]) -> None:
        self._bound = self._whole_bound = bound or math.inf
        self._lines: tuple[Line, ...] = tuple(self._new_line() for _ in PRIORITIES)
        self._line_of = [self._lines[PRIORITIES.index(stream.priority)] for stream in streams]
        self._freshness_s = [stream.freshness_s for stream in streams]
        self.away = 0
        self.expired: list[tuple[int, float]] = []
        self.dropped: list[tuple[int, float]] = []

    def _new_line(self) -> Line:
        return deque()

    def offer(self, message: Message, _now_s: float) -> bool:
        """Take a newcomer in; False = rejected, the queue is full."""
        if sum(map(len, self._lines)) + self.away >= self._bound:
            return False
        self._line_of[message.stream].append(message)
        return True

    def set_room(self, share: float) -> None:
        """From now on the bound is this share of what it is."""
        self._bound = self._whole_bound * share if share else 0.0

    def put_back(self, message: Message) -> None:
        """Take in a message whose backoff is over."""
        self.away -= 1
        self._line_of[message.stream].append(message)

    def take(self, now_s: float) -> Message | None:
        """The next message for a worker that is free now, or None; what expired meanwhile leaves as well."""
        for line in self._lines:
            while line:
                message = line.popleft()
                if now_s - message.due_s <= self._freshness_s[message.stream]:
                    return message
                message.attempts = DECIDED
                self.expired.append((message.stream, now_s))
        return None

    def is_stale(self, message: Message, now_s: float) -> bool:
        """Whether a message is older than its freshness."""
        return now_s - message.due_s > self._freshness_s[message.stream]

    def __len__(self) -> int:
        """Messages that wait here; those away in backoff do not."""
        return sum(map(len, self._lines))

    def waiting(self) -> Counter[int]:
        """How many messages of each stream wait here; those away in backoff are not here."""
        counts: Counter[int] = Counter()
        for line in self._lines:
            counts.update(map(attrgetter("stream"), line))
        return counts


class DroppingQueue(PriorityQueue):
    """At its bound it drops what has waited longest in the lowest class, which may be the newcomer."""

    def offer(self, message: Message, now_s: float) -> bool:
        """Take a newcomer in, always."""
        self._line_of[message.stream].append(message)
        while len(self) > max(0.0, self._bound - self.away):
            oldest = self._oldest(next(line for line in reversed(self._lines) if line))
            oldest.attempts = DECIDED
            self.dropped.append((oldest.stream, now_s))
        return True

    def _oldest(self, line: Line) -> Message:
        return line.popleft()


class SpillingQueue(PriorityQueue):
    """At its bound newcomers wait outside, first in, first out; they come in when there is room."""

    def __init__(self, bound: int, streams: Sequence[Stream], *more: Any) -> None:
        super().__init__(bound, streams, *more)
        self._outside: deque[Message] = deque()

    def offer(self, message: Message, now_s: float) -> bool:
        """Take a newcomer in, always."""
        if self._outside or not super().offer(message, now_s):
            self._outside.append(message)
        return True

    def take(self, now_s: float) -> Message | None:
        """As without spilling; an idle worker finds what waits outside even where there is no room."""
        message = super().take(now_s)
        while message is None and self._outside:
            self._come_in()
            message = super().take(now_s)
        room = self._bound - super().__len__() - self.away
        while room > 0 and self._outside:
            self._come_in()
            room -= 1
        return message

    def _come_in(self) -> None:
        """The first of those outside."""
        message = self._outside.popleft()
        self._line_of[message.stream].append(message)

    def __len__(self) -> int:
        """Those outside included."""
        return super().__len__() + len(self._outside)

    def waiting(self) -> Counter[int]:
        """Those outside included."""
        counts = super().waiting()
        counts.update(map(attrgetter("stream"), self._outside))
        return counts


def queue_for(queue: Queue, streams: Sequence[Stream]) -> PriorityQueue:
    """The queue that the scenario asks for."""
    kinds: dict[str, type[PriorityQueue]] = {"drop oldest": DroppingQueue, "spill": SpillingQueue}
    return kinds.get(queue.overflow, PriorityQueue)(queue.bound, streams)
