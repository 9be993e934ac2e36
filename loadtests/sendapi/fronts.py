"""Several front processes on one port before one queue and dispatcher: started, served, replaced, drained."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.children import Child, ChildFailed, python_module
from loadtests.sendapi import concealing
from loadtests.sendapi.asgi import no_body
from loadtests.sendapi.blocks import QueueFull, StoreFailed
from loadtests.sendapi.frames import Ask, Frame, Frames, Keep, Kept, Noted, Told
from loadtests.sendapi.health import Source
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.surface import Surface

READY_S = 20.0
WATCH_S = 0.1
DRAIN_COMMAND = {"kind": "drain"}

log = logging.getLogger("peakday.sendapi")


@dataclass
class Fronts:
    """The front processes of one API. `secrets`: what each is given in its environment; `leaving`: who dies
    is not replaced."""

    knobs: Knobs
    listening: socket.socket
    surface: Surface
    source: Source
    secrets: dict[str, str]
    children: dict[int, Child] = field(default_factory=dict)
    leaving: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """All of them, ready. Raises ChildFailed."""
        await asyncio.gather(*(self._start(number) for number in range(self.knobs.processes)))

    async def watch(self) -> None:
        """Replace each that dies."""
        while not self.leaving:
            for number, child in list(self.children.items()):
                if not child.running():
                    log.warning("front process %d has died and is started anew", number)
                    child.stop()
                    try:
                        await self._start(number)
                    except ChildFailed as error:
                        log.warning("%s", error)
            await asyncio.sleep(WATCH_S)

    async def drain(self) -> None:
        """Told to take no more sends; returns when all have left, at the latest drain_s later."""
        self.leaving = True
        for child in self.children.values():
            child.send(DRAIN_COMMAND)
        while any(child.running() for child in self.children.values()):
            await asyncio.sleep(WATCH_S / 4)

    async def stop(self) -> None:
        """Whoever is still there leaves now."""
        for child in self.children.values():
            await asyncio.to_thread(child.stop)

    async def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        folder = Path(self.knobs.data)
        argv = python_module(
            "loadtests.sendapi.front",
            str(folder / "fronts.json"),
            str(self.listening.fileno()),
            str(theirs.fileno()),
        )
        with theirs:
            inherit = (self.listening.fileno(), theirs.fileno())
            self.children[number] = child = Child(
                f"front {number}", argv, log=folder / f"front-{number}.log", env=self.secrets, inherit=inherit
            )
        frames = Frames(lambda frame: self._hear(frames, frame), lambda: None)
        await asyncio.get_running_loop().create_connection(lambda: frames, sock=ours)
        await asyncio.to_thread(child.expect, "ready", READY_S)

    def _hear(self, frames: Frames, frame: Frame) -> None:
        if isinstance(frame, Noted):
            self.source.app.limited += frame.limited
            for one in frame.answered:
                self.surface.note(one.wire, one.status, one.took_s, one.messages)
            return
        task = asyncio.create_task(self._answer(frames, frame))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, frames: Frames, frame: Frame) -> None:
        if isinstance(frame, Keep):
            frames.say(await self._keep(frame))
        elif isinstance(frame, Ask):
            frames.say(Told(frame.number, await self.surface.own.answer(frame.asked, no_body)))

    async def _keep(self, keep: Keep) -> Kept:
        try:
            return Kept(keep.number, await self.source.store.put_blocks(keep.writes, keep.once))
        except QueueFull:
            return Kept(keep.number, full=True)
        except StoreFailed as error:
            return Kept(keep.number, failed=str(error) or "unknown")


@asynccontextmanager
async def in_front(
    knobs: Knobs, listening: socket.socket, surface: Surface, source: Source
) -> AsyncIterator[Fronts]:
    """The fronts, ready and watched over."""
    Path(knobs.data).mkdir(parents=True, exist_ok=True)
    secrets = concealing.write(knobs, Path(knobs.data) / "fronts.json")
    fronts = Fronts(knobs, listening, surface, source, secrets)
    try:
        await fronts.start()
        watching = asyncio.create_task(fronts.watch(), name="fronts")
        try:
            yield fronts
        finally:
            watching.cancel()
    finally:
        await fronts.stop()
