"""Puts an ASGI application on a socket with uvicorn; says when to leave, and how quickly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Coroutine
from typing import Any, Literal

from loadtests.children import Link

IN_FLIGHT_S = 0.6
"""Requests that are being answered when the stop comes have this long."""
BACKLOG = 2048
KEEP_ALIVE_S = 600
COLLECTED = (50_000, 20, 50)
"""Objects made until a young generation is collected, and how often that brings the next ones."""


def listening(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 = a free one. OSError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.set_inheritable(False)
    return sock


@contextlib.asynccontextmanager
async def served(
    sock: socket.socket, app: object, protocol: type[asyncio.Protocol] | Literal["httptools"] = "httptools"
) -> AsyncIterator[asyncio.Task[None]]:
    """`app` on `sock` while the context is open; then what is in flight is finished, IN_FLIGHT_S at most.

    `protocol`: uvicorn's own or one made of it. Gives the serving task: it ends by itself only where the
    server fails.
    """
    import uvicorn  # takes 0.1 s, which the null server spares

    config = uvicorn.Config(
        app,
        http=protocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=IN_FLIGHT_S,
        ws="none",
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # ours are set by `stoppable`
    serving = asyncio.create_task(server.serve(sockets=[sock]), name="server")
    try:
        yield serving
    finally:
        server.should_exit = True
        await serving


class Stop:
    """That the API is to leave: in good order; within IN_FLIGHT_S where asked twice or its parent is gone."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()

    def ask(self) -> None:
        """SIGINT or SIGTERM."""
        if self.asked.is_set():
            self.at_once.set()
        self.asked.set()

    def hurry(self) -> None:
        """Nobody is left who would wait."""
        self.at_once.set()
        self.asked.set()

    async def overdue(self) -> None:
        """Returns when what is under way has had its IN_FLIGHT_S since the hurry."""
        await self.at_once.wait()
        await asyncio.sleep(IN_FLIGHT_S)


@contextlib.asynccontextmanager
async def stoppable() -> AsyncIterator[Stop]:
    """What SIGINT and SIGTERM ask for."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM)
    for number in caught:
        loop.add_signal_handler(number, stop.ask)
    try:
        yield stop
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


async def first(*awaitables: Awaitable[object], within_s: float | None = None) -> None:
    """Until one of them is done; the others are not left running."""
    tasks = [asyncio.ensure_future(one) for one in awaitables]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=within_s)
    for task in tasks:
        task.cancel()


def leave_with(parent: Link, stop: Stop) -> None:
    """Hurry when the parent's lifeline closes."""
    loop = asyncio.get_running_loop()

    def gone() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already: nothing left to stop
            loop.call_soon_threadsafe(stop.hurry)

    parent.watch(lambda _: None, gone)


def collect_seldom() -> None:
    """Keep the garbage collector from what lives as long as the process and from what a request makes.

    The latter is freed by reference counts; a collection every few hundred objects cost a third of a batch.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTED)


def run(main: Coroutine[Any, Any, None]) -> None:
    """asyncio.run on uvloop where there is one."""
    try:
        import uvloop  # not on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
