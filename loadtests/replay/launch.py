"""Locust as one child process that replays many schedules against one target, gathered into records."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from loadtests.children import Child, ChildFailed
from loadtests.replay.exchange import Bounds
from loadtests.replay.orders import TARGET, Order, Play, Settings, StopPlay, write_settings
from loadtests.replay.records import SendRecords, read_records
from loadtests.replay.schedule import Schedule, write_schedule
from loadtests.targets import credentials, safety
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import Target, dump
from sim.progress import SILENT, Interrupted, Watcher

START_S_MAX = 30.0
POLL_S = 0.2
SILENT_S_MAX = 10.0
"""A child that plays and has said nothing for so long hangs; it speaks five times a second."""

LOCUSTFILE = "from loadtests.replay.user import ReplayUser\n"
OPTIONS = ("--headless", "--users", "1", "--spawn-rate", "1", "--only-summary", "--loglevel", "INFO")


@dataclass(frozen=True)
class Played:
    """One finished or interrupted replay. started_at: time 0 of its records, seconds since 1970."""

    name: str
    schedule: Schedule
    records: SendRecords
    started_at: float


class Engine:
    """Replays schedules against `target`, as a context manager. Each leaves NAME.schedule.parquet and
    NAME.arrows in `folder`; the child works in `folder`/engine and its log stays there.

    Raises UserError (exit 4) for a target that must not be loaded, ChildFailed when the child dies or hangs.
    `last` is the latest replay, also after an interruption or a death: what was recorded until then.
    """

    def __init__(
        self, target: Target, folder: Path, watcher: Watcher = SILENT, bounds: Bounds | None = None
    ) -> None:
        self.last: Played | None = None
        self._target = target
        self._folder = folder.resolve()
        self._watcher = watcher
        self._bounds = bounds or Bounds()
        self._child: Child | None = None
        self._next_id = 0
        self._names: set[str] = set()

    def __enter__(self) -> Engine:
        folder = self._folder / "engine"
        folder.mkdir(parents=True, exist_ok=True)
        self._prepare(folder)
        secrets = credentials.environment(self._target, os.environ)
        argv = [sys.executable, "-m", "locust", "--locustfile", "locustfile.py", *OPTIONS]
        # Its own HOME and folder: no ~/.locust.conf, locust.conf or pyproject.toml of the user's counts here.
        environment = secrets | {"HOME": str(folder)}
        self._child = Child("locust", argv, log=folder / "locust.log", env=environment, cwd=folder)
        try:
            self._child.expect("ready", START_S_MAX)
        except BaseException:
            self._child.stop()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._child is not None:
            self._child.stop()

    @property
    def pid(self) -> int:
        """Of the Locust process."""
        return self._running_child().process.pid

    def play(self, schedule: Schedule, name: str) -> SendRecords:
        """Replay it. Raises Interrupted when the watcher asked to stop; the records are then in `last`.

        Raises UserError, before anything is sent, when the target has no request that could carry a stream.
        """
        if name in self._names:
            raise ValueError(f"a replay called {name!r} was played already")
        self._check(schedule)
        self._names.add(name)
        play = Play(
            name, str(self._path(name, "schedule.parquet")), str(self._path(name, "arrows")), self._next_id
        )
        self._next_id += int(schedule.messages.sum())
        write_schedule(schedule, Path(play.schedule))
        Path(play.records).unlink(missing_ok=True)
        self._send(play)
        conversation = _Conversation(self._running_child(), schedule, name, self._watcher)
        try:
            conversation.follow()
        finally:
            if Path(play.records).exists():
                self.last = Played(
                    name, schedule, read_records([Path(play.records)]), conversation.started_at
                )
        if conversation.interrupted:
            raise Interrupted
        assert self.last is not None
        return self.last.records

    def _prepare(self, folder: Path) -> None:
        address = safety.check(self._target)
        run = hashlib.blake2b(str(self._folder).encode(), digest_size=4).hexdigest()
        at = (address.family, address.ip, address.port, address.host, address.tls)
        write_settings(Settings(*at, run, self._bounds), folder)
        dump(self._target, folder / TARGET)
        (folder / "locustfile.py").write_text(LOCUSTFILE, "utf-8")

    def _check(self, schedule: Schedule) -> None:
        """Render the largest request of every stream."""
        renderer = Renderer(self._target, credentials.environment(self._target, os.environ))
        for index, kind in enumerate(schedule.kinds()):
            if most := int(schedule.messages[schedule.stream == index].max(initial=0)):
                renderer.render(0, most, *kind)
                safety.refuse_elsewhere(self._target, *kind)

    def _path(self, name: str, ending: str) -> Path:
        return self._folder / f"{name}.{ending}"

    def _send(self, order: Order) -> None:
        self._running_child().send(msgspec.to_builtins(order))

    def _running_child(self) -> Child:
        if self._child is None:
            raise RuntimeError("the engine is not running; use it in a with statement")
        return self._child


class _Conversation:
    """What the child says while it plays, told on to the watcher, until it has played."""

    def __init__(self, child: Child, schedule: Schedule, name: str, watcher: Watcher) -> None:
        self.started_at = 0.0
        self.interrupted = False
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
            elif now_s - heard_s > SILENT_S_MAX:
                raise ChildFailed("locust", f"silent for {SILENT_S_MAX:g} s", self._child.log_tail())
            self._stop_when_asked()

    def _heard(self, message: dict[str, Any]) -> bool:
        match message["kind"]:
            case "playing":
                self.started_at = float(message["started_at"])
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
        at_s = min(float(figures["at_s"]), self._schedule.duration_s)
        self._watcher.tell("replay", at_s, self._schedule.duration_s, self._name, shown)
