"""The queue in Valkey: one stream per lane; our own guarded server or one that runs already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from valkey import exceptions
from valkey.asyncio import Valkey

from loadtests.sendapi.blocks import Lane, QueueFull, Stored, StoreFailed, Write
from loadtests.sendapi.valkeyserver import ValkeyServer
from scenarios.problems import UserError

T = TypeVar("T")
LOADING_S = 60.0
"""How long a server may take to read its append-only file back."""
MESSAGES, DATA = b"m", b"b"


class ValkeyQueue:
    """Blocks as stream entries, read by position and deleted when done; nothing is claimed."""

    name = "valkey"

    def __init__(self, client: Any, *, durable: bool, server: ValkeyServer | None = None) -> None:
        self.durable = durable
        self._client = client
        self._server = server

    async def append(self, writes: Sequence[Write]) -> None:
        """One pipeline; with appendfsync=always the answer comes after the fsync."""

        async def run(client: Any) -> None:
            async with client.pipeline(transaction=len(writes) > 1) as pipeline:
                for lane, messages, data in writes:
                    pipeline.xadd(_stream(lane), {MESSAGES: messages, DATA: data})
                await pipeline.execute()

        await self._run(run)

    async def read(self, lane: Lane, after: bytes, count: int) -> list[Stored]:
        """Stream entries behind `after`, oldest first."""

        async def run(client: Any) -> list[Stored]:
            found = await client.xrange(_stream(lane), b"(" + after if after else b"-", b"+", count)
            return [Stored(key, int(fields[MESSAGES]), fields[DATA]) for key, fields in found]

        return await self._run(run)

    async def delete(self, keys: Sequence[tuple[Lane, bytes]]) -> None:
        """One command per lane."""

        async def run(client: Any) -> None:
            lanes: dict[Lane, list[bytes]] = {}
            for lane, key in keys:
                lanes.setdefault(lane, []).append(key)
            async with client.pipeline(transaction=False) as pipeline:
                for lane, found in lanes.items():
                    pipeline.xdel(_stream(lane), *found)
                await pipeline.execute()

        await self._run(run)

    async def ping(self) -> None:
        """The server answers."""

        async def run(client: Any) -> None:
            await client.ping()

        await self._run(run)

    async def close(self) -> None:
        """Hang up; end the server if it is ours."""
        await self._client.aclose()
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)

    async def _run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        try:
            await self._revive()
            return await work(self._client)
        except exceptions.OutOfMemoryError as error:
            raise QueueFull from error
        except UserError as error:  # another server took the files while ours was down
            raise StoreFailed(str(error)) from error
        except exceptions.ExecAbortError as error:
            if "OOM" in str(error):
                raise QueueFull from error
            raise StoreFailed(_cause(error)) from error
        except (exceptions.ValkeyError, OSError) as error:
            raise StoreFailed(_cause(error)) from error

    async def _revive(self) -> None:
        if self._server is None or self._server.running():
            return
        await self._client.aclose()
        await asyncio.to_thread(self._server.start)
        self._client = Valkey(unix_socket_path=self._server.socket)
        await _loaded(self._client, self._server.running)


async def own_queue(server: ValkeyServer, *, durable: bool) -> ValkeyQueue:
    """A queue over our own server, started here. Raises StoreFailed where it does not run."""
    await asyncio.to_thread(server.start)
    client = Valkey(unix_socket_path=server.socket)
    try:
        await _loaded(client, server.running)
    except StoreFailed:
        await client.aclose()
        server.stop()
        raise
    return ValkeyQueue(client, durable=durable, server=server)


async def remote_queue(url: str) -> ValkeyQueue:
    """A queue on a server that runs already. Durable only if it says appendonly and appendfsync=always."""
    client = Valkey.from_url(url)
    await _loaded(client, lambda: True)
    try:
        told = await client.config_get("append*")
    except exceptions.ValkeyError:
        told = {}
    durable = told.get("appendonly") == "yes" and told.get("appendfsync") == "always"
    return ValkeyQueue(client, durable=durable)


async def _loaded(client: Any, running: Callable[[], bool]) -> None:
    """Wait until the server has read its files. StoreFailed where it leaves or takes too long."""
    deadline = time.monotonic() + LOADING_S
    while True:
        try:
            await client.ping()
        except (exceptions.ValkeyError, OSError) as error:
            starting = isinstance(error, exceptions.BusyLoadingError | exceptions.ConnectionError | OSError)
            if not starting or not running() or time.monotonic() > deadline:
                raise StoreFailed(_cause(error)) from error
            await asyncio.sleep(0.01)
        else:
            return


def _cause(error: Exception) -> str:
    """An error's kind and the start of its text: the client's errors carry the whole command."""
    return f"{type(error).__name__}: {str(error)[:120]}"


def _stream(lane: Lane) -> str:
    return f"peakday:queue:{lane.priority}:{lane.channel}"
