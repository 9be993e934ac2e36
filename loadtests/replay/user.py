"""Locust's User that replays schedules: one endless task that runs the reactor.

Imported by nobody: `launch` writes a one-line locustfile beside which Locust starts. Commands come down the
lifeline, figures go up the progress pipe, Locust's own statistics are filled block by block.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import gevent
from gevent.monkey import get_original
from locust import User, task
from locust.exception import StopUser
from locust.stats import StatsEntry, StatsError

from loadtests.children import PROGRESS, Link, link
from loadtests.replay.agenda import Agenda
from loadtests.replay.connection import Connection, Peer
from loadtests.replay.journal import Journal
from loadtests.replay.kernel import Kernel, affordable_connections, go_first, wake_on_time
from loadtests.replay.orders import TARGET, Play, StopPlay, order, read_settings
from loadtests.replay.reactor import Reactor
from loadtests.replay.records import Writer
from loadtests.replay.rows import Columns, RawRows
from loadtests.replay.schedule import Schedule, read_schedule
from loadtests.replay.tally import Tally, tallies
from loadtests.replay.tls import Secure
from loadtests.targets import credentials, target, trust
from loadtests.targets.rendering import Renderer
from loadtests.targets.replies import Reader

LEAD_S = 0.02
"""From the command to time 0, so that the first sends are not late."""

GARBAGE_OBJECTS = 50_000
"""New objects between two looks for garbage in cycles: a replay makes none, and each look stops the sends."""

LEAVE_S = 0.7
METHOD = "POST"


class ReplayUser(User):  # type: ignore[misc] # locust is untyped here
    """Plays what it is told to, one schedule after another, until the lifeline closes."""

    @task  # type: ignore[untyped-decorator] # locust is untyped here
    def replay(self) -> None:
        """Endless. Whatever goes wrong ends the whole run: Locust would start a failed task again."""
        parent = _parent()
        try:
            Player(self.environment, parent).serve()
        except Exception as error:
            logging.exception("the replay failed")
            parent.tell("failed", error="".join(traceback.format_exception_only(error)).strip())
            self.environment.process_exit_code = 2
        # Should Locust's own way out take longer, the alarm's default action ends the process.
        signal.setitimer(signal.ITIMER_REAL, LEAVE_S)
        gevent.spawn(self.environment.runner.quit)
        raise StopUser


def _parent() -> Link:
    if PROGRESS in os.environ:
        # Progress that nobody reads must not stop the sends.
        os.set_blocking(int(os.environ[PROGRESS]), False)
    parent = link()
    if parent is None:
        raise RuntimeError("this locustfile is started by peakday; see `peakday replay --help`")
    return parent


class Player:
    """One process's plays, all against one target."""

    def __init__(self, environment: Any, parent: Link) -> None:
        self._stats = environment.stats
        self._parent = parent
        folder = Path.cwd()
        self._settings = read_settings(folder)
        bounds = self._settings.bounds
        self._bounds = replace(bounds, connections=affordable_connections(bounds.connections))
        self._target = target.load(folder / TARGET)
        at = self._settings
        makes = Secure(trust.context(self._target.ca_file), at.host) if at.tls else Connection
        self._peer = Peer(at.family, at.ip, at.port, makes)
        secrets = credentials.environment(self._target, os.environ)
        self._renderer = Renderer(self._target, secrets, self._settings.run)
        self._reader = Reader(self._target)
        self._kernel = Kernel(
            get_original("socket", "socket"),
            get_original("select", "epoll"),
            get_original("select", "select"),
        )
        wake_on_time()
        go_first()

    def serve(self) -> None:
        """Obey until the lifeline closes."""
        self._parent.tell("ready")
        lines = self._parent.lines
        while not lines.closed:
            message = lines.read(3600.0)
            if message is not None and isinstance(play := order(message), Play):
                self._play(play)

    def _play(self, play: Play) -> None:
        schedule = read_schedule(Path(play.schedule))
        agenda = Agenda(schedule, self._target, self._renderer, self._reader, play.first_id)
        writer = Writer(Path(play.records))
        # What lives now lives on: the collector need not look at it again in the middle of a replay.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)
        start_ns = time.monotonic_ns() + int(LEAD_S * 1e9)
        journal = Journal(schedule, start_ns, writer, self._fill(schedule))
        duration_s = self._run(agenda, journal, start_ns)
        writer.close(duration_s)
        self._parent.tell("played", name=play.name, duration_s=duration_s)

    def _run(self, agenda: Agenda, journal: Journal, start_ns: int) -> float:
        self._parent.tell("playing", started_at=time.time() + (start_ns - time.monotonic_ns()) / 1e9)

        def take(rows: RawRows) -> None:
            now_ns = time.monotonic_ns()
            journal.take(rows, now_ns)
            at_s = (now_ns - start_ns) / 1e9
            self._parent.tell(
                "progress", **asdict(journal.live.figures(at_s, reactor.in_flight, reactor.waiting))
            )

        reactor = Reactor(
            self._peer,
            agenda,
            take,
            bounds=self._bounds,
            kernel=self._kernel,
            breathe=lambda: gevent.sleep(0),
            control=(self._parent.lines.fd, lambda: self._obey(reactor)),
        )
        # A command that came together with the last one lies in the buffer, where no epoll sees it.
        self._obey(reactor)
        return reactor.run(start_ns)

    def _obey(self, reactor: Reactor) -> None:
        while (message := self._parent.lines.read(0.0)) is not None:
            if isinstance(order(message), StopPlay):
                reactor.stop()
        if self._parent.lines.closed:
            reactor.stop()

    def _fill(self, schedule: Schedule) -> Any:
        """A listener that adds blocks of attempts to Locust's statistics."""

        def listener(columns: Columns) -> None:
            for tally in tallies(columns):
                self._add(schedule.streams[tally.stream], tally)

        return listener

    def _add(self, name: str, tally: Tally) -> None:
        entry = _entry(self._stats, name, tally)
        self._stats.entries[(name, METHOD)].extend(entry)
        self._stats.total.extend(entry)
        for words, times in tally.failures.items():
            key = StatsError.create_key(METHOD, name, words)
            error = self._stats.errors.setdefault(key, StatsError(METHOD, name, words))
            error.occurrences += times


def _entry(stats: Any, name: str, tally: Tally) -> Any:
    now_s = time.time()
    entry = StatsEntry(stats, name, METHOD)
    entry.num_requests = tally.requests
    entry.num_none_requests = tally.without_time
    entry.num_failures = failures = sum(tally.failures.values())
    entry.total_response_time = tally.total_ms
    entry.min_response_time, entry.max_response_time = tally.min_ms, tally.max_ms
    entry.response_times = tally.response_times
    entry.num_reqs_per_sec = {int(now_s): tally.requests}
    entry.num_fail_per_sec = {int(now_s): failures} if failures else {}
    entry.last_request_timestamp = now_s
    return entry
