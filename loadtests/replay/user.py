"""Locust's side: Users that replay schedules - driven by peakday, by hand, as master or worker of a fleet.

To be subclassed in a locustfile of one's own; the replay of a process is one task, however many users it has.
"""

from __future__ import annotations

import logging
import os
import signal
import time
import traceback
from typing import Any, ClassVar

import gevent
from gevent.monkey import get_original
from locust import LoadTestShape, User, events, task
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC, StatsEntry, StatsError, print_stats

from loadtests.children import Link
from loadtests.replay import byhand, driven
from loadtests.replay.compiling import compiled, loaded
from loadtests.replay.counting import Counting
from loadtests.replay.fleet import Fleet
from loadtests.replay.kernel import Kernel, go_first, wake_on_time
from loadtests.replay.member import Member
from loadtests.replay.messages import TYPE, Begin, End, Message, pack, unpack
from loadtests.replay.player import Listeners, Player, Surroundings, kit_of
from loadtests.replay.schedule import Schedule
from scenarios.problems import UserError

LEAVE_S = 0.7
SETTLE_S = 3.0
"""Whoever quits by hand waits so long for what was replayed to be accounted for: a dead worker takes 2 s."""
EXIT_NOT_VALID = 3


class ReplayUser(User):  # type: ignore[misc] # locust is untyped here
    """Subclass it in a locustfile; `target` and `schedule` come from the command line unless overridden.

    The test ends with the replay unless `ends_the_test` is False (other users go on).
    """

    abstract = True
    target: ClassVar[str] = ""
    ends_the_test: ClassVar[bool] = True

    @classmethod
    def schedule(cls, options: Any) -> Schedule:
        """What is replayed; `options` are Locust's and ours (byhand.add_arguments). Raises UserError."""
        return byhand.schedule_of(options)

    @task  # type: ignore[untyped-decorator] # locust is untyped here
    def replay(self) -> None:
        """Plays once, as the first of its process; waits where others play."""
        station = _station(self.environment)
        if station.takes():
            station.play(type(self))
        while True:
            gevent.sleep(3600.0)


class ReplayShape(LoadTestShape):  # type: ignore[misc] # locust is untyped here
    """Keeps `users` users while the replay lasts and ends the test after it. Subclass it, override `tick`."""

    abstract = True
    users: ClassVar[int] = 1

    def tick(self) -> tuple[int, float] | None:
        """Users and how fast they come; None ends the test. The rate of sends is the schedule's alone."""
        return None if _station(self.runner.environment).over else (self.users, float(self.users))


class Station:
    """What one Locust process does for the replay: alone, as a worker, or as the master of a fleet."""

    def __init__(self, environment: Any, parent: Link | None) -> None:
        self.over = False
        self._environment = environment
        self._parent = parent
        self._taken = False
        self._stopped = False
        self._at_work = 0
        self._player: Player | None = None
        self._member: Member | None = None
        self._fleet = Fleet(self._send, gevent.sleep)
        self._counting = Counting(environment, StatsEntry, StatsError)

    def takes(self) -> bool:
        """True for the first user of a process that replays by itself."""
        first = not self._taken and not isinstance(self._environment.runner, WorkerRunner)
        self._taken = True
        return first

    def start(self) -> None:
        """Take up the process's part: Locust has made its runner."""
        runner = self._environment.runner
        if self._parent is None:
            self._hear_interrupts()
        if isinstance(runner, WorkerRunner):
            # Each worker would print its own document before its master's.
            self._environment.parsed_options.json = False
            runner.register_message(TYPE, self._ordered)
            self._leave_with_whoever_started_us()
        elif isinstance(runner, MasterRunner):
            runner.register_message(TYPE, lambda msg, **_: self._fleet.heard(msg.node_id, unpack(msg.data)))
            self._environment.events.worker_connect.add_listener(
                lambda client_id, **_: gevent.spawn(self._fleet.joined, client_id)
            )
            if self._parent is not None:
                gevent.spawn(self._serve_fleet, self._parent)

    def test_started(self) -> None:
        """A test began, by hand: a master replays now, others when their user comes."""
        self.over = self._stopped = self._taken = False
        if self._parent is None and isinstance(self._environment.runner, MasterRunner):
            gevent.spawn(self.play, _replaying(self._environment))

    def test_stopping(self) -> None:
        """A test is stopped, by hand: so is the replay."""
        self._stopped = True
        if self._player is not None:
            self._player.stop()

    def quitting(self) -> None:
        """Locust leaves, by hand: what is replayed ends, and is accounted for before statistics are shown."""
        self.test_stopping()
        if self._member is not None:
            self._member.stop()
        end_s = time.monotonic() + SETTLE_S
        while self._parent is None and self._at_work and time.monotonic() < end_s:
            gevent.sleep(0.01)

    def play(self, user: type[ReplayUser]) -> None:
        """The whole part of a process that is no worker. Whatever goes wrong ends the test: Locust would
        start a failed task again."""
        self._at_work += 1
        try:
            if self._parent is not None:
                driven.serve(self._parent, driven.Alone(self._surroundings()), self._counting.of)
            else:
                self._play_by_hand(user)
        except UserError as error:
            self._fail("\n".join(map(str, error.problems)), error.exit_code)
        except Exception as error:
            logging.exception("the replay failed")
            self._fail("".join(traceback.format_exception_only(error)).strip(), 2)
        finally:
            self._at_work -= 1
        self.over = True
        if self._parent is not None:
            self._leave()
            raise StopUser
        if user.ends_the_test and not self._stopped:
            gevent.spawn(byhand.end_test, self._environment, gevent.sleep)

    def _play_by_hand(self, user: type[ReplayUser]) -> None:
        options = self._environment.parsed_options
        asked = byhand.asked(user.schedule(options), user.target or options.target, options)
        listeners = Listeners(block=self._counting.of(asked.schedule))
        complaints: list[str] = []
        if isinstance(self._environment.runner, MasterRunner):
            _, complaints = self._fleet.play(asked.work(), listeners, lambda: self._stopped)
        else:
            kit = kit_of(asked.target, asked.settings)
            self._player = Player(kit, asked.schedule, 0, self._surroundings(), listeners)
            self._player.play(asked.records)
        logging.info("peakday: %s", asked.told())
        if options.csv_prefix:
            # Locust writes its tables once a second and not at the end.
            gevent.sleep(1.1 * CSV_STATS_INTERVAL_SEC)
        for complaint in complaints:
            logging.error("peakday: not valid: %s", complaint)
            self._environment.process_exit_code = EXIT_NOT_VALID

    def _serve_fleet(self, parent: Link) -> None:
        options = self._environment.parsed_options
        parent.tell_surely("bound", port=self._environment.runner.server.port)
        try:
            driven.await_workers(parent, self._fleet, options.expect_workers, gevent.sleep)
            driven.serve(parent, driven.Together(self._fleet), self._counting.of)
        except Exception as error:
            logging.exception("the replay failed")
            parent.tell_surely("failed", error=str(error))
        print_stats(self._environment.stats, current=False)
        logging.shutdown()
        os._exit(0)

    def _surroundings(self) -> Surroundings:
        wake_on_time()
        go_first()
        # A worker that is silent while it loads compiled code is lost to its master.
        return Surroundings(_kernel(not isinstance(self._environment.runner, WorkerRunner)), self._breathe)

    def _breathe(self) -> None:
        try:
            gevent.sleep(0)
        except gevent.GreenletExit:
            # Locust stops its users so; what is due by now is accounted for first.
            self.test_stopping()

    def _send(self, worker: str, message: Message) -> None:
        self._environment.runner.send_message(TYPE, pack(message), worker)

    def _ordered(self, environment: Any, msg: Any) -> None:
        """A worker hears its master."""
        message = unpack(msg.data)
        if isinstance(message, Begin):
            if self._member is not None:
                self._member.stop()
            send = lambda told: environment.runner.send_message(TYPE, pack(told))  # noqa: E731 - a name for it
            self._member = Member(message, self._surroundings(), send, gevent.sleep)
            gevent.spawn(self._carry, self._member)
        elif self._member is not None and message.play == self._member.play:
            if isinstance(message, End):
                self._member.stop()
            else:
                self._member.take(message)

    def _carry(self, member: Member) -> None:
        self._at_work += 1
        member.run()
        self._at_work -= 1

    def _hear_interrupts(self) -> None:
        """Ctrl-C goes to Locust's main greenlet, wherever it comes, also where a script has it ignored.

        Workers that Locust forked get it together with their master, who tells them to end.
        """
        if isinstance(self._environment.runner, WorkerRunner) and self._environment.parsed_options.processes:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        else:
            gevent.signal_handler(signal.SIGINT, self._interrupted, gevent.getcurrent())

    def _interrupted(self, main: Any) -> None:
        self.test_stopping()
        main.throw(KeyboardInterrupt)

    def _leave_with_whoever_started_us(self) -> None:
        """A worker's master has what it did: it need not stay."""
        if self._parent is not None:
            gevent.spawn(driven.leave_with, self._parent)
        elif self._environment.parsed_options.processes:
            gevent.spawn(byhand.leave_with_master, os.getppid(), gevent.sleep)

    def _fail(self, words: str, code: int) -> None:
        logging.error("peakday: %s", words)
        self._environment.process_exit_code = code
        if self._parent is not None:
            self._parent.tell_surely("failed", error=words)

    def _leave(self) -> None:
        # Should Locust's own way out take longer, the alarm's default action ends the process.
        signal.setitimer(signal.ITIMER_REAL, LEAVE_S)
        gevent.spawn(self._environment.runner.quit)


def _kernel(waits: bool) -> Kernel:
    make, (epoll, select) = get_original("socket", "socket"), get_original("select", ["epoll", "select"])
    return Kernel(make, epoll, select, compiled if waits else loaded)


def _station(environment: Any) -> Station:
    station: Station = environment.peakday
    return station


def _replaying(environment: Any) -> type[ReplayUser]:
    """The user class that replays; several would replay one after the other's schedule."""
    classes: list[type[Any]] = environment.user_classes
    return next(user for user in classes if issubclass(user, ReplayUser))


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator] # locust is untyped here
def _on_parser(parser: Any) -> None:
    byhand.add_arguments(parser)
    # Before anybody waits for this process, and before Locust forks.
    compiled()


@events.init.add_listener  # type: ignore[untyped-decorator] # locust is untyped here
def _on_init(environment: Any, **_: Any) -> None:
    environment.peakday = Station(environment, driven.parent_link())
    environment.events.test_start.add_listener(lambda **_: environment.peakday.test_started())
    environment.events.test_stopping.add_listener(lambda **_: environment.peakday.test_stopping())
    environment.events.quitting.add_listener(lambda **_: environment.peakday.quitting())
    environment.peakday.start()
