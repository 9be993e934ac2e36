"""What is in hand of one provider's lanes: blocks taken from the store, highest priority first."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from loadtests.sendapi.blocks import LANES, Block, Entry, Lane, StoreFailed
from loadtests.sendapi.store import Store
from scenarios.words import Channel

BLOCKS_AT_ONCE = 8
RETRY_S = 0.1

log = logging.getLogger("peakday.sendapi")


@dataclass(eq=False)
class InHand:
    """A block on its way out: which entry is next, how many messages of it are gone, how many settled."""

    block: Block
    entry: int = 0
    sent: int = 0
    settled: int = 0

    @property
    def is_begun(self) -> bool:
        """Whether some of it is gone."""
        return bool(self.entry or self.sent)

    def current(self) -> Entry:
        """The entry whose messages are next."""
        return self.block.entries[self.entry]

    def advance(self, count: int) -> bool:
        """`count` messages of the current entry are gone. True once the block is empty."""
        self.sent += count
        if self.sent >= len(self.current().ids):
            self.entry, self.sent = self.entry + 1, 0
        return self.entry >= len(self.block.entries)

    def settle(self, count: int) -> bool:
        """`count` messages have met their fate. True once all of the block have."""
        self.settled += count
        return self.settled >= self.block.messages


class Hands:
    """The lanes of one provider."""

    def __init__(self, store: Store, channels: Collection[Channel]) -> None:
        self._store = store
        self._lanes = tuple(lane for lane in LANES if lane.channel in channels)
        self._hands: dict[Lane, deque[InHand]] = {}

    async def next(self) -> deque[InHand]:
        """The lane to serve now; waits until there is one."""
        while True:
            arrived = self._store.next_arrival()
            if hand := await self.fill():
                return hand
            await asyncio.shield(arrived)

    async def fill(self) -> deque[InHand] | None:
        """The highest lane that has something in hand, once every higher one was looked at."""
        for lane in self._lanes:
            if self._store.lanes[lane].untaken and not self._hands.get(lane):
                self._hands[lane] = await self._take(lane)
            if hand := self.first():
                return hand
        return None

    def first(self) -> deque[InHand] | None:
        """The highest lane that has something in hand."""
        return next((self._hands[lane] for lane in self._lanes if self._hands.get(lane)), None)

    async def _take(self, lane: Lane) -> deque[InHand]:
        try:
            blocks = await self._store.take(lane, BLOCKS_AT_ONCE)
        except StoreFailed as error:
            log.warning("the queue cannot be read: %s", error)
            await asyncio.sleep(RETRY_S)
            return deque()
        return deque(InHand(block) for block in blocks)
