"""Workers that take several messages at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from scenarios.pipeline import Workers
from scenarios.scenario import Scenario
from sim.pipeline.crew import Crew, Floats, Indices
from sim.pipeline.happenings import Happening
from sim.pipeline.levels import Level
from sim.pipeline.queues import Message


class Staff(Crew):
    """A crew whose workers take up to a batch of messages: those that are there, without a wait for more."""

    def __init__(self, env: Any, workers: Workers, *parts: Any) -> None:
        super().__init__(env, workers, *parts)
        self._batch = workers.batch
        self._batches: dict[int, list[Message]] = {}
        self._serving = Level()

    def _start(self, worker: Happening, message: Message, now_s: float) -> None:
        messages = [message]
        while len(messages) < self._batch and (ahead := self._queue.take(now_s)) is not None:
            messages.append(ahead)
        self._batches[id(worker)] = messages
        self._serving.step(now_s, 1.0)
        super()._start(worker, message, now_s)

    def _end(self, worker: Happening) -> None:
        now_s = self._env.now
        self._serving.step(now_s, -1.0)
        for message in self._batches.pop(id(worker)):
            self._diary.attempts.add(message.stream, now_s, worker.started_s)
            self._ask(message, now_s)
        ahead = self._queue.take(now_s)
        if ahead is None:
            self._idle.append(worker)
        else:
            self._start(worker, ahead, now_s)

    def in_service(self) -> tuple[Indices, Floats]:
        """Streams of the messages that are with a worker, and when each was started."""
        held = [
            (message.stream, worker.started_s)
            for worker in self._workers
            for message in self._batches.get(id(worker), ())
        ]
        streams, started_s = zip(*held, strict=True) if held else ((), ())
        return np.array(streams, dtype=np.int64), np.array(started_s, dtype=np.float64)

    def busy_share(self, busy_s: Floats, _first_bin: int, bin_s: float) -> Floats:
        """float64 (n,): share of the workers' time that is used."""
        return self._serving.integral(_first_bin, len(busy_s), bin_s) / (len(self._workers) * bin_s)


def crew_for(scenario: Scenario) -> type[Crew]:
    """The simplest crew that does what the scenario asks of its workers."""
    return Staff if scenario.pipeline.workers.batch > 1 else Crew
