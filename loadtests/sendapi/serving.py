"""Puts an ASGI application on a socket with uvicorn and stops it in good order within a second."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from loadtests.children import Link

IN_FLIGHT_S = 0.6
"""Requests that are being answered when the stop comes have this long."""
BACKLOG = 2048
KEEP_ALIVE_S = 600


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


async def serve_on(sock: socket.socket, app: object, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Serve until `stop` is set, then finish what is in flight, bounded."""
    import uvicorn  # takes 0.1 s, which the null server spares

    config = uvicorn.Config(
        app,
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
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    stopping = asyncio.create_task(stop.wait())
    ready()
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


@contextlib.asynccontextmanager
async def stoppable() -> AsyncIterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM)
    for number in caught:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


def leave_with(parent: Link, stop: asyncio.Event) -> None:
    """Set `stop` when the parent's lifeline closes."""
    loop = asyncio.get_running_loop()

    def gone() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already: nothing left to stop
            loop.call_soon_threadsafe(stop.set)

    parent.watch(lambda _: None, gone)


def run(main: Coroutine[Any, Any, None]) -> None:
    """asyncio.run on uvloop where there is one."""
    try:
        import uvloop  # not on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
