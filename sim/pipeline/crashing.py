"""Workers of the message resolution that crash, before a queue that shows a message again after a while.

sim.pipeline.redelivery has the law. Whoever is taken by a worker for the first time, or again, is one Message
all its life: it is in the queue, away from it, or with one worker in time. A worker that is late asks for a
message that is elsewhere by then. If it is first the message is an echo from then on (sim.echoes).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np
import simpy
from simpy.events import NORMAL

from scenarios.scenario import Scenario
from sim.handover import Follows
from sim.pipeline.crew import Floats
from sim.pipeline.happenings import Callbacks, Happening
from sim.pipeline.levels import Level
from sim.pipeline.queues import DECIDED, Message
from sim.pipeline.redelivery import away_s, crash_rate
from sim.pipeline.staff import Staff
from sim.seeds import one_by_one, stream
from sim.traffic import Traffic

LATE = 1 << 30
"""So many attempts has a worker that is late: it asks once, and if nobody takes the message it is others'."""


class _Shown(Happening):
    """The moment at which what a worker took is visible again."""

    worker: Happening
    messages: list[Message]


class CrashingStaff(Staff):
    """A staff whose workers crash while they serve; lost workers lose what they have in hand.

    `attach` it before the season begins.
    """

    def __init__(self, env: simpy.Environment, scenario: Scenario, traffic: Traffic, *parts: Any) -> None:
        super().__init__(env, scenario, traffic, *parts)
        timeout_s = scenario.pipeline.queue.visibility_timeout
        self._timeout_s = math.inf if timeout_s is None else timeout_s
        self._rate, self._gone_s = crash_rate(scenario.pipeline.workers), away_s(scenario.pipeline.workers)
        self._late: dict[Happening, list[Message]] = {}
        self._since_s: dict[Message, float] = {}
        self._absent: set[Message] = set()
        self._restarting: list[Happening] = []
        self._lost = 0
        self._down = Level()
        self._on_crash: Callbacks = [self._crash]
        self._on_shown: Callbacks = [self._show]
        self._on_restart: Callbacks = [self._restart]
        self._on_return: Callbacks = [self._return]
        self._on_again: Callbacks = [self._again]

    def attach(self, follows: Follows, away: list[int], seed: int) -> None:
        """Hear of all that leaves the queue for a while: `away` counts it by row, those of echoes behind the
        others."""
        super().attach(follows, away, seed)
        self._random, self._away, self._own = stream(seed, "crashes"), away, len(away) // 2
        self._crash_s = _exponential(self._rate, self._random).__next__
        self._set_back, self._come_back = follows.set_back, follows.come_back[0]
        follows.set_back, follows.come_back = self._leave, self._on_return

    def _leave(self, message: Message) -> None:
        self._absent.add(message)
        self._set_back(message)

    def _return(self, event: Happening) -> None:
        self._absent.discard(event.message)
        self._come_back(event)

    def _again(self, event: Happening) -> None:
        """A time-out has passed: the message is visible again."""
        self._diary.redelivered.add(event.message.stream, self._env.now, 0.0)
        self._return(event)

    def _start(self, worker: Happening, message: Message, now_s: float, since_s: float) -> None:
        messages = self._in_hand[worker] = self._batch_from(message, now_s)
        self._since_s.update(dict.fromkeys(messages, now_s))
        self._serving.step(now_s, 1.0)
        kept_s, crash_s = self._service(), self._crash_s()
        worker.message, worker.started_s = message, now_s
        worker.callbacks = self._on_crash if crash_s < kept_s else self._on_end
        ends_s = min(crash_s, kept_s)
        self._schedule(worker, NORMAL, since_s + ends_s)
        if ends_s > self._timeout_s:
            shown = _Shown(self._env, self._on_shown)
            shown.worker, shown.messages = worker, messages
            self._schedule(shown, NORMAL, since_s + self._timeout_s)

    def _show(self, event: _Shown) -> None:
        """The time-out passed while the worker serves: others find what it has in hand."""
        if self._in_hand.get(event.worker) is event.messages:
            self._late[event.worker] = self._in_hand.pop(event.worker)
            for message in event.messages:
                self._drop(message, event.worker.started_s)

    def _drop(self, message: Message, started_s: float) -> None:
        """The message is nobody's any more; it comes again when its time-out has passed."""
        now_s = self._env.now
        self._given_up(message, started_s)
        self._diary.turned_away.add(message.stream, now_s, 0.0)
        self._leave(message)
        back = Happening(self._env, self._on_again)
        back.message = message
        self._schedule(back, NORMAL, max(0.0, started_s + self._timeout_s - now_s))

    def _given_up(self, message: Message, started_s: float) -> None:
        """A service ended without asking for the message."""
        now_s = self._env.now
        del self._since_s[message]
        self._diary.attempts.add(message.stream, now_s, started_s)
        self._diary.withheld.add(message.stream, now_s, 0.0)

    def _end(self, worker: Happening) -> None:
        """As any staff's; a late worker asks for what others see."""
        if worker in self._late or worker in self._in_hand:
            self._serving.step(self._env.now, -1.0)
            for message in self._late.pop(worker, ()):
                self._ask_late(message)
            for message in self._in_hand.pop(worker, ()):
                self._ask_in_time(message, worker.started_s)
            self._free(worker)

    def _ask_in_time(self, message: Message, started_s: float) -> None:
        now_s, tried = self._env.now, message.attempts
        del self._since_s[message]
        self._diary.attempts.add(message.stream, now_s, started_s)
        self._ask[message.stream](message, now_s)
        if message.attempts == tried:
            message.attempts = DECIDED

    def _ask_late(self, message: Message) -> None:
        """Ask for a message that is in the queue by now, away from it, with another worker, or decided."""
        now_s, is_echo = self._env.now, message.stream >= self._own
        own = message.stream + (self._own if message.attempts == DECIDED and not is_echo else 0)
        asked = Message(own, message.due_s)
        asked.attempts = LATE
        self._ask[own](asked, now_s)
        started_s = now_s
        if asked.attempts == LATE and own < self._own:
            started_s = self._since_s.get(message, now_s)
            self._make_echo(message)
        self._diary.attempts.add(own, now_s, started_s)

    def _make_echo(self, message: Message) -> None:
        """A late worker was first: the message is decided, and what is still in hand is its echo."""
        if message in self._absent:
            self._away[message.stream] -= 1
            self._away[message.stream + self._own] += 1
        message.stream += self._own

    def _crash(self, worker: Happening) -> None:
        """The worker stops in the middle of its service; it restarts."""
        if self._let_fall(worker):
            self._down.step(self._env.now, 1.0)
            restarting = Happening(self._env, self._on_restart)
            self._restarting.append(restarting)
            self._schedule(restarting, NORMAL, self._gone_s)

    def _let_fall(self, worker: Happening) -> bool:
        """What a worker has in hand is nobody's any more. False: it had been lost before."""
        if worker not in self._late and worker not in self._in_hand:
            return False
        self._late.pop(worker, None)
        self._serving.step(self._env.now, -1.0)
        for message in self._in_hand.pop(worker, ()):
            if self._timeout_s < math.inf:
                self._drop(message, worker.started_s)
            else:
                self._given_up(message, worker.started_s)
                self._diary.bounced.add(message.stream, self._env.now, 0.0)
        return True

    def _restart(self, event: Happening) -> None:
        if event in self._restarting:
            self._restarting.remove(event)
            self._down.step(self._env.now, -1.0)
            self._free(event)

    def _resize(self, wanted: int, now_s: float) -> None:
        """Workers that a fault takes, any of those there, are gone at once if the queue has a time-out."""
        taken, self._lost = self._staffing.lost - self._lost, self._staffing.lost
        if self._timeout_s < math.inf:
            for _ in range(max(0, taken)):
                self._lose_one(now_s)
        super()._resize(wanted, now_s)

    def _lose_one(self, now_s: float) -> None:
        busy = [*self._in_hand, *self._late]
        others = len(self._idle) + len(self._beginning) + len(self._restarting)
        at = int(self._random.integers(max(1, len(busy) + others)))
        if at < len(busy):
            self._let_fall(busy[at])
        elif at < len(busy) + len(self._restarting):
            del self._restarting[at - len(busy)]
            self._down.step(now_s, -1.0)
        elif self._idle:
            self._idle.pop()
        elif self._beginning:
            self._beginning.popitem()
        self._there.step(now_s, -1.0)

    def _up_s(self, first_bin: int, n: int, bin_s: float) -> Floats:
        return super()._up_s(first_bin, n, bin_s) - self._down.integral(first_bin, n, bin_s)

    def _up_total_s(self, now_s: float) -> float:
        return super()._up_total_s(now_s) - self._down.total(now_s)


def _exponential(rate: float, random: np.random.Generator) -> Iterator[float]:
    """Endless seconds until something of this rate happens."""
    if rate <= 0.0:
        return repeat(math.inf)
    return one_by_one(lambda size: random.exponential(1.0 / rate, size))
