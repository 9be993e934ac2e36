"""Group commits: what arrives in one turn of the loop travels together, several are on their way at once.

A commit whose answer is lost leaves it unknown what the backend holds: before the next one that is counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from loadtests.sendapi.blocks import Appender, Entry, Lane, Once, QueueFull, StoreFailed, Write, packed

Settled = Callable[[QueueFull | StoreFailed | None], None]
"""Told once: None = on disk."""


@dataclass
class Commit:
    """What one commit carries, and who waits for it. `earlier`: the record that its `once` had already."""

    waiters: list[Settled] = field(default_factory=list)
    entries: list[tuple[Lane, Entry]] = field(default_factory=list)
    blocks: list[Write] = field(default_factory=list)
    messages: int = 0
    size: int = 0
    alone: bool = False
    once: Once | None = None
    earlier: bytes | None = None

    def expect(self, messages: int, size: int, settled: Settled) -> None:
        """So much more travels with it, and `settled` waits for that."""
        self.waiters.append(settled)
        self.messages += messages
        self.size += size


class Committer:
    """`counted` is told every block that became durable, and their keys where no other can lie between them
    and those before; `recount` finds out what the backend holds."""

    def __init__(
        self,
        backend: Appender,
        counted: Callable[[list[Write], Sequence[bytes]], None],
        recount: Callable[[], Awaitable[None]],
    ) -> None:
        self.messages = self.size = 0
        self._backend = backend
        self._counted = counted
        self._recount = recount
        self._waiting: deque[Commit] = deque()
        self._wake = asyncio.Event()
        self._uncertain = False
        self._closing = False
        self._on_their_way: set[asyncio.Task[None]] = set()

    def offer(
        self, entries: Iterable[tuple[Lane, Entry]], messages: int, size: int, settled: Settled
    ) -> None:
        """Let them travel with whatever waits; until they are settled, `messages` and `size` count them."""
        commit = self._next()
        commit.entries.extend(entries)
        commit.expect(messages, size, settled)
        self._expect(messages, size)

    def offer_blocks(self, blocks: Iterable[Write], messages: int, size: int, settled: Settled) -> None:
        """`offer` of what is packed already."""
        commit = self._next()
        commit.blocks.extend(blocks)
        commit.expect(messages, size, settled)
        self._expect(messages, size)

    def alone(self, commit: Commit) -> None:
        """Let a commit travel by itself."""
        commit.alone = True
        self._waiting.append(commit)
        self._expect(commit.messages, commit.size)

    async def run(self) -> None:
        """Until `close` was called and all is committed; as many are on their way as the backend can use."""
        while not self._closing or self._waiting:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            while len(self._on_their_way) >= (1 if self._uncertain else self._backend.in_flight):
                await asyncio.wait(self._on_their_way, return_when=asyncio.FIRST_COMPLETED)
            task = asyncio.create_task(self._commit(self._waiting.popleft(), self._uncertain))
            self._on_their_way.add(task)
            task.add_done_callback(self._on_their_way.discard)
        if self._on_their_way:
            await asyncio.wait(self._on_their_way)

    def close(self) -> None:
        """What waits is still committed."""
        self._closing = True
        self._wake.set()

    def _next(self) -> Commit:
        if not self._waiting or self._waiting[-1].alone:
            self._waiting.append(Commit())
        return self._waiting[-1]

    def _expect(self, messages: int, size: int) -> None:
        self.messages += messages
        self.size += size
        self._wake.set()

    async def _commit(self, commit: Commit, uncertain: bool) -> None:
        error: QueueFull | StoreFailed | None = None
        try:
            if uncertain:
                await self._recount()
                self._uncertain = False
            await self._append(commit)
        except QueueFull as full:
            error = full
        except StoreFailed as failed:
            self._uncertain = True
            error = failed
        self.messages -= commit.messages
        self.size -= commit.size
        for settled in commit.waiters:
            settled(error)

    async def _append(self, commit: Commit) -> None:
        writes = packed(commit.entries) + commit.blocks
        keys: Sequence[bytes] = ()
        if commit.once is None:
            keys = await self._backend.append(writes)
        else:
            commit.earlier = await self._backend.append_once(writes, commit.once)
        if commit.earlier is None:
            self._counted(writes, () if self._uncertain else keys)
