"""From the store to a carrier that may refuse: limits, priorities, retries, expiry, dead letters.

As in the simulation: a refused message waits outside of the queue (sim/pipeline/retries) and then goes before
younger ones of its lane. A block is forgotten once each of its messages is delivered, expired or a dead
letter: at least once.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loadtests.sendapi.blocks import LANES, Entry, Lane
from loadtests.sendapi.carriers import EXPIRED, Carrier, Fate, Listener
from loadtests.sendapi.deadletters import DeadLetter, DeadLetters
from loadtests.sendapi.hands import Hands, InHand
from loadtests.sendapi.pacing import PATIENCE_S, Pace
from loadtests.sendapi.serving import first
from loadtests.sendapi.store import Store
from scenarios.pipeline import Retries
from sim.pipeline.retries import backoff_range_s

WAITING_MAX = 20_000
"""Messages in backoff; above, nothing younger is taken, so that memory stays bounded."""
_RANK = {lane: rank for rank, lane in enumerate(LANES)}


@dataclass
class Tally:
    """What became of one provider's messages; `deferred`: refusals that were followed by another attempt."""

    delivered: int = 0
    expired: int = 0
    failed: int = 0
    deferred: int = 0


@dataclass(frozen=True)
class Parcel:
    """Messages of one entry that are tried together; `attempt` from 1."""

    hand: InHand
    entry: Entry
    places: tuple[int, ...]
    attempt: int = 1

    @property
    def lane(self) -> Lane:
        """Where they belong."""
        return self.hand.block.lane


@dataclass(frozen=True)
class Rules:
    """What holds for every provider's relay. `freshness_s` 0 = nothing expires. `clock` is monotonic."""

    carrier: Carrier
    dead: DeadLetters
    retries: Retries
    freshness_s: float = 0.0
    clock: Callable[[], float] = time.monotonic
    unix_clock: Callable[[], float] = time.time
    random: random.Random = field(default_factory=random.Random)


class Relay:
    """One provider's."""

    def __init__(
        self,
        store: Store,
        hands: Hands,
        pace: Pace,
        tally: Tally,
        rules: Rules,
        listeners: Sequence[Listener],
    ) -> None:
        self._store = store
        self._hands = hands
        self._pace = pace
        self._tally = tally
        self._rules = rules
        self._listeners = listeners
        self._later: list[tuple[float, int, Parcel]] = []
        self._again: dict[Lane, deque[Parcel]] = {}
        self._waiting = 0
        self._order = itertools.count()
        self._free = asyncio.Semaphore(rules.carrier.connections)
        self._changed = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Carry for ever; cancelled, what is under way is given up and stays in the store."""
        try:
            while True:
                await self._step(await self._next())
        finally:
            for task in self._under_way:
                task.cancel()

    async def _step(self, parcel: Parcel) -> None:
        if parcel.entry.is_stale(self._rules.unix_clock(), self._rules.freshness_s):
            self._tally.expired += len(parcel.places)
            self._tell(parcel, parcel.places, EXPIRED)
            self._settle(parcel.hand, len(parcel.places))
            return
        wait_s = self._pace.limiter.admit(self._rules.clock(), len(parcel.places))
        if wait_s > 0.0:
            self._again.setdefault(parcel.lane, deque()).appendleft(parcel)
            await asyncio.sleep(min(wait_s, PATIENCE_S))
            return
        await self._free.acquire()
        task = asyncio.create_task(self._carry(parcel))
        self._under_way.add(task)
        task.add_done_callback(self._carried)

    def _carried(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "relay", "exception": error})

    async def _next(self) -> Parcel:
        """What is to be tried now: the highest lane first, in it what was tried before."""
        while True:
            arrived = self._store.next_arrival()
            self._changed.clear()
            now_s = self._rules.clock()
            self._wake(now_s)
            again = min(
                (lane for lane, found in self._again.items() if found),
                key=lambda lane: _RANK[lane],
                default=None,
            )
            hand = await self._hands.fill() if self._waiting < WAITING_MAX else None
            if again is not None and (hand is None or _RANK[again] <= _RANK[hand[0].block.lane]):
                return self._again[again].popleft()
            if hand is not None:
                return self._cut(hand)
            due_s = self._later[0][0] - now_s if self._later else None
            await first(asyncio.shield(arrived), self._changed.wait(), within_s=due_s)

    def _wake(self, now_s: float) -> None:
        """What has waited long enough may be tried again."""
        while self._later and self._later[0][0] <= now_s:
            _, _, parcel = heapq.heappop(self._later)
            self._waiting -= len(parcel.places)
            self._again.setdefault(parcel.lane, deque()).append(parcel)

    def _cut(self, hand: deque[InHand]) -> Parcel:
        """The next messages of the first block in hand."""
        going = hand[0]
        entry, first = going.current(), going.sent
        count = min(self._pace.chunk, self._rules.carrier.most, len(entry.ids) - first)
        if going.advance(count):
            hand.popleft()
        return Parcel(going, entry, tuple(range(first, first + count)))

    async def _carry(self, parcel: Parcel) -> None:
        fates = await self._rules.carrier.carry(parcel.lane, parcel.entry, parcel.places)
        found: dict[Fate, list[int]] = {}
        for place, fate in zip(parcel.places, fates, strict=True):
            found.setdefault(fate, []).append(place)
        for fate, places in found.items():
            await self._met(parcel, tuple(places), fate)

    async def _met(self, parcel: Parcel, places: tuple[int, ...], fate: Fate) -> None:
        """One fate of some of a parcel's messages."""
        if fate.kind == "later" and parcel.attempt >= self._rules.retries.attempts:
            fate = Fate("never", f"retries used up: {fate.reason}")
        if fate.kind == "never":
            await self._rules.dead.keep([self._letter(parcel, place, fate) for place in places])
            self._tally.failed += len(places)
        elif fate.kind == "later":
            self._tally.deferred += len(places)
            self._put_off(parcel, places, fate)
        else:
            self._tally.delivered += len(places)
        self._tell(parcel, places, fate)
        if fate.kind != "later":
            self._settle(parcel.hand, len(places))

    def _tell(self, parcel: Parcel, places: Sequence[int], fate: Fate) -> None:
        for listener in (listener for listener in self._listeners if listener.hears(parcel.entry)):
            listener.told(parcel.lane, parcel.entry, places, fate, parcel.attempt)

    def _put_off(self, parcel: Parcel, places: tuple[int, ...], fate: Fate) -> None:
        wait_s = self._rules.random.uniform(*backoff_range_s(self._rules.retries, parcel.attempt))
        due_s = self._rules.clock() + max(wait_s, fate.after_s or 0.0)
        later = Parcel(parcel.hand, parcel.entry, places, parcel.attempt + 1)
        heapq.heappush(self._later, (due_s, next(self._order), later))
        self._waiting += len(places)
        self._changed.set()

    def _settle(self, hand: InHand, count: int) -> None:
        if hand.settle(count):
            self._store.done(hand.block)
        self._changed.set()

    def _letter(self, parcel: Parcel, place: int, fate: Fate) -> DeadLetter:
        return DeadLetter(
            at=self._rules.unix_clock(),
            id=parcel.entry.ids[place],
            message_id=parcel.entry.message_id,
            channel=parcel.lane.channel,
            priority=parcel.lane.priority,
            campaign=parcel.entry.campaign,
            attempts=parcel.attempt,
            reason=fate.reason,
        )
