"""A front process of `--processes N`: HTTP, keys, checks; what is to be kept goes to the process behind.

`python -m loadtests.sendapi.front KNOBS_FILE LISTENING_FD LINK_FD`, started by loadtests.sendapi.fronts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from loadtests.children import Link, link
from loadtests.sendapi import concealing, serving
from loadtests.sendapi.accesslog import FileLog
from loadtests.sendapi.answer import Answer, Asked
from loadtests.sendapi.app import App
from loadtests.sendapi.asgi import Receive
from loadtests.sendapi.back import Back
from loadtests.sendapi.blocks import StoreFailed, Write
from loadtests.sendapi.commits import Committer
from loadtests.sendapi.door import Door
from loadtests.sendapi.intake import Intake
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.protocol import SendProtocol
from loadtests.sendapi.surface import Surface

DRAIN = "drain"
"""The command to take no more sends and to leave once those under way are answered."""


class FrontSurface(Surface):
    """Answers sends itself; all else is asked behind, where everything is counted."""

    def __init__(self, knobs: Knobs, log: FileLog | None, back: Back) -> None:
        super().__init__(knobs.key, log, back)
        self._back = back

    def serve(self, app: App) -> None:
        """Take sends."""
        self._app = app
        self.life.serve()

    async def _own(self, asked: Asked, receive: Receive) -> Answer:  # noqa: ARG002 - as Surface calls it
        try:
            return await self._back.ask(asked)
        except StoreFailed as error:
            return Answer(503, [(b"content-length", b"0"), (b"x-because", str(error).encode())])


async def run(knobs: Knobs, listening: socket.socket, pair: socket.socket, parent: Link) -> None:
    """From the socket that all fronts share to the last answer."""
    log = FileLog(knobs.access_log) if knobs.access_log else None
    async with serving.stoppable() as stop:
        back = Back(stop.hurry, lambda: app.limited)
        await asyncio.get_running_loop().create_connection(lambda: back.frames, sock=pair)
        commits = Committer(back, _counted_behind, _recounted_behind)
        app = App(knobs.key, Door(knobs), Intake(commits))
        surface = FrontSurface(knobs, log, back)
        surface.serve(app)
        committing = asyncio.create_task(commits.run(), name="committer")
        _obey(parent, stop)
        async with serving.served(listening, surface, SendProtocol) as server:
            serving.collect_seldom()
            parent.tell("ready")
            await serving.first(stop.asked.wait(), asyncio.shield(server))
            await serving.first(surface.life.drain(knobs.drain_s), stop.overdue())
        commits.close()
        await serving.first(committing, stop.overdue())
    if log is not None:
        log.close()


def _counted_behind(writes: list[Write], keys: Sequence[bytes]) -> None:
    """The process behind counts."""


async def _recounted_behind() -> None:
    """The process behind counts."""


def _obey(parent: Link, stop: serving.Stop) -> None:
    """Drain when told to, hurry when the parent is gone."""
    loop = asyncio.get_running_loop()

    def told(command: dict[str, Any]) -> None:
        if command.get("kind") == DRAIN:
            loop.call_soon_threadsafe(stop.ask)

    def gone() -> None:
        with suppress(RuntimeError):  # the loop has ended already: nothing left to stop
            loop.call_soon_threadsafe(stop.hurry)

    parent.watch(told, gone)


def main(knobs: Path, listening_fd: int, link_fd: int) -> int:
    """The process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    parent = link()
    if parent is None:
        sys.stderr.write("a front is started by the process behind it, not by hand\n")
        return 2
    listening, pair = socket.socket(fileno=listening_fd), socket.socket(fileno=link_fd)
    serving.run(run(concealing.read(knobs, os.environ), listening, pair, parent))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
