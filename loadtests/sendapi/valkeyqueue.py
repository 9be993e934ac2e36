"""The queue in Valkey: one stream per lane; our own guarded server or one that runs already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from loadtests.sendapi.blocks import Lane, Once, QueueFull, Stored, StoreFailed, Write
from loadtests.sendapi.resp import Connection, Part, Place, ServerError, connect, packed, place_of
from loadtests.sendapi.valkeyserver import ValkeyServer
from scenarios.problems import UserError

LOADING_S = 60.0
"""How long a server may take to read its append-only file back."""
MESSAGES, DATA = b"m", b"b"
ONCE = """
local earlier = redis.call('GET', KEYS[1])
if earlier then return earlier end
for i = 2, #KEYS do redis.call('XADD', KEYS[i], '*', 'm', ARGV[2 * i - 1], 'b', ARGV[2 * i]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
"""
"""KEYS: the record's name, then a stream for each block. ARGV: record, its ms, then two of each block."""
IN_FLIGHT = 2
"""Commits on their way at once: one is being synced, the other is there when that ends. More of them are
smaller, and each costs as much as several messages."""


class ValkeyQueue:
    """Blocks as stream entries, read by position and deleted when done; nothing is claimed."""

    name = "valkey"
    in_flight = IN_FLIGHT

    def __init__(self, place: Place, *, server: ValkeyServer | None = None) -> None:
        self.durable = False
        self._place = place
        self._server = server
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    async def append(self, writes: Sequence[Write]) -> Sequence[bytes]:
        """With appendfsync=always the answer comes after the sync. All blocks or none.

        Keys are told of our own server only: nobody else writes there.
        """
        commands = [
            packed("XADD", _stream(lane), "*", MESSAGES, messages, DATA, data)
            for lane, messages, data in writes
        ]
        if len(commands) > 1:
            commands = [packed("MULTI"), *commands, packed("EXEC")]
        replies = await self._ask(commands)
        if self._server is None:
            return ()
        return replies if len(commands) == 1 else cast(list[bytes], replies[-1])

    async def append_once(self, writes: Sequence[Write], once: Once) -> bytes | None:
        """One script: record and blocks reach the file together."""
        parts: list[Part] = [len(writes) + 1, b"peakday:once:" + once.name]
        parts += [_stream(lane) for lane, _, _ in writes]
        parts += [once.record, int(once.keep_s * 1e3)]
        for _, messages, data in writes:
            parts += (messages, data)
        (earlier,) = await self._ask([packed("EVAL", ONCE, *parts)])
        return earlier if earlier is None else bytes(earlier)

    async def read(self, lane: Lane, after: bytes, count: int) -> list[Stored]:
        """Stream entries behind `after`, oldest first."""
        first = b"(" + after if after else b"-"
        (found,) = await self._ask([packed("XRANGE", _stream(lane), first, "+", "COUNT", count)])
        return [Stored(key, int(fields[1]), fields[3]) for key, fields in found]

    async def delete(self, keys: Sequence[tuple[Lane, bytes]]) -> None:
        """One command per lane."""
        lanes: dict[Lane, list[bytes]] = {}
        for lane, key in keys:
            lanes.setdefault(lane, []).append(key)
        await self._ask([packed("XDEL", _stream(lane), *found) for lane, found in lanes.items()])

    async def close(self) -> None:
        """Hang up; end the server if it is ours."""
        if self._connection is not None:
            self._connection.close()
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)

    async def config(self, pattern: str) -> dict[str, str]:
        """What the server says of its settings; {} where it says nothing."""
        try:
            (told,) = await self._ask([packed("CONFIG", "GET", pattern)])
        except StoreFailed:
            return {}
        return {name.decode(): value.decode() for name, value in zip(told[::2], told[1::2], strict=True)}

    async def compact(self) -> None:
        """The append-only file is written anew, by a process of the server's own."""
        await self._ask([packed("BGREWRITEAOF")])

    async def ping(self) -> None:
        """The server answers; our own is started where it does not run."""
        await self._ask([packed("PING")])

    async def _ask(self, commands: list[bytes]) -> list[Any]:
        try:
            connection = await self._connected()
            replies = await connection.ask(commands)
        except UserError as error:  # another server took the files while ours was down
            raise StoreFailed(str(error)) from error
        except (ServerError, OSError) as error:
            raise StoreFailed(_cause(error)) from error
        for reply in replies:
            if isinstance(reply, ServerError):
                raise QueueFull if str(reply).startswith("OOM") else StoreFailed(_cause(reply))
        return replies

    async def _connected(self) -> Connection:
        if self._connection is not None and self._connection.open:
            return self._connection
        async with self._connecting:
            if self._connection is None or not self._connection.open:
                self._connection = await self._reconnect()
        return self._connection

    async def _reconnect(self) -> Connection:
        if self._server is None:
            return await _loaded(self._place, lambda: False)
        if not self._server.running():
            await asyncio.to_thread(self._server.start)
        return await _loaded(replace(self._place, socket=self._server.socket), self._server.running)


async def own_queue(server: ValkeyServer, *, durable: bool) -> ValkeyQueue:
    """A queue over our own server, started here. Raises StoreFailed where it does not run."""
    await asyncio.to_thread(server.start)
    queue = ValkeyQueue(Place(), server=server)
    queue.durable = durable
    try:
        await queue.ping()
    except StoreFailed:
        await queue.close()
        raise
    return queue


async def remote_queue(url: str) -> ValkeyQueue:
    """A queue on a server that runs already. Durable only if it says appendonly and appendfsync=always."""
    queue = ValkeyQueue(place_of(url))
    await queue.ping()
    told = await queue.config("append*")
    queue.durable = told.get("appendonly") == "yes" and told.get("appendfsync") == "always"
    return queue


async def _loaded(place: Place, starting: Callable[[], bool]) -> Connection:
    """Connected once the server has read its files. ServerError or OSError where it leaves or takes too long.

    A server that does not answer at all is waited for only while it is `starting`.
    """
    deadline = time.monotonic() + LOADING_S
    while True:
        try:
            return await connect(place)
        except (ServerError, OSError) as error:
            coming = starting() if isinstance(error, OSError) else str(error).startswith("LOADING")
            if not coming or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.01)


def _cause(error: Exception) -> str:
    """An error's kind and the start of its text."""
    return f"{type(error).__name__}: {str(error)[:120]}"


def _stream(lane: Lane) -> str:
    return f"peakday:queue:{lane.priority}:{lane.channel}"
