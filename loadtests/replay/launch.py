"""The engine: Locust processes that replay many schedules against one target, gathered into records."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from loadtests.children import Child, ChildFailed
from loadtests.replay.bounds import Bounds
from loadtests.replay.given import Given, path_beside, read_given
from loadtests.replay.live import Figures
from loadtests.replay.locusts import Locusts
from loadtests.replay.orders import TARGET, Order, Play, Settings, StandIn, StopPlay, write_settings
from loadtests.replay.pace import why_not_at_target
from loadtests.replay.records import SendRecords, read_records
from loadtests.replay.schedule import Schedule, write_schedule
from loadtests.targets import credentials, safety
from loadtests.targets.addresses import is_tls
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import Target, dump
from sim.progress import SILENT, Interrupted, Watcher

POLL_S = 0.2
SILENT_S_MAX = 10.0
"""A child that plays and has said nothing for so long hangs; it speaks five times a second."""
BEGIN_S_MAX = 60.0
"""Before it plays it reads its schedule and its code, which takes a while on a busy machine."""


@dataclass(frozen=True)
class Played:
    """One finished or interrupted replay. started_at: time 0 of its records, seconds since 1970. complaints:
    what a fleet's master has against its workers, in words. run: the name that its messages' ids begin with,
    first_id: the number of its first message; given: what the target called them, where that was kept."""

    name: str
    schedule: Schedule
    records: SendRecords
    started_at: float
    complaints: tuple[str, ...] = ()
    run: str = ""
    first_id: int = 0
    given: Given | None = None


@dataclass(frozen=True)
class Began:
    """A replay that begins: its time 0 in seconds since 1970, `run` and `first_id` as of Played."""

    schedule: Schedule
    started_at: float
    run: str
    first_id: int


class Engine:
    """Replays schedules against `target`, as a context manager. Each leaves NAME.schedule.parquet and
    NAME.arrows in `folder`; the child works in `folder`/engine and its log stays there.

    Raises UserError (exit 4) for a target that must not be loaded, ChildFailed when the child dies or hangs.
    workers: Locust processes that share every replay; more than one have a master, on loopback.
    `last` is the latest replay, also after an interruption or a death: what was recorded until then.
    `on_began` hears of each replay against the target as it begins.
    """

    def __init__(
        self,
        target: Target,
        folder: Path,
        watcher: Watcher = SILENT,
        bounds: Bounds | None = None,
        workers: int = 1,
    ) -> None:
        self.last: Played | None = None
        self.on_began: Callable[[Began], None] = lambda _: None
        self._target = target
        self._folder = folder.resolve()
        self._watcher = watcher
        self._bounds = bounds or Bounds()
        self._workers = workers
        self._locusts: Locusts | None = None
        self._next_id = 0
        # New for every engine: a run that is resumed, or replayed again, counts its messages from 0 again.
        self._run = secrets.token_hex(4)
        self._names: set[str] = set()

    def __enter__(self) -> Engine:
        folder = self._folder / "engine"
        folder.mkdir(parents=True, exist_ok=True)
        self._prepare(folder)
        self._locusts = Locusts(folder, credentials.environment(self._target, os.environ), self._workers)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._locusts is not None:
            self._locusts.stop()

    @property
    def pid(self) -> int:
        """Of the Locust process that takes orders."""
        return self._running_child().process.pid

    @property
    def worker_pids(self) -> list[int]:
        """Of a fleet's workers; none where one process does it all."""
        return [child.process.pid for child in self._locusts.workers] if self._locusts else []

    def play(self, schedule: Schedule, name: str) -> SendRecords:
        """Replay it. Raises Interrupted when the watcher asked to stop; the records are then in `last`.

        Raises UserError, before anything is sent, when the target has no request that could carry a stream.
        """
        if name in self._names:
            raise ValueError(f"a replay called {name!r} was played already")
        self._check(schedule)
        return self._play(schedule, name)

    @property
    def over_tls(self) -> bool:
        """Whether anything goes to the target over TLS."""
        return any(map(is_tls, self._target.destinations))

    def play_at(self, stand_in: StandIn, schedule: Schedule, name: str) -> SendRecords:
        """Replay against a server on this machine in the place of the target; `last` is then the replay
        before it, and `name` may be used again. Raises as `play` does."""
        before = self.last
        try:
            return self._play(schedule, name, stand_in)
        finally:
            self.last = before
            self._names.discard(name)

    def _play(self, schedule: Schedule, name: str, stand_in: StandIn | None = None) -> SendRecords:
        self._names.add(name)
        play = Play(
            name,
            str(self._path(name, "schedule.parquet")),
            str(self._path(name, "arrows")),
            self._next_id,
            stand_in,
        )
        self._next_id += int(schedule.messages.sum())
        write_schedule(schedule, Path(play.schedule))
        for left in (Path(play.records), path_beside(Path(play.records))):
            left.unlink(missing_ok=True)
        self._send(play)
        watcher = Hushed(self._watcher) if stand_in else self._watcher
        conversation = _Conversation(self._running_child(), schedule, name, watcher)
        if stand_in is None:
            conversation.began = lambda at: self.on_began(Began(schedule, at, self._run, play.first_id))
        try:
            conversation.follow()
        finally:
            if Path(play.records).exists():
                self.last = Played(
                    name,
                    schedule,
                    read_records([Path(play.records)]),
                    conversation.started_at,
                    tuple(conversation.complaints),
                    self._run,
                    play.first_id,
                    read_given(Path(play.records)) if self._target.is_named_by_reply else None,
                )
        if conversation.interrupted:
            raise Interrupted
        assert self.last is not None
        return self.last.records

    def _prepare(self, folder: Path) -> None:
        write_settings(Settings(safety.check_each(self._target), self._run, self._bounds), folder)
        dump(self._target, folder / TARGET)

    def _check(self, schedule: Schedule) -> None:
        """Render the largest request of every stream."""
        renderer = Renderer(self._target, credentials.environment(self._target, os.environ))
        for index, kind in enumerate(schedule.kinds()):
            if most := int(schedule.messages[schedule.stream == index].max(initial=0)):
                renderer.render(0, most, *kind)

    def _path(self, name: str, ending: str) -> Path:
        return self._folder / f"{name}.{ending}"

    def _send(self, order: Order) -> None:
        self._running_child().send(msgspec.to_builtins(order))

    def _running_child(self) -> Child:
        if self._locusts is None:
            raise RuntimeError("the engine is not running; use it in a with statement")
        return self._locusts.main


class Hushed:
    """A watcher that hears nothing and may still ask to stop."""

    def __init__(self, watcher: Watcher) -> None:
        self.stopped = watcher.stopped

    tell = SILENT.tell


class _Conversation:
    """What the child says while it plays, told on to the watcher, until it has played."""

    def __init__(self, child: Child, schedule: Schedule, name: str, watcher: Watcher) -> None:
        self.started_at = 0.0
        self.interrupted = False
        self.complaints: list[str] = []
        self.began: Callable[[float], None] = lambda _: None
        self._child = child
        self._schedule = schedule
        self._name = name
        self._watcher = watcher

    def follow(self) -> None:
        """Return once it has played. Raises ChildFailed when it dies, hangs or says that it failed."""
        heard_s = time.monotonic()
        while True:
            message = self._child.read(POLL_S)
            now_s = time.monotonic()
            if message is not None:
                heard_s = now_s
                if self._heard(message):
                    return
            elif now_s - heard_s > (limit_s := SILENT_S_MAX if self.started_at else BEGIN_S_MAX):
                raise ChildFailed("locust", f"silent for {limit_s:g} s", self._child.log_tail())
            self._stop_when_asked()

    def _heard(self, message: dict[str, Any]) -> bool:
        match message["kind"]:
            case "playing":
                self.started_at = float(message["started_at"])
                self.began(self.started_at)
            case "complaint":
                self.complaints.append(str(message["text"]))
            case "progress":
                self._tell(message)
            case "failed":
                raise ChildFailed("locust", str(message["error"]), self._child.log_tail())
        return bool(message["kind"] == "played")

    def _stop_when_asked(self) -> None:
        if not self.interrupted and self._watcher.stopped():
            self.interrupted = True
            self._child.send(msgspec.to_builtins(StopPlay()))

    def _tell(self, figures: dict[str, Any]) -> None:
        ms = {"lateness_ms_p99": "lateness_s_p99", "p50_ms": "latency_s_p50", "p99_ms": "latency_s_p99"}
        shown = {key: float(figures[key]) for key in ("target_per_s", "actual_per_s", "in_flight", "errors")}
        shown |= {key: float(figures[source]) * 1e3 for key, source in ms.items()}
        shown |= {key: float(figures[key]) for key in ("accepted", "limited", "dropped", "waiting")}
        kinds = figures["errors_by_kind"]
        shown |= {f"{words} (errors)": float(times) for words, times in kinds.items()}
        at_s = min(max(0.0, float(figures["at_s"])), self._schedule.duration_s)
        why = why_not_at_target(msgspec.convert(figures, Figures, strict=False))
        text = f"{self._name}: {why}" if why else self._name
        self._watcher.tell("replay", at_s, self._schedule.duration_s, text, shown)
