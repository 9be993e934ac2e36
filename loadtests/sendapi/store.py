"""Durable before success: messages on disk before `put` returns, taken in order, deleted once delivered.

What arrives in one turn of the loop travels in one commit: one block per lane, one fsync for all. A block
that was taken but not reported done is still on disk and is handed out again after a restart: at least once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat

from loadtests.sendapi.blocks import (
    LANES,
    Backend,
    Block,
    Lane,
    QueueFull,
    Stored,
    StoreFailed,
    Write,
    unpacked,
)
from loadtests.sendapi.commits import Committer
from loadtests.sendapi.fresh import Fresh
from loadtests.sendapi.intake import Intake

COUNTED_AT_ONCE = 64
"""Blocks read at a time while the backlog of an earlier run is counted."""
DONE_WAIT_S = 0.05
"""Deletions are gathered for this long."""
DELETE_RETRY_S = 1.0
COMPACT_BYTES = 32 * 1024 * 1024
"""Once this much was written, the backend gives disk back as soon as the queue is empty ..."""
IDLE_S = 0.5
"""... for this long."""


@dataclass
class LaneState:
    """Messages and bytes of one lane: not taken yet, and taken but not done. `cursor`: the last key taken."""

    cursor: bytes = b""
    untaken: int = 0
    untaken_size: int = 0
    in_hand: int = 0
    in_hand_size: int = 0


class Store(Intake):
    """One queue of messages over one backend, for one event loop.

    `received` counts messages that became durable here, `recovered` those found in the backend that nobody
    here was told are durable (an earlier run's, or a commit whose answer was lost):
    received + recovered = finished + backlog().
    """

    def __init__(
        self, backend: Backend, *, bound: int = 0, bytes_max: int = 1 << 30, fresh: Fresh | None = None
    ) -> None:
        super().__init__(Committer(backend, self._count, self._recount))
        self.backend = backend
        self.received = 0
        self.recovered = 0
        self.finished = 0
        self.lanes = {lane: LaneState() for lane in LANES}
        self._fresh = fresh or Fresh()
        self._bound = bound
        self._bytes_max = bytes_max
        self._held = self._held_size = 0
        self._done: list[tuple[Lane, bytes]] = []
        self._done_wake = asyncio.Event()
        self._reading = asyncio.Lock()
        self._arrival: asyncio.Future[None] | None = None
        self._written = 0
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Count what an earlier run left, then start to commit."""
        await self._recount()
        self._tasks = [
            asyncio.create_task(self._commits.run(), name="committer"),
            asyncio.create_task(self._forget_for_ever(), name="forgetter"),
        ]

    async def take(self, lane: Lane, count: int) -> list[Block]:
        """The next blocks of a lane, at most `count`; [] when there are none. Never the same one twice."""
        state = self.lanes[lane]
        if not state.untaken:
            return []
        async with self._reading:
            stored = self._fresh.take(lane, count)
            if len(stored) < count and state.untaken > sum(one.messages for one in stored):
                cursor = stored[-1].key if stored else state.cursor
                stored += await self.backend.read(lane, cursor, count - len(stored))
            blocks = [unpacked(lane, one) for one in stored]
            for block in blocks:
                state.cursor = block.key
                state.untaken -= block.messages
                state.untaken_size -= block.size
                state.in_hand += block.messages
                state.in_hand_size += block.size
        return blocks

    def done(self, block: Block) -> None:
        """This block is delivered (or expired): forget it with one of the next deletions."""
        state = self.lanes[block.lane]
        state.in_hand -= block.messages
        state.in_hand_size -= block.size
        self._held -= block.messages
        self._held_size -= block.size
        self.finished += block.messages
        self._done.append((block.lane, block.key))
        self._done_wake.set()

    def next_arrival(self) -> asyncio.Future[None]:
        """Done once something more can be taken; ask for it before looking, then nothing is missed."""
        if self._arrival is None:
            self._arrival = asyncio.get_running_loop().create_future()
        return self._arrival

    def backlog(self) -> int:
        """Messages that are durable and not done."""
        return self._held

    async def close(self) -> None:
        """Commit what is waiting, then leave."""
        self._closing = True
        self._commits.close()
        if self._tasks:
            (committer, forgetter), self._tasks = self._tasks, []
            await committer
            forgetter.cancel()
            await asyncio.gather(forgetter, return_exceptions=True)
            await self._forget()
            await self.backend.close()

    def _admit(self, messages: int, size: int) -> None:
        """Raises QueueFull or StoreFailed."""
        if self._closing:
            raise StoreFailed("the store is closing")
        if self._held_size + self._commits.size + size > self._bytes_max:
            raise QueueFull
        if self._bound and self._held + self._commits.messages + messages > self._bound:
            raise QueueFull

    def _count(self, writes: list[Write], keys: Sequence[bytes]) -> None:
        for (lane, messages, data), key in zip(writes, keys or repeat(b""), strict=False):
            self._keep_fresh(lane, Stored(key, messages, data))
            self.lanes[lane].untaken += messages
            self.lanes[lane].untaken_size += len(data)
            self.received += messages
            self._held += messages
            self._held_size += len(data)
            self._written += len(data)
        self._tell_arrival()

    def _keep_fresh(self, lane: Lane, block: Stored) -> None:
        """To be asked before the block is counted: where nothing else is untaken, it is the reader's next."""
        if not block.key:
            self._fresh.close(lane)
        elif self.lanes[lane].untaken == 0:
            self._fresh.open(lane)
        self._fresh.add(lane, block)

    def _tell_arrival(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None and not arrival.done():
            arrival.set_result(None)

    async def _forget_for_ever(self) -> None:
        while True:
            await self._until_done_or_idle()
            await asyncio.sleep(DONE_WAIT_S)
            self._done_wake.clear()
            if not await self._forget():
                await asyncio.sleep(DELETE_RETRY_S)
                self._done_wake.set()

    async def _until_done_or_idle(self) -> None:
        """Wait until something is done; what an emptied queue leaves on disk is given back meanwhile."""
        while self._written >= COMPACT_BYTES and not self._held and not self._done_wake.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._done_wake.wait(), IDLE_S)
                break
            with suppress(StoreFailed):
                await self.backend.compact()
            self._written = 0
        await self._done_wake.wait()

    async def _forget(self) -> bool:
        """Delete what is done; what fails stays on the list and, after a crash, is delivered once more."""
        keys, self._done = self._done, []
        try:
            if keys:
                await self.backend.delete(keys)
        except StoreFailed:
            self._done = keys + self._done
            return False
        return True

    async def _recount(self) -> None:
        """Count what lies behind each cursor. Raises StoreFailed."""
        self._fresh.close_all()
        async with self._reading:
            for lane, state in self.lanes.items():
                messages, size = await self._behind(lane, state.cursor)
                self.recovered += messages - state.untaken
                state.untaken, state.untaken_size = messages, size
        states = self.lanes.values()
        self._held = sum(state.untaken + state.in_hand for state in states)
        self._held_size = sum(state.untaken_size + state.in_hand_size for state in states)
        self._tell_arrival()

    async def _behind(self, lane: Lane, cursor: bytes) -> tuple[int, int]:
        messages = size = 0
        while stored := await self.backend.read(lane, cursor, COUNTED_AT_ONCE):
            messages += sum(one.messages for one in stored)
            size += sum(len(one.data) for one in stored)
            cursor = stored[-1].key
        return messages, size
