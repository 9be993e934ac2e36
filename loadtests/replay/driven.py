"""A replaying process that peakday started: commands come down the lifeline, figures go up the pipe."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from loadtests.children import PROGRESS, Link, link
from loadtests.replay import footprint
from loadtests.replay.fleet import Fleet, Work
from loadtests.replay.orders import TARGET, Play, StopPlay, order, read_settings
from loadtests.replay.player import Kit, Listeners, Player, Surroundings, kit_of
from loadtests.replay.rows import Columns
from loadtests.replay.schedule import Schedule, read_schedule
from loadtests.targets import target

Count = Callable[[Schedule], Callable[[Columns], None]]


def parent_link() -> Link | None:
    """The pipes to peakday; None where somebody else started this process."""
    if PROGRESS in os.environ:
        # Figures that nobody reads must not stop the sends.
        os.set_blocking(int(os.environ[PROGRESS]), False)
    return link()


def leave_with(parent: Link) -> None:
    """Stay until the parent is gone, then end this process at once."""
    while not parent.lines.closed:
        parent.lines.read(3600.0)
    os._exit(0)


class Plays(Protocol):
    """Alone or a whole fleet: how one ordered replay is done."""

    def __call__(self, play: Play, schedule: Schedule, listeners: Listeners, parent: Link) -> float:
        """Seconds of the schedule that were played."""


def serve(parent: Link, plays: Plays, count: Count) -> None:
    """Obey until the lifeline closes."""
    parent.tell_surely("ready")
    while not parent.lines.closed:
        message = parent.lines.read(3600.0)
        if message is not None and isinstance(play := order(message), Play):
            schedule = read_schedule(Path(play.schedule), with_waits=False)
            listeners = Listeners(
                began=lambda at_s: parent.tell_surely("playing", started_at=at_s),
                figures=lambda figures: parent.tell("progress", **asdict(figures)),
                block=count(schedule),
            )
            duration_s = plays(play, schedule, listeners, parent)
            parent.tell_surely("played", name=play.name, duration_s=duration_s)


def await_workers(parent: Link, fleet: Fleet, expected: int, pause: Callable[[float], object]) -> None:
    """Return once all workers came, or the parent is gone."""
    while fleet.workers < expected and not parent.lines.closed:
        pause(0.05)
        parent.lines.read(0.0)


class Alone:
    """Plays in this process."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        folder = Path.cwd()
        self._kit: Kit = kit_of(target.load(folder / TARGET), read_settings(folder))
        if any(peer.for_lane() for peer in self._kit.peers):
            # While there is no schedule yet: compiled code takes most room while it is loaded.
            surroundings.kernel.compiled()
        footprint.shrink()

    def __call__(self, play: Play, schedule: Schedule, listeners: Listeners, parent: Link) -> float:
        """Play; a command that came together with the last one lies where no epoll sees it."""
        kit = self._kit.standing_in(play.stand_in)
        near = self._surroundings

        def obey() -> None:
            if asked_to_stop(parent):
                player.stop()

        surroundings = Surroundings(near.kernel, near.breathe, (parent.lines.fd, obey))
        player = Player(kit, schedule, play.first_id, surroundings, listeners)
        obey()
        return player.play(Path(play.records))


class Together:
    """Plays with a fleet's workers."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        folder = Path.cwd()
        self._settings = read_settings(folder)
        self._target = (folder / TARGET).read_text("utf-8")

    def __call__(self, play: Play, schedule: Schedule, listeners: Listeners, parent: Link) -> float:
        """Hand it out."""
        work = Work(
            schedule,
            self._target,
            self._settings.run,
            self._settings.bounds,
            play.first_id,
            Path(play.records),
            play.stand_in,
        )
        duration_s, complaints = self._fleet.play(work, listeners, lambda: asked_to_stop(parent))
        for complaint in complaints:
            parent.tell_surely("complaint", text=complaint)
        return duration_s


def asked_to_stop(parent: Link) -> bool:
    """Whether a stop lies in the lifeline, or the parent is gone."""
    stop = False
    while (message := parent.lines.read(0.0)) is not None:
        stop = stop or isinstance(order(message), StopPlay)
    return stop or parent.lines.closed
