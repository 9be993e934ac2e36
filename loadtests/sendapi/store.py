"""Durable before success: messages on disk before `put` returns, taken in order, deleted once delivered.

Whatever waits to be written travels in one commit: one block per lane, one fsync for all. A block that was
taken but not reported done is still on disk and is handed out again after a restart: at least once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
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
"""Deletions wait this long for a commit to travel with."""


@dataclass
class _Commit:
    """What the next commit carries, and who waits for it."""

    waiters: list[asyncio.Future[None]] = field(default_factory=list)
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
        self._current: _Commit | None = None
        self._done: list[tuple[Lane, bytes]] = []
        self._done_timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._reading = asyncio.Lock()
        self._arrival: asyncio.Future[None] | None = None
        self._uncertain = True
        self._closing = False
        self._committer: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Count what an earlier run left, then start to commit."""
        await self._recount()
        self._committer = asyncio.create_task(self._commit_for_ever(), name="committer")

    async def put(self, entries: Iterable[tuple[Lane, Entry]], messages: int, size: int) -> None:
        """Returns once all entries are on disk. `messages` and `size` (bytes) are theirs, for the caps.

        Raises QueueFull (nothing was stored) or StoreFailed (unknown: the client should try again).
        """
        if self._closing:
            raise StoreFailed("the store is closing")
        if not self._has_room(messages, size):
            raise QueueFull
        if self._next is None:
            self._next = _Commit()
        commit = self._next
        commit.entries.extend(entries)
        commit.messages += messages
        commit.size += size
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        commit.waiters.append(waiter)
        self._wake.set()
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
        """This block is delivered (or expired): forget it with one of the next commits."""
        state = self.lanes[block.lane]
        state.in_hand -= block.messages
        state.in_hand_size -= block.size
        self.finished += block.messages
        self._done.append((block.lane, block.key))
        if self._done_timer is None:
            self._done_timer = asyncio.get_running_loop().call_later(DONE_WAIT_S, self._wake.set)

    def next_arrival(self) -> asyncio.Future[None]:
        """Done once something more can be taken; ask for it before looking, then nothing is missed."""
        if self._arrival is None:
            self._arrival = asyncio.get_running_loop().create_future()
        return self._arrival

    def backlog(self) -> int:
        """Messages that are durable and not done."""
        return sum(state.untaken + state.in_hand for state in self.lanes.values())

    async def close(self) -> None:
        """Commit what is waiting, then leave."""
        self._closing = True
        self._wake.set()
        if self._committer is not None:
            committer, self._committer = self._committer, None
            await committer
            await self._forget()  # what was done while the last commit was on its way
            await self.backend.close()

    def _has_room(self, messages: int, size: int) -> bool:
        waiting = [commit for commit in (self._next, self._current) if commit is not None]
        held = sum(state.untaken_size + state.in_hand_size for state in self.lanes.values())
        if held + size + sum(commit.size for commit in waiting) > self._bytes_max:
            return False
        if not self._bound:
            return True
        return self.backlog() + messages + sum(commit.messages for commit in waiting) <= self._bound

    async def _commit_for_ever(self) -> None:
        while not self._closing or self._next is not None:
            await self._wake.wait()
            self._wake.clear()
            self._current, self._next = self._next, None
            if self._current is not None:
                await self._commit(self._current)
                self._current = None
            await self._forget()

    async def _commit(self, commit: _Commit) -> None:
        try:
            if self._uncertain:
                await self._recount()
            writes = packed(commit.entries)
            await self.backend.append(writes)
        except QueueFull as error:
            _settle(commit.waiters, error)
        except StoreFailed as error:
            self._uncertain = True
            _settle(commit.waiters, error)
        else:
            self._count(writes)
            _settle(commit.waiters, None)

    def _count(self, writes: list[Write]) -> None:
        for lane, messages, data in writes:
            self.lanes[lane].untaken += messages
            self.lanes[lane].untaken_size += len(data)
            self.received += messages
        self._tell_arrival()

    def _tell_arrival(self) -> None:
        arrival, self._arrival = self._arrival, None
        if arrival is not None and not arrival.done():
            arrival.set_result(None)

    async def _forget(self) -> None:
        """Delete what is done; what fails stays on the list and, after a crash, is delivered once more."""
        keys, self._done = self._done, []
        if self._done_timer is not None:
            self._done_timer.cancel()
            self._done_timer = None
        if not keys:
            return
        try:
            await self.backend.delete(keys)
        except StoreFailed:
            self._done = keys + self._done
            self._done_timer = asyncio.get_running_loop().call_later(1.0, self._wake.set)

    async def _recount(self) -> None:
        """Count what lies behind each cursor. Raises StoreFailed."""
        async with self._reading:
            for lane, state in self.lanes.items():
                messages, size = await self._behind(lane, state.cursor)
                self.recovered += messages - state.untaken
                state.untaken, state.untaken_size = messages, size
        self._uncertain = False
        self._tell_arrival()

    async def _behind(self, lane: Lane, cursor: bytes) -> tuple[int, int]:
        messages = size = 0
        while stored := await self.backend.read(lane, cursor, COUNTED_AT_ONCE):
            messages += sum(one.messages for one in stored)
            size += sum(len(one.data) for one in stored)
            cursor = stored[-1].key
        return messages, size


def _settle(waiters: list[asyncio.Future[None]], error: Exception | None) -> None:
    """Tell everybody who still waits; a waiter that was cancelled is done already."""
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
