"""Whoever hears of messages and records them, on a socket on loopback until it is told to leave."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

from loadtests.children import Link
from loadtests.sendapi import serving
from loadtests.sendapi.asgi import Receive, Scope, Send
from loadtests.standin.records import Recorder
from scenarios.problems import user_error

READY_S = 20.0
STOP_S = 2.0
FLUSH_S = 0.05
"""What is not written yet when it is killed: so much of its record is lost at most."""
RECORDS = "arrivals.arrows"

Application = Callable[[Scope, Receive, Send], object]


def listening(who: str, host: str, port: int) -> socket.socket:
    """A socket that listens. Raises UserError for a port that is taken."""
    try:
        return serving.listening(host, port)
    except OSError as error:
        message = f"the {who} cannot listen there ({error.strerror}); is another one running?"
        raise user_error(message, key="port", found=str(port), allowed="a free port") from error


async def recording(
    app: Application,
    recorder: Recorder,
    sock: socket.socket,
    parent: Link | None,
    ready: Callable[[], None],
) -> None:
    """Serve `app` and write what it records, until SIGINT, SIGTERM or the parent's end."""
    async with serving.stoppable() as stop:
        if parent is not None:
            serving.leave_with(parent, stop)
        writing = asyncio.create_task(_flush(recorder))
        try:
            async with serving.served(sock, app) as failing:
                ready()
                await serving.first(stop.asked.wait(), asyncio.shield(failing))
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
            recorder.close()


async def _flush(recorder: Recorder) -> None:
    while True:
        await asyncio.sleep(FLUSH_S)
        recorder.flush()
