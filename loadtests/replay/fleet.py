"""The master's side of a fleet, one replay after the other: records, figures and statistics are made here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtests.replay.bounds import Bounds
from loadtests.replay.conductor import Conductor
from loadtests.replay.journal import Journal
from loadtests.replay.messages import Begin, Message
from loadtests.replay.orders import StandIn
from loadtests.replay.player import Listeners
from loadtests.replay.records import Writer
from loadtests.replay.schedule import Schedule

LEAD_S = 1.0
"""From the command to time 0: workers set their clocks and get their first parts."""
TICK_S = 0.1
FIGURES_EVERY = 2


@dataclass(frozen=True)
class Work:
    """What a fleet replays. target: as JSON. stand_in: on each worker's machine."""

    schedule: Schedule
    target: str
    run: str
    bounds: Bounds
    first_id: int
    records: Path
    stand_in: StandIn | None = None


class Fleet:
    """Workers by the names that Locust gives them. `send` reaches one of them, `pause` lets others run."""

    def __init__(self, send: Callable[[str, Message], None], pause: Callable[[float], object]) -> None:
        self._send = send
        self._pause = pause
        self._workers: list[str] = []
        self._conductor: Conductor | None = None
        self._plays = 0

    @property
    def workers(self) -> int:
        """How many ever came."""
        return len(self._workers)

    def joined(self, worker: str) -> None:
        """A worker came; in the middle of a replay it takes part in what is left."""
        if worker not in self._workers:
            self._workers.append(worker)
            if self._conductor is not None:
                self._conductor.join(worker, time.monotonic_ns())

    def heard(self, worker: str, message: Message) -> None:
        """A worker's message."""
        if self._conductor is not None:
            self._conductor.heard(worker, message, time.monotonic_ns())

    def play(self, work: Work, listeners: Listeners, stopped: Callable[[], bool]) -> tuple[float, list[str]]:
        """Replay until it is over or `stopped` says so. Seconds played; every complaint in words.

        Records that are not what the workers did stay without the mark that makes them complete.
        """
        self._plays += 1
        begin = _begin(work, self._plays)
        writer = Writer(work.records)
        journal = Journal(work.schedule, begin.start_ns, writer, listeners.block)
        conductor = Conductor(begin, work.schedule, work.first_id, journal, self._send)
        for worker in self._workers:
            conductor.join(worker, time.monotonic_ns())
        self._conductor = conductor
        listeners.began(time.time() + (begin.start_ns - time.monotonic_ns()) / 1e9)
        try:
            self._follow(conductor, listeners, stopped)
            duration_s = conductor.finish(time.monotonic_ns())
        finally:
            self._conductor = None
            self._workers = [name for name in self._workers if name not in conductor.lost()]
        listeners.figures(conductor.figures(time.monotonic_ns()))
        if conductor.agrees:
            writer.close(duration_s)
        return duration_s, conductor.complaints()

    def _follow(self, conductor: Conductor, listeners: Listeners, stopped: Callable[[], bool]) -> None:
        ticks = 0
        while not conductor.tick(time.monotonic_ns()):
            self._pause(TICK_S)
            ticks += 1
            if stopped():
                conductor.stop(time.monotonic_ns())
            if ticks % FIGURES_EVERY == 0:
                listeners.figures(conductor.figures(time.monotonic_ns()))


def _begin(work: Work, play: int) -> Begin:
    schedule = work.schedule
    return Begin(
        play,
        time.monotonic_ns() + int(LEAD_S * 1e9),
        schedule.duration_s,
        schedule.streams,
        schedule.channels,
        schedule.campaigns,
        schedule.priorities,
        work.run,
        work.target,
        work.bounds,
        work.stand_in,
    )
