"""The process behind the fronts, as a front sees it: it keeps messages, answers what is no send, counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from loadtests.sendapi.answer import Answer, Asked
from loadtests.sendapi.blocks import Once, QueueFull, StoreFailed, Write
from loadtests.sendapi.frames import Answered, Ask, Frame, Frames, Keep, Kept, Noted, Told

NOTES_WAIT_S = 0.05
IN_FLIGHT = 4


class Back:
    """Takes commits like a queue, hears of answers like a meter. `limited` says how many were turned away."""

    in_flight = IN_FLIGHT

    def __init__(self, gone: Callable[[], None], limited: Callable[[], int]) -> None:
        self.frames = Frames(self._hear, self._lost)
        self._gone = gone
        self._limited = limited
        self._limited_told = 0
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Kept | Told]] = {}
        self._notes: list[Answered] = []

    async def append(self, writes: Sequence[Write]) -> Sequence[bytes]:
        """On disk when it returns."""
        await self._keep(writes, None)
        return ()

    async def append_once(self, writes: Sequence[Write], once: Once) -> bytes | None:
        """The record that the name had already; None = on disk."""
        return await self._keep(writes, once)

    async def ask(self, asked: Asked) -> Answer:
        """The answer of a route that is no send. Raises StoreFailed where nobody is behind."""
        self._tell_notes()  # what is counted there includes what was answered here
        told = await self._expect(lambda number: Ask(number, asked))
        assert isinstance(told, Told)
        return told.answer

    def note(self, wire: str, status: int, took_s: float, messages: int) -> None:
        """One answer; told soon."""
        if not self._notes:
            asyncio.get_running_loop().call_later(NOTES_WAIT_S, self._tell_notes)
        self._notes.append(Answered(wire, status, took_s, messages))

    async def _keep(self, writes: Sequence[Write], once: Once | None) -> bytes | None:
        kept = await self._expect(lambda number: Keep(number, list(writes), once))
        assert isinstance(kept, Kept)
        if kept.full:
            raise QueueFull
        if kept.failed:
            raise StoreFailed(kept.failed)
        return kept.earlier

    async def _expect(self, frame: Callable[[int], Frame]) -> Kept | Told:
        if not self.frames.open:
            raise StoreFailed("the process behind has left")
        self._number += 1
        waiting = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        self.frames.say(frame(self._number))
        answer: Kept | Told = await waiting
        return answer

    def _tell_notes(self) -> None:
        limited = self._limited()
        if self._notes or limited > self._limited_told:
            self.frames.say(Noted(self._notes, limited - self._limited_told))
            self._notes, self._limited_told = [], limited

    def _hear(self, frame: Frame) -> None:
        assert isinstance(frame, Kept | Told)
        waiting = self._waiting.pop(frame.number)
        if not waiting.done():
            waiting.set_result(frame)

    def _lost(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(StoreFailed("the process behind has left"))
        self._gone()
