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

import msgspec

from loadtests.sendapi.blocks import Block, Entry
from loadtests.sendapi.carriers import DELIVERED, EXPIRED, Fate, Listener
from loadtests.sendapi.hands import Hands, InHand
from loadtests.sendapi.knobs import ProviderLimit
from loadtests.sendapi.pacing import PATIENCE_S, Pace
from loadtests.sendapi.relay import Relay, Rules, Tally
from loadtests.sendapi.sinks import BulkSink, Sink
from loadtests.sendapi.store import Store

TURN_S = 0.002
"""A sender that need not wait gives way to the door at least this often."""

log = logging.getLogger("peakday.sendapi")


class Flow(msgspec.Struct, frozen=True):
    """One provider's messages: delivered so far, waiting now.

    `failed`: dead letters; `deferred`: refusals that another attempt followed.
    """

    delivered: int
    backlog: int
    failed: int = 0
    deferred: int = 0


class Dispatcher:
    """Delivers what the store holds, counting messages. `freshness_s` 0 = nothing expires."""

    def __init__(
        self,
        store: Store,
        sink: Sink,
        providers: Sequence[ProviderLimit],
        *,
        freshness_s: float = 0.0,
        relaying: Rules | None = None,
        listeners: Sequence[Listener] = (),
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        """`relaying`: messages go to its carrier, which may refuse them; `sink` is not asked then."""
        self._tallies = {provider.name: Tally() for provider in providers}
        self._paces = {provider.name: Pace(provider, clock, unix_clock) for provider in providers}
        self._store = store
        self._sink = sink
        self._providers = providers
        self._freshness_s = freshness_s
        self._relaying = relaying
        self._listeners = listeners
        self._clock = clock
        self._unix_clock = unix_clock
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def delivered(self) -> int:
        """Messages delivered by all providers."""
        return sum(tally.delivered for tally in self._tallies.values())

    @property
    def expired(self) -> int:
        """Messages that were stale before their turn."""
        return sum(tally.expired for tally in self._tallies.values())

    @property
    def failed(self) -> int:
        """Dead letters."""
        return sum(tally.failed for tally in self._tallies.values())

    def flows(self) -> dict[str, Flow]:
        """What each provider has delivered and what waits for it."""
        found = {}
        for provider in self._providers:
            tally = self._tallies[provider.name]
            waiting = self._waiting(provider)
            found[provider.name] = Flow(tally.delivered, waiting, tally.failed, tally.deferred)
        return found

    def _waiting(self, provider: ProviderLimit) -> int:
        lanes = self._store.lanes.items()
        return sum(s.untaken + s.in_hand for lane, s in lanes if lane.channel in provider.channels)

    def start(self) -> None:
        """One task per provider."""
        for provider in self._providers:
            task = asyncio.create_task(self._work(provider), name=f"sender {provider.name}")
            task.add_done_callback(_say_why)
            self._tasks.append(task)

    async def stop(self) -> None:
        """Stop at once. What is not delivered stays in the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def limit(self, rate_per_s: float | None) -> None:
        """From now on every provider has this limit alone; None = its own again."""
        for provider in self._providers:
            changed = ProviderLimit(provider.name, provider.channels, rate_per_s) if rate_per_s else provider
            self._paces[provider.name].change(changed)

    async def _work(self, provider: ProviderLimit) -> None:
        hands, tally = Hands(self._store, provider.channels), self._tallies[provider.name]
        pace = self._paces[provider.name]
        if self._relaying is None:
            await self._send(hands, pace, tally)
        else:
            await Relay(self._store, hands, pace, tally, self._relaying, self._listeners).run()

    async def _send(self, hands: Hands, pace: Pace, tally: Tally) -> None:
        turn_ends_s = self._clock() + TURN_S
        bulk = self._sink if self._freshness_s == 0.0 and isinstance(self._sink, BulkSink) else None
        while True:
            hand = await hands.next()
            if bulk is not None and pace.is_free and not hand[0].is_begun and self._unheard(hand[0].block):
                wait_s = await self._send_block(tally, hand, bulk)
            else:
                wait_s = await self._send_some(tally, hand, pace)
            if wait_s > 0.0:
                await asyncio.sleep(min(wait_s, PATIENCE_S))
            elif self._clock() > turn_ends_s:
                await asyncio.sleep(0)
                turn_ends_s = self._clock() + TURN_S

    def _unheard(self, block: Block) -> bool:
        """Whether nobody wants to know what becomes of a block."""
        return not any(listener.hears(entry) for listener in self._listeners for entry in block.entries)

    async def _send_block(self, tally: Tally, hand: deque[InHand], sink: BulkSink) -> float:
        """Deliver the first block in hand: nothing limits it and nothing expires."""
        block = hand[0].block
        await sink.deliver_all(block.lane, block.entries)
        tally.delivered += block.messages
        self._store.done(hand.popleft().block)
        return 0.0

    async def _send_some(self, tally: Tally, hand: deque[InHand], pace: Pace) -> float:
        """Deliver one chunk of the first block in hand; the seconds to wait where the limit says so."""
        going = hand[0]
        entry = going.current()
        count = min(pace.chunk, len(entry.ids) - going.sent)
        if entry.is_stale(self._unix_clock(), self._freshness_s):
            count = len(entry.ids) - going.sent
            tally.expired += count
            self._tell(going, entry, count, EXPIRED)
        else:
            wait_s = pace.limiter.admit(self._clock(), count)
            if wait_s > 0.0:
                return wait_s
            await self._sink.deliver(going.block.lane, entry, going.sent, count)
            tally.delivered += count
            self._tell(going, entry, count, DELIVERED)
        if going.advance(count):
            self._store.done(hand.popleft().block)
        return 0.0

    def _tell(self, going: InHand, entry: Entry, count: int, fate: Fate) -> None:
        for listener in (listener for listener in self._listeners if listener.hears(entry)):
            listener.told(going.block.lane, entry, range(going.sent, going.sent + count), fate, 1)


def _say_why(task: asyncio.Task[None]) -> None:
    """A sender never ends by itself: say so loudly, the backlog will grow."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s has stopped", task.get_name(), exc_info=error)
