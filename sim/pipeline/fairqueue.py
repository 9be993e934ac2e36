"""Queues in which each tenant has a line of its own, class by class, and workers take from the lines in turn.

Round robin by message (Nagle 1985, On Packet Switches with Infinite Storage, RFC 970): a tenant whose line
was empty joins the turns at their end, so that it waits for one message of each tenant that has any. That is
max-min fair: no tenant gets more while another that waits gets less, but for one message. A turn that finds
what has expired goes on until it finds a message that has not.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import cast

from scenarios.pipeline import Queue
from sim.pipeline.queues import DECIDED, DroppingQueue, Line, Message, PriorityQueue, SpillingQueue
from sim.traffic import Stream

TenantOf = Callable[[Message], int]
"""Always the same tenant for the same message."""


class FairLine:
    """A class of the queue: what a deque does of a single line, with a line for each tenant."""

    def __init__(self, tenant_of: TenantOf) -> None:
        self._tenant_of = tenant_of
        self._lines: dict[int, deque[Message]] = {}
        self._turns: deque[int] = deque()
        self._size = 0

    def append(self, message: Message) -> None:
        """To the end of its tenant's line."""
        tenant = self._tenant_of(message)
        self._size += 1
        if tenant in self._lines:
            self._lines[tenant].append(message)
        else:
            self._lines[tenant] = deque((message,))
            self._turns.append(tenant)

    def popleft(self) -> Message:
        """The first message of the tenant whose turn it is, which is not over."""
        while not (own := self._lines[self._turns[0]]):
            del self._lines[self._turns.popleft()]
        self._size -= 1
        return own.popleft()

    def end_turn(self) -> None:
        """A worker has taken what `popleft` gave."""
        tenant = self._turns.popleft()
        if self._lines[tenant]:
            self._turns.append(tenant)
        else:
            del self._lines[tenant]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Message]:
        return chain.from_iterable(self._lines.values())


class OrderedFairLine(FairLine):
    """One that also knows which of its messages entered first."""

    def __init__(self, tenant_of: TenantOf) -> None:
        super().__init__(tenant_of)
        self._order: OrderedDict[Message, None] = OrderedDict()

    def append(self, message: Message) -> None:
        """To the end of its tenant's line."""
        super().append(message)
        self._order[message] = None

    def popleft(self) -> Message:
        """The first message of the tenant whose turn it is, which is not over."""
        message = super().popleft()
        del self._order[message]
        return message

    def pop_oldest(self) -> Message:
        """The message that entered first. Its tenant keeps its turn."""
        message, _ = self._order.popitem(last=False)
        self._size -= 1
        return self._lines[self._tenant_of(message)].popleft()


class FairQueue(PriorityQueue):
    """A priority queue whose classes are fair lines."""

    line: type[FairLine] = FairLine

    def __init__(self, bound: int, streams: Sequence[Stream], tenant_of: TenantOf) -> None:
        self._tenant_of = tenant_of
        super().__init__(bound, streams)

    def _new_line(self) -> FairLine:
        return self.line(self._tenant_of)

    def take(self, now_s: float) -> Message | None:
        """The next message for a worker that is free now, or None; what expired meanwhile leaves as well."""
        for line in cast("tuple[FairLine, ...]", self._lines):
            while line:
                message = line.popleft()
                if now_s - message.due_s <= self._freshness_s[message.stream]:
                    line.end_turn()
                    return message
                message.attempts = DECIDED
                self.expired.append((message.stream, now_s))
        return None


class FairDroppingQueue(DroppingQueue, FairQueue):
    """Of the lowest class it drops what entered first, whosever it is."""

    line = OrderedFairLine

    def _oldest(self, line: Line) -> Message:
        return cast("OrderedFairLine", line).pop_oldest()


class FairSpillingQueue(SpillingQueue, FairQueue):
    """What waits outside has one line for all."""


def fair_queue_for(queue: Queue, streams: Sequence[Stream], tenant_of: TenantOf) -> PriorityQueue:
    """The queue that the scenario asks for."""
    kinds: dict[str, type[FairQueue]] = {"drop oldest": FairDroppingQueue, "spill": FairSpillingQueue}
    return kinds.get(queue.overflow, FairQueue)(queue.bound, streams, tenant_of)
