"""A worker of a fleet: carries the parts of a replay that its master hands out, and tells what came of them.

Knows nothing of Locust: messages come and go as bytes, whoever runs it lets others run.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from loadtests.replay.agenda import CHUNK, Agenda, Send
from loadtests.replay.fates import Fault
from loadtests.replay.messages import Begin, Block, Ended, Message, Part, Ping, Pong
from loadtests.replay.orders import Settings
from loadtests.replay.player import LEAD_S, Kit, Surroundings, kit_of, spare_garbage
from loadtests.replay.reactor import Reactor
from loadtests.replay.rows import RawRows
from loadtests.replay.schedule import Schedule, constant
from loadtests.replay.ways import Way
from loadtests.targets import safety
from loadtests.targets.target import Target
from sim import histogram

PINGS = 7
PONG_S_MAX = 0.5
NO_SENDS = np.empty((0, 5), dtype=np.int64)
MASTER_SILENT_S_MAX = 5.0
"""A master that handed out no more and says nothing for so long is gone; it speaks once a second."""


def service_counts(rows: RawRows) -> npt.NDArray[np.float64]:
    """Histogram of service times of complete answers: integers subtracted, so equal wherever it is made."""
    answered = rows[rows[:, 7] == Fault.NONE]
    return histogram.count((answered[:, 4] - answered[:, 3]) / 1e9)


class Handed(Agenda):
    """An agenda that grows by the parts handed to it, until the last one. carries: by stream."""

    def __init__(self, schedule: Schedule, kit: Kit, carries: npt.NDArray[np.bool_]) -> None:
        super().__init__(schedule, kit.target, kit.renderer, kit.reader, 0)
        self._carries = carries
        self._parts: deque[npt.NDArray[np.int64]] = deque()
        self._start_ns = 0
        self._last_came = False

    @property
    def over(self) -> bool:
        """Whether the last part came and is taken."""
        return self._last_came and not self._parts

    def begin(self, start_ns: int) -> None:
        """Time 0 on this process's clock; before the first part."""
        self._start_ns = start_ns

    def add(self, part: Part) -> None:
        """Take its own of a part, which is due after those that came before."""
        columns = [
            np.frombuffer(data, dtype=np.int64)
            for data in (part.due_ns, part.request, part.first_id, part.messages, part.stream)
        ]
        columns[0] = columns[0] + self._start_ns
        sends = np.column_stack(columns)
        sends = sends[self._carries[sends[:, 4]]]
        self._parts.extend(sends[at : at + CHUNK] for at in range(0, len(sends), CHUNK))
        self._last_came = self._last_came or part.over

    def blocks(self, start_ns: int) -> Iterator[npt.NDArray[np.int64]]:  # noqa: ARG002 - `begin` was told it
        """What was handed over so far, an empty block where nothing more is known yet."""
        while not self.over:
            yield self._parts.popleft() if self._parts else NO_SENDS

    def due_within(self, first_s: float) -> int:
        """How many of those handed over so far are due in the first seconds."""
        until_ns = self._start_ns + int(first_s * 1e9)
        return sum(int(np.searchsorted(part[:, 0], until_ns)) for part in self._parts)

    def unsent(
        self,
        upcoming: Sequence[Send],
        now_ns: int,
        start_ns: int,  # noqa: ARG002 - the sends know when they are due
    ) -> Sequence[int]:
        """Requests due by now that were never submitted."""
        left = [*upcoming, *(send for part in self._parts for send in part.tolist())]
        return [send[1] for send in left if send[0] <= now_ns]


class Member:
    """One replay's part in this process. `take` gives it the master's messages while `run` runs."""

    def __init__(
        self,
        begin: Begin,
        surroundings: Surroundings,
        send: Callable[[Message], None],
        pause: Callable[[float], object],
    ) -> None:
        self._begin = begin
        self._surroundings = surroundings
        self._send = send
        self._pause = pause
        self._agendas: list[Handed] = []
        self._reactor: Reactor | None = None
        self._early: list[Part] = []
        self._pong: Pong | None = None
        self._start_ns = 0
        self._heard_ns = time.monotonic_ns()
        self._told = 0
        self._counts = np.zeros(histogram.BINS)
        self._ended = False

    @property
    def play(self) -> int:
        """Which replay of its master's this is."""
        return self._begin.play

    def run(self) -> None:
        """Set the clock, carry what is handed out, say what came of it. Whatever goes wrong is told."""
        error = ""
        try:
            self._carry()
        except Exception as problem:  # noqa: BLE001 - the master must hear of it, whatever it is
            error = f"{type(problem).__name__}: {problem}"
        self._send(Ended(self._begin.play, self._told, self._counts.tobytes(), error))

    def take(self, message: Message) -> None:
        """A message of the master."""
        self._heard_ns = time.monotonic_ns()
        match message:
            case Pong():
                self._pong = message
            case Part() if not self._agendas:
                self._early.append(message)
            case Part():
                self._add(message)

    def stop(self) -> None:
        """End now, also before it began."""
        self._ended = True
        if self._reactor is not None:
            self._reactor.stop()

    def _carry(self) -> None:
        kit = self._kit()
        # Before the master counts on this one: it takes seconds on a busy machine.
        self._surroundings.kernel.compiled()
        spare_garbage()
        self._start_ns = self._begin.start_ns - self._clock_ahead_ns()
        schedule = _head(self._begin)
        destinations = kit.destinations(schedule)
        used = np.unique(destinations).tolist()
        agendas = [Handed(schedule, kit, destinations == one) for one in used]
        self._reactor = Reactor(
            [Way(kit.peers[one], agenda) for one, agenda in zip(used, agendas, strict=True)],
            self._tell,
            bounds=kit.bounds,
            kernel=self._surroundings.kernel,
            breathe=self._surroundings.breathe,
        )
        for agenda in agendas:
            agenda.begin(self._start_ns)
        self._agendas = agendas
        for part in self._early:
            self._add(part)
        if self._ended:
            self._reactor.stop()
        self._reactor.open_ahead(self._start_ns - int(LEAD_S * 1e9))
        self._reactor.run(self._start_ns)

    def _add(self, part: Part) -> None:
        for agenda in self._agendas:
            agenda.add(part)

    def _kit(self) -> Kit:
        """The target's addresses are checked here too: a master's word moves no load off this machine."""
        begin = self._begin
        target = Target.model_validate_json(begin.target)
        addresses = () if begin.stand_in else safety.check_each(target)
        kit = kit_of(target, Settings(addresses, begin.run, begin.bounds))
        return kit.standing_in(begin.stand_in)

    def _clock_ahead_ns(self) -> int:
        """How far the master's clock is ahead of ours, by the quickest of some questions (Cristian 1989)."""
        best: tuple[int, int] | None = None
        for _ in range(PINGS):
            self._pong = None
            sent_ns = time.monotonic_ns()
            self._send(Ping(self._begin.play, sent_ns))
            while self._pong is None and time.monotonic_ns() < sent_ns + PONG_S_MAX * 1e9:
                self._pause(0.001)
            if self._pong is not None and self._pong.sent_ns == sent_ns:
                now_ns = time.monotonic_ns()
                trip = (now_ns - sent_ns, self._pong.here_ns - (sent_ns + now_ns) // 2)
                best = min(best, trip) if best else trip
        if best is None:
            raise TimeoutError("the master does not answer")
        return best[1]

    def _tell(self, rows: RawRows) -> None:
        reactor = self._reactor
        assert reactor is not None
        times = rows[:, 2:5]
        times[times != 0] += self._begin.start_ns - self._start_ns
        self._told += len(rows)
        self._counts += service_counts(rows)
        self._send(Block(self._begin.play, rows.tobytes(), reactor.in_flight, reactor.waiting))
        silent_s = (time.monotonic_ns() - self._heard_ns) / 1e9
        if silent_s > MASTER_SILENT_S_MAX and not all(agenda.over for agenda in self._agendas):
            reactor.stop()


def _head(begin: Begin) -> Schedule:
    """A schedule without requests: the names and the length. Workers do not wait alike before they retry."""
    return replace(
        constant(1.0, 0.5),
        streams=begin.streams,
        channels=begin.channels,
        campaigns=begin.campaigns,
        priorities=begin.priorities,
        duration_s=begin.duration_s,
        seed=secrets.randbits(32),
    )
