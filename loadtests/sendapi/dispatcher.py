"""From the store to the sink within the providers' limits: one paced sender per provider, priorities first.

The limits are the simulator's own (sim/pipeline/limits) on the monotonic clock: tokens follow from the
clock, never from how long a sleep took, so the delivered rate does not drift.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from loadtests.sendapi.blocks import LANES, Block, Entry, Lane, StoreFailed
from loadtests.sendapi.knobs import ProviderLimit
from loadtests.sendapi.sinks import Sink
from loadtests.sendapi.store import Store
from scenarios.deferrals import PacedQueue
from scenarios.limits import LimitWord, TokenBucket
from sim.pipeline.limiter import Limiter

CHUNK_S = 0.005
"""Messages go out in chunks of at most this much of the limit's rate: fine enough for any window seen."""
CHUNK_MAX = 1000
BLOCKS_AT_ONCE = 8
TURN_S = 0.002
"""A sender that need not wait gives way to the door at least this often."""
RETRY_S = 0.1
PATIENCE_S = 1.0
"""Longest sleep of a sender: meanwhile messages expire, and more urgent ones come."""

log = logging.getLogger("peakday.sendapi")


@dataclass
class InHand:
    """A block on its way out: which entry is next and how many of its messages are gone."""

    block: Block
    entry: int = 0
    sent: int = 0

    def current(self) -> Entry:
        """The entry whose messages are next."""
        return self.block.entries[self.entry]

    def advance(self, count: int) -> bool:
        """`count` messages of the current entry are gone. True once the block is empty."""
        self.sent += count
        if self.sent >= len(self.current().ids):
            self.entry, self.sent = self.entry + 1, 0
        return self.entry >= len(self.block.entries)


@dataclass
class Outgoing:
    """Blocks in hand, per lane of one provider, highest priority first."""

    lanes: tuple[Lane, ...]
    hands: dict[Lane, deque[InHand]] = field(default_factory=dict)

    def first(self) -> deque[InHand] | None:
        """The queue of the highest lane that has something in hand."""
        return next((self.hands[lane] for lane in self.lanes if self.hands.get(lane)), None)


class Flow(msgspec.Struct, frozen=True):
    """One provider's messages: delivered so far, waiting now."""

    delivered: int
    backlog: int


class Dispatcher:
    """Delivers what the store holds, counting messages. `freshness_s` 0 = nothing expires."""

    def __init__(
        self,
        store: Store,
        sink: Sink,
        providers: Sequence[ProviderLimit],
        *,
        freshness_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self.delivered_by = {provider.name: 0 for provider in providers}
        self.expired = 0
        self._store = store
        self._sink = sink
        self._providers = providers
        self._freshness_s = freshness_s
        self._clock = clock
        self._unix_clock = unix_clock
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def delivered(self) -> int:
        """Messages delivered by all providers."""
        return sum(self.delivered_by.values())

    def flows(self) -> dict[str, Flow]:
        """What each provider has delivered and what waits for it."""
        return {p.name: Flow(self.delivered_by[p.name], self._waiting(p)) for p in self._providers}

    def _waiting(self, provider: ProviderLimit) -> int:
        lanes = self._store.lanes.items()
        return sum(s.untaken + s.in_hand for lane, s in lanes if lane.channel in provider.channels)

    def start(self) -> None:
        """One task per provider."""
        for provider in self._providers:
            task = asyncio.create_task(self._send(provider), name=f"sender {provider.name}")
            task.add_done_callback(_say_why)
            self._tasks.append(task)

    async def stop(self) -> None:
        """Stop at once. What is not delivered stays in the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, provider: ProviderLimit) -> None:
        now_s = self._clock()
        limiter, chunk = limiter_of(provider, now_s, self._unix_clock() - now_s), chunk_of(provider)
        outgoing = Outgoing(tuple(lane for lane in LANES if lane.channel in provider.channels))
        turn_ends_s = self._clock() + TURN_S
        while True:
            hand = await self._next(outgoing)
            wait_s = await self._send_some(provider.name, hand, limiter, chunk)
            if wait_s > 0.0:
                await asyncio.sleep(min(wait_s, PATIENCE_S))
            elif self._clock() > turn_ends_s:
                await asyncio.sleep(0)
                turn_ends_s = self._clock() + TURN_S

    async def _next(self, outgoing: Outgoing) -> deque[InHand]:
        """The lane to serve now; waits until there is one."""
        while True:
            arrived = self._store.next_arrival()
            for lane in outgoing.lanes:
                if self._store.lanes[lane].untaken and not outgoing.hands.get(lane):
                    outgoing.hands[lane] = await self._take(lane)
                if hand := outgoing.first():
                    return hand
            await asyncio.shield(arrived)

    async def _take(self, lane: Lane) -> deque[InHand]:
        try:
            blocks = await self._store.take(lane, BLOCKS_AT_ONCE)
        except StoreFailed as error:
            log.warning("the queue cannot be read: %s", error)
            await asyncio.sleep(RETRY_S)
            return deque()
        return deque(InHand(block) for block in blocks)

    async def _send_some(self, name: str, hand: deque[InHand], limiter: Limiter, chunk: int) -> float:
        """Deliver one chunk of the first block in hand; the seconds to wait where the limit says so."""
        going = hand[0]
        entry = going.current()
        count = min(chunk, len(entry.ids) - going.sent)
        if self._is_stale(entry):
            count = len(entry.ids) - going.sent
            self.expired += count
        else:
            wait_s = limiter.admit(self._clock(), count)
            if wait_s > 0.0:
                return wait_s
            await self._sink.deliver(going.block.lane, entry, going.sent, count)
            self.delivered_by[name] += count
        if going.advance(count):
            self._store.done(hand.popleft().block)
        return 0.0

    def _is_stale(self, entry: Entry) -> bool:
        return self._freshness_s > 0.0 and self._unix_clock() - entry.accepted_s > self._freshness_s


def _say_why(task: asyncio.Task[None]) -> None:
    """A sender never ends by itself: say so loudly, the backlog will grow."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s has stopped", task.get_name(), exc_info=error)


def limiter_of(provider: ProviderLimit, now_s: float, epoch_s: float = 0.0) -> Limiter:
    """The simulator's limits with this provider's figures, nothing used at `now_s`; `epoch_s`: Unix time when
    the clock read 0."""
    return Limiter(_limits_of(provider), now_s, epoch_s)


def chunk_of(provider: ProviderLimit) -> int:
    """Messages asked for at once: never more than an all-or-nothing limit could pass, and CHUNK_S of it."""
    limits = _limits_of(provider)
    return max(1, min([CHUNK_MAX, *(int(min(x.at_once, x.per_s * CHUNK_S)) for x in limits)]))


def _limits_of(provider: ProviderLimit) -> tuple[LimitWord, ...]:
    """A provider's own queue is our backlog here: it is the pace at which the sink is served."""
    limits = tuple(_paced(limit) if isinstance(limit, PacedQueue) else limit for limit in provider.limits)
    if provider.rate_per_s is None:
        return limits
    bucket = {"rate": f"{provider.rate_per_s!r}/s", "burst": provider.burst_messages()}
    return (TokenBucket.model_validate(bucket), *limits)


def _paced(queue: PacedQueue) -> TokenBucket:
    burst = max(1.0, queue.rate * CHUNK_S)
    return TokenBucket.model_validate({"rate": f"{queue.rate!r}/s", "burst": burst})
