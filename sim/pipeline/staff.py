"""Workers whose number changes, who may find the queue closed, who take several messages at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import simpy
from simpy.events import URGENT

from scenarios.scenario import Scenario
from sim.handover import Follows
from sim.pipeline.crew import Crew, Floats, Indices
from sim.pipeline.happenings import Callbacks, Happening
from sim.pipeline.levels import Level
from sim.pipeline.queues import Message
from sim.pipeline.staffing import Staffing
from sim.pipeline.workers import mean_s
from sim.seeds import stream
from sim.traffic import Traffic


class Staff(Crew):
    """A crew as `sim.pipeline.staffing` has it. Workers take what is there, up to a batch, and wait for no
    more; who is one too many leaves when the message in hand is done.

    `attach` it before the season begins.
    """

    def __init__(self, env: simpy.Environment, scenario: Scenario, traffic: Traffic, *parts: Any) -> None:
        super().__init__(env, scenario, traffic, *parts)
        self._batch, self._bin_s = scenario.pipeline.workers.batch, traffic.bin_s
        self._in_hand: dict[Happening, list[Message]] = {}
        self._too_many, self._is_open = 0, True
        self._serving, self._there = Level(), Level(len(self._workers))
        self._used_s = np.zeros(2)
        self._service_s, self._beginning = mean_s(scenario.pipeline.workers), dict[Happening, None]()
        self._on_begin: Callbacks = [self._begin]
        self._staffing = Staffing(scenario, traffic.counts.shape[1], traffic.bin_s)
        self._on_change: Callbacks = [self._change]
        if self._staffing.changes:
            self._env.schedule(Happening(env, self._on_change), URGENT, 0.0)

    def attach(self, follows: Follows, away: list[int], seed: int) -> None:
        """As any crew's; those who begin draw when."""
        super().attach(follows, away, seed)
        self._begins = stream(seed, "beginnings")

    def arrive(self, message: Message, now_s: float) -> None:
        """As any crew's, if the queue can be reached."""
        if self._is_open:
            super().arrive(message, now_s)
        else:
            self._diary.rejected.add(message.stream, now_s, 0.0)

    def arrive_aged(self, message: Message, now_s: float) -> None:
        """As any crew's, if the queue can be reached."""
        if self._is_open:
            super().arrive_aged(message, now_s)
        else:
            self.arrive(message, now_s)

    def wake(self, now_s: float) -> None:
        """Idle workers take what there is, if the queue can be reached."""
        while self._is_open and self._idle:
            ahead = self._queue.take(now_s)
            if ahead is None:
                return
            self._start(self._idle.pop(), ahead, now_s, now_s - self._env.now)

    def _change(self, event: Happening) -> None:
        """A bin begins at which something may change."""
        now_s, bin_ = self._env.now, round(self._env.now / self._bin_s)
        used_s, there_s = self._serving.total(now_s), self._up_total_s(now_s)
        used, there = np.array([used_s, there_s]) - self._used_s
        self._staffing.advance(bin_, len(self._queue), used / there if there else 0.0)
        if self._staffing.looks(bin_):
            self._used_s = np.array([used_s, there_s])
        if self._staffing.is_open and not self._is_open:
            found, self._idle = self._idle, []
            self._begin_soon(found)
        self._is_open = self._staffing.is_open
        self._queue.set_room(self._staffing.room_share)
        self._resize(self._staffing.available, now_s)
        self.wake(now_s)
        ahead_s = self._staffing.next_change(bin_) * self._bin_s - now_s
        event.callbacks = self._on_change
        self._env.schedule(event, URGENT, ahead_s)

    def _resize(self, wanted: int, now_s: float) -> None:
        more = wanted - round(self._there.now)
        self._there.step(now_s, float(more))
        stay = min(self._too_many, max(0, more))
        self._too_many -= stay
        self._begin_soon([Happening(self._env, []) for _ in range(more - stay)])
        leave = min(len(self._idle), max(0, -more))
        del self._idle[len(self._idle) - leave :]
        self._too_many += max(0, -more) - leave

    def _begin_soon(self, workers: list[Happening]) -> None:
        """Workers come to the queue within a service time, evenly at random: no two at the same moment, or
        equal services would keep them in step for as long as they are busy."""
        self._beginning.update(dict.fromkeys(workers))
        for worker, ahead in zip(workers, self._begins.random(len(workers)).tolist(), strict=True):
            worker.callbacks = self._on_begin
            self._env.schedule(worker, URGENT, ahead * self._service_s)

    def _begin(self, worker: Happening) -> None:
        if worker in self._beginning:
            del self._beginning[worker]
            self._free(worker)

    def _start(self, worker: Happening, message: Message, now_s: float, since_s: float) -> None:
        self._in_hand[worker] = self._batch_from(message, now_s)
        self._serving.step(now_s, 1.0)
        super()._start(worker, message, now_s, since_s)

    def _batch_from(self, message: Message, now_s: float) -> list[Message]:
        messages = [message]
        while len(messages) < self._batch and (ahead := self._queue.take(now_s)) is not None:
            messages.append(ahead)
        return messages

    def _end(self, worker: Happening) -> None:
        now_s = self._env.now
        self._serving.step(now_s, -1.0)
        for message in self._in_hand.pop(worker):
            self._attempted(message.stream, now_s, worker.started_s)
            self._ask[message.stream](message, now_s)
        self._free(worker)

    def _free(self, worker: Happening) -> None:
        """A worker has nothing in hand: it leaves if it is one too many, or takes what there is."""
        if self._too_many:
            self._too_many -= 1
        else:
            self._idle.append(worker)
            self.wake(self._env.now)

    def in_service(self) -> tuple[Indices, Floats]:
        """Streams of the messages that are with a worker, and when each was started."""
        held = [(m.stream, worker.started_s) for worker, ms in self._in_hand.items() for m in ms]
        streams, started_s = zip(*held, strict=True) if held else ((), ())
        return np.array(streams, dtype=np.int64), np.array(started_s, dtype=np.float64)

    def busy_share(self, busy_s: Floats, first_bin: int, bin_s: float) -> Floats:
        """float64 (n,): share of the time of the workers there that is used."""
        n = len(busy_s)
        there_s = self._up_s(first_bin, n, bin_s)
        used_s = self._serving.integral(first_bin, n, bin_s)
        return np.asarray(used_s / np.maximum(np.maximum(there_s, used_s), 1e-12))

    def _up_s(self, first_bin: int, n: int, bin_s: float) -> Floats:
        """float64 (n,): worker-seconds of those who are there, by bin."""
        return self._there.integral(first_bin, n, bin_s)

    def _up_total_s(self, now_s: float) -> float:
        """The same since the season's start."""
        return self._there.total(now_s)
