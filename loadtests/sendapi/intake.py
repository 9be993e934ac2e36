"""How messages are handed in to be kept: with a call that is told later, or awaited; once under a name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from loadtests.sendapi.blocks import Entry, Lane, Once, QueueFull, StoreFailed, Write
from loadtests.sendapi.commits import Commit, Committer, Settled


class Intake:
    """Over whatever the commits go to. Everything here raises QueueFull (nothing was stored) or StoreFailed
    (unknown: the client should try again). `messages` and `size` (bytes) are those of the entries."""

    def __init__(self, commits: Committer) -> None:
        self._commits = commits

    def offer(
        self, entries: Iterable[tuple[Lane, Entry]], messages: int, size: int, settled: Settled
    ) -> None:
        """`settled` is told once all entries are on disk, or of the error where it is not raised at once."""
        self._admit(messages, size)
        self._commits.offer(entries, messages, size, settled)

    async def put(self, entries: Iterable[tuple[Lane, Entry]], messages: int, size: int) -> None:
        """`offer`, returning once all is on disk."""
        waiter, settled = _awaited()
        self.offer(entries, messages, size, settled)
        await waiter

    async def put_once(
        self, entries: Iterable[tuple[Lane, Entry]], messages: int, size: int, once: Once
    ) -> bytes | None:
        """`put`, unless something was put under this name before: then its record, and nothing is stored."""
        commit = Commit(once=once)
        commit.entries.extend(entries)
        return await self._put_alone(commit, messages, size)

    async def put_blocks(self, writes: list[Write], once: Once | None) -> bytes | None:
        """`put` or `put_once` of what is packed already."""
        messages, size = sum(one.messages for one in writes), sum(len(one.data) for one in writes)
        if once is not None:
            return await self._put_alone(Commit(blocks=writes, once=once), messages, size)
        self._admit(messages, size)
        waiter, settled = _awaited()
        self._commits.offer_blocks(writes, messages, size, settled)
        await waiter
        return None

    async def _put_alone(self, commit: Commit, messages: int, size: int) -> bytes | None:
        self._admit(messages, size)
        waiter, settled = _awaited()
        commit.expect(messages, size, settled)
        self._commits.alone(commit)
        await waiter
        return commit.earlier

    def _admit(self, messages: int, size: int) -> None:
        """Raises QueueFull or StoreFailed where there is no room."""


def _awaited() -> tuple[asyncio.Future[None], Settled]:
    """A future, and what settles it."""
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settled(error: QueueFull | StoreFailed | None) -> None:
        if waiter.done():  # whoever asked has left
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)

    return waiter, settled
