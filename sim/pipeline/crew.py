"""The workers of the message resolution: each one event, used again for every service."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import simpy
from simpy.events import NORMAL

from scenarios.scenario import Scenario
from sim.diary import Diary
from sim.handover import Follows
from sim.pipeline.happenings import Callbacks, Happening
from sim.pipeline.queues import Message, PriorityQueue
from sim.pipeline.workers import service_times
from sim.traffic import Traffic

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Ask = Sequence[Callable[[Message, float], None]]
"""By stream, what follows a service: the provider is asked for a message, now."""


class Crew:
    """A fixed number of workers that take one message each from `queue` and then `ask` for it.

    Other crews ask the traffic for the season's bins.
    """

    def __init__(
        self,
        env: simpy.Environment,
        scenario: Scenario,
        _traffic: Traffic,
        queue: PriorityQueue,
        diary: Diary,
        ask: Ask,
        random: np.random.Generator,
    ) -> None:
        workers = scenario.pipeline.workers
        self._env, self._queue, self._diary, self._ask = env, queue, diary, ask
        self._schedule, self._attempted = env.schedule, diary.attempts.add
        self._service = service_times(workers, random).__next__
        self._on_end: Callbacks = [self._end]
        self._workers = [Happening(env, []) for _ in range(workers.count)]
        self._idle = self._workers[::-1]

    def attach(self, follows: Follows, away: list[int], seed: int) -> None:
        """For those who must know what is away from the queue, or draw more than services."""

    def arrive(self, message: Message, now_s: float) -> None:
        """A newcomer goes to an idle worker, into the queue, or is rejected."""
        if self._idle:
            self._start(self._idle.pop(), message, now_s, now_s - self._env.now)
        elif not self._queue.offer(message, now_s):
            self._diary.rejected.add(message.stream, now_s, 0.0)

    def arrive_aged(self, message: Message, now_s: float) -> None:
        """As `arrive`, of a message that may be too old when it comes."""
        if self._idle and self._queue.is_stale(message, now_s):
            self._diary.expired.add(message.stream, now_s, 0.0)
        else:
            self.arrive(message, now_s)

    def wake(self, now_s: float) -> None:
        """A message came into the queue by another way than `arrive`: an idle worker takes it."""
        if self._idle:
            ahead = self._queue.take(now_s)
            if ahead is not None:
                self._start(self._idle.pop(), ahead, now_s, now_s - self._env.now)

    def _start(self, worker: Happening, message: Message, now_s: float, since_s: float) -> None:
        """Begin at `now_s`, which may lie `since_s` after the environment's clock."""
        worker.message, worker.callbacks, worker.started_s = message, self._on_end, now_s
        self._schedule(worker, NORMAL, since_s + self._service())

    def _end(self, worker: Happening) -> None:
        """The service is over: ask the provider, then take the next message."""
        now_s, message = self._env.now, worker.message
        self._attempted(message.stream, now_s, worker.started_s)
        self._ask[message.stream](message, now_s)
        ahead = self._queue.take(now_s)
        if ahead is None:
            self._idle.append(worker)
        else:
            self._start(worker, ahead, now_s, 0.0)

    def in_service(self) -> tuple[Indices, Floats]:
        """Streams of the messages that are with a worker, and when each was started."""
        idle = set(map(id, self._idle))
        busy = [worker for worker in self._workers if id(worker) not in idle]
        streams = np.array([worker.message.stream for worker in busy], dtype=np.int64)
        return streams, np.array([worker.started_s for worker in busy], dtype=np.float64)

    def busy_share(self, busy_s: Floats, _first_bin: int, bin_s: float) -> Floats:
        """float64 (n,): share of the workers' time that is used, from the seconds (n,) that they served."""
        return busy_s / (len(self._workers) * bin_s)
