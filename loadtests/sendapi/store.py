"""Durable before success: messages on disk before `put` returns, taken in order, deleted once delivered.

What arrives in one turn of the loop travels in one commit: one block per lane, one fsync for all. A block
that was taken but not reported done is still on disk and is handed out again after a restart: at least once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from loadtests.sendapi.blocks import (
    LANES,
    Backend,
    Block,
    Entry,
    Lane,
    QueueFull,
    StoreFailed,
    Write,
    packed,
    unpacked,
)

COUNTED_AT_ONCE = 64
"""Blocks read at a time while the backlog of an earlier run is counted."""
DONE_WAIT_S = 0.05
"""Deletions are gathered for this long."""
DELETE_RETRY_S = 1.0
COMPACT_BYTES = 32 * 1024 * 1024
"""Once this much was written, the backend gives disk back as soon as the queue is empty ..."""
IDLE_S = 0.5
"""... for this long."""

Settled = Callable[[QueueFull | StoreFailed | None], None]
"""Told once: None = on disk."""


@dataclass
class _Commit:
    """What the next commit carries, and who waits for it."""

    waiters: list[Settled] = field(default_factory=list)
    entries: list[tuple[Lane, Entry]] = field(default_factory=list)
    messages: int = 0
    size: int = 0


@dataclass
class LaneState:
    """Messages and bytes of one lane: not taken yet, and taken but not done. `cursor`: the last key taken."""

    cursor: bytes = b""
    untaken: int = 0
    untaken_size: int = 0
    in_hand: int = 0
    in_hand_size: int = 0


class Store:
    """One queue of messages over one backend, for one event loop.

    `received` counts messages that became durable here, `recovered` those found in the backend that nobody
    here was told are durable (an earlier run's, or a commit whose answer was lost):
    received + recovered = finished + backlog().
    """

    def __init__(self, backend: Backend, *, bound: int = 0, bytes_max: int = 1 << 30) -> None:
        self.backend = backend
        self.received = 0
        self.recovered = 0
        self.finished = 0
        self.lanes = {lane: LaneState() for lane in LANES}
        self._bound = bound
        self._bytes_max = bytes_max
        self._next: _Commit | None = None
        self._held = self._held_size = 0
        self._arriving = self._arriving_size = 0
        self._done: list[tuple[Lane, bytes]] = []
        self._wake = asyncio.Event()
        self._done_wake = asyncio.Event()
        self._reading = asyncio.Lock()
        self._arrival: asyncio.Future[None] | None = None
        self._written = 0
        self._uncertain = True
        self._closing = False
        self._on_their_way: set[asyncio.Task[None]] = set()
        self._committer: asyncio.Task[None] | None = None
        self._forgetter: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Count what an earlier run left, then start to commit."""
        await self._recount()
        self._committer = asyncio.create_task(self._commit_for_ever(), name="committer")
        self._forgetter = asyncio.create_task(self._forget_for_ever(), name="forgetter")

    def offer(
        self, entries: Iterable[tuple[Lane, Entry]], messages: int, size: int, settled: Settled
    ) -> None:
        """`settled` is told once all entries are on disk. `messages`, `size` (bytes): theirs, for the caps.

        Raises QueueFull (nothing was stored) or StoreFailed (unknown: the client should try again), or tells
        them to `settled`.
        """
        if self._closing:
            raise StoreFailed("the store is closing")
        if not self._has_room(messages, size):
            raise QueueFull
        if self._next is None:
            self._next = _Commit()
            self._wake.set()
        commit = self._next
        commit.entries.extend(entries)
        commit.waiters.append(settled)
        commit.messages += messages
        commit.size += size
        self._arriving += messages
        self._arriving_size += size

    async def put(self, entries: Iterable[tuple[Lane, Entry]], messages: int, size: int) -> None:
        """`offer`, returning once all is on disk."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settled(error: QueueFull | StoreFailed | None) -> None:
            if waiter.done():  # whoever asked has left
                return
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

        self.offer(entries, messages, size, settled)
        await waiter

    async def take(self, lane: Lane, count: int) -> list[Block]:
        """The next blocks of a lane, at most `count`; [] when there are none. Never the same one twice."""
        state = self.lanes[lane]
        if not state.untaken:
            return []
        async with self._reading:
            stored = await self.backend.read(lane, state.cursor, count)
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
        self._wake.set()
        if self._committer is not None and self._forgetter is not None:
            committer, self._committer = self._committer, None
            await committer
            self._forgetter.cancel()
            await asyncio.gather(self._forgetter, return_exceptions=True)
            await self._forget()
            await self.backend.close()

    def _has_room(self, messages: int, size: int) -> bool:
        if self._held_size + self._arriving_size + size > self._bytes_max:
            return False
        return not self._bound or self._held + self._arriving + messages <= self._bound

    async def _commit_for_ever(self) -> None:
        """Each turn's arrivals are one commit; as many are on their way as the backend can use."""
        while not self._closing or self._next is not None:
            await self._wake.wait()
            self._wake.clear()
            while len(self._on_their_way) >= (1 if self._uncertain else self.backend.in_flight):
                await asyncio.wait(self._on_their_way, return_when=asyncio.FIRST_COMPLETED)
            commit, self._next = self._next, None
            if commit is not None:
                task = asyncio.create_task(self._commit(commit))
                self._on_their_way.add(task)
                task.add_done_callback(self._on_their_way.discard)
        if self._on_their_way:
            await asyncio.wait(self._on_their_way)

    async def _commit(self, commit: _Commit) -> None:
        error: QueueFull | StoreFailed | None = None
        try:
            if self._uncertain:
                await self._recount()
            writes = packed(commit.entries)
            await self.backend.append(writes)
            self._count(writes)
        except QueueFull as full:
            error = full
        except StoreFailed as failed:
            self._uncertain = True
            error = failed
        self._arriving -= commit.messages
        self._arriving_size -= commit.size
        for settled in commit.waiters:
            settled(error)

    def _count(self, writes: list[Write]) -> None:
        for lane, messages, data in writes:
            self.lanes[lane].untaken += messages
            self.lanes[lane].untaken_size += len(data)
            self.received += messages
            self._held += messages
            self._held_size += len(data)
            self._written += len(data)
        self._tell_arrival()

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
        async with self._reading:
            for lane, state in self.lanes.items():
                messages, size = await self._behind(lane, state.cursor)
                self.recovered += messages - state.untaken
                state.untaken, state.untaken_size = messages, size
        states = self.lanes.values()
        self._held = sum(state.untaken + state.in_hand for state in states)
        self._held_size = sum(state.untaken_size + state.in_hand_size for state in states)
        self._uncertain = False
        self._tell_arrival()

    async def _behind(self, lane: Lane, cursor: bytes) -> tuple[int, int]:
        messages = size = 0
        while stored := await self.backend.read(lane, cursor, COUNTED_AT_ONCE):
            messages += sum(one.messages for one in stored)
            size += sum(len(one.data) for one in stored)
            cursor = stored[-1].key
        return messages, size
