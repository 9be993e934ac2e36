"""From the workers to the providers, message by message: taken, refused, set back, held back, delivered."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat

import numpy as np
import numpy.typing as npt
import simpy
from simpy.events import NORMAL

from scenarios.scenario import Scenario
from sim.diary import Diary
from sim.pipeline.carriers import Budget, Carrier
from sim.pipeline.eras import Era
from sim.pipeline.happenings import Callbacks, Happening
from sim.pipeline.providers import DEFERRED_JITTER, carriers, lost_share, standbys
from sim.pipeline.queues import DECIDED, Message
from sim.pipeline.retries import backoff_range_s
from sim.seeds import stream as random_stream
from sim.traffic import Stream

_BLOCK = 4096

Floats = npt.NDArray[np.float64]
Ask = Callable[[Message, float], None]
Delivered = Callable[[Message, float], None]
"""A message will arrive at that moment."""


class _Held(Happening):
    """A message that waits behind a provider's door, and how often it was deferred."""

    carrier: Carrier
    deferred: int


class Handover:
    """All providers of one run. `set_back` is called when a message leaves for its backoff, `come_back` when
    that is over, `delivered` when the moment of a delivery is known, of streams that are `answered`."""

    def __init__(
        self, env: simpy.Environment, scenario: Scenario, streams: Sequence[Stream], seed: int, diary: Diary
    ) -> None:
        self._env, self._diary = env, diary
        self.set_back: Callable[[Message], None]
        self.come_back: Callbacks
        self.delivered: Delivered
        self.answered: Sequence[bool]
        retries = scenario.pipeline.retries
        self._attempts = retries.attempts
        self._most_told_s = retries.retry_after_max if retries.retry_after else 0.0
        self._backoff = [backoff_range_s(retries, k) for k in range(1, retries.attempts)]
        self._jitter = _uniform(random_stream(seed, "backoff")).__next__
        self._again = _uniform(random_stream(seed, "deferred")).__next__
        self._bounces = _uniform(random_stream(seed, "bounce")).__next__
        epoch_s, breaker = scenario.starts_at.timestamp(), scenario.pipeline.breaker
        self._providers = [
            Carrier(p, breaker, epoch_s, random_stream(seed, "provider", p.name)) for p in scenario.providers
        ]
        first, second = carriers(scenario, streams), standbys(scenario, streams)
        self._carrier = [self._providers[v] for v in first]
        self._standby = [None if v is None else self._providers[v] for v in second]
        self._lost = {
            (i, self._providers[v]): lost_share(scenario, stream, v)
            for i, stream in enumerate(streams)
            for v in (first[i], second[i])
            if v is not None
        }
        self._lost_share = [self._lost[each] for each in enumerate(self._carrier)]
        budgets = {carrier: Budget(retries) for carrier in self._providers}
        self._budget = None if retries.budget is None else [budgets[each] for each in self._carrier]
        self.ask: Ask = self._ask if self._budget is None else self._ask_on_budget
        """Served: the provider takes the message or does not."""
        self._on_turn: Callbacks = [self._turn]
        self._held = [0] * len(streams)
        self._admit: list[Callable[[float], float]] = [carrier.admit for carrier in self._carrier]

    def held(self) -> Floats:
        """float64 (streams,): messages that wait behind a provider's door."""
        return np.array(self._held, dtype=np.float64)

    def enter(self, era: Era) -> None:
        """From now on the providers are as `era` says."""
        for carrier, provider in zip(self._providers, era.scenario.providers, strict=True):
            carrier.enter(provider, provider.name in era.out, self._env.now)
        self._admit = [carrier.admit for carrier in self._carrier]

    def _ask_on_budget(self, message: Message, now_s: float) -> None:
        is_first = message.attempts == 0
        self._ask(message, now_s)
        if is_first and self._budget is not None:
            self._budget[message.stream].earn()

    def _ask(self, message: Message, now_s: float) -> None:
        stream = message.stream
        answer_s = self._admit[stream](now_s)
        if answer_s != 0.0:
            self._not_taken(message, now_s, answer_s)
        elif self._carrier[stream].holds_back:
            self._hold(message, now_s, self._carrier[stream])
        else:
            self._send_on(message, now_s, self._carrier[stream], self._lost_share[stream])

    def _send_on(self, message: Message, now_s: float, carrier: Carrier, lost_share: float) -> None:
        """Nothing is in its way any more: what becomes of it is drawn now and happens later."""
        at_s = now_s + carrier.delay_s()
        stream = message.stream
        if self._bounces() < lost_share:
            self._diary.bounced.add(stream, at_s, 0.0)
            return
        self._diary.delivered.add(stream, at_s, message.due_s)
        if self.answered[stream]:
            self.delivered(message, at_s)

    def _not_taken(self, message: Message, now_s: float, answer_s: float) -> None:
        """Refused, or not asked: to the standby at once, else back."""
        carrier, standby = self._carrier[message.stream], self._standby[message.stream]
        told_s = self._told_s(message, now_s, carrier, answer_s)
        if standby is not None:
            answer_s = standby.ask(now_s)
            self._diary.asked_again.add(message.stream, now_s, 0.0)
            if answer_s == 0.0:
                self._taken_by_standby(message, now_s, standby)
                return
            told_s = min(told_s, self._told_s(message, now_s, standby, answer_s))
        self._diary.turned_away.add(message.stream, now_s, 0.0)
        self._back_off(message, now_s, told_s)

    def _told_s(self, message: Message, now_s: float, carrier: Carrier, answer_s: float) -> float:
        """Writes the answer down; seconds that it tells to wait, 0.0 where it tells none."""
        if answer_s < 0.0:
            self._diary.withheld.add(message.stream, now_s, 0.0)
            return -answer_s
        self._diary.limited.add(message.stream, now_s, 0.0)
        return answer_s if carrier.tells_wait and answer_s < math.inf else 0.0

    def _taken_by_standby(self, message: Message, now_s: float, standby: Carrier) -> None:
        if standby.holds_back:
            self._hold(message, now_s, standby)
        else:
            self._send_on(message, now_s, standby, self._lost[message.stream, standby])

    def _back_off(self, message: Message, now_s: float, told_s: float) -> None:
        """Wait outside the queue, or give up; who asks with more attempts than there are (a worker that is
        late) leaves the message to others."""
        message.attempts += 1
        if message.attempts >= self._attempts or not self._within_budget(message.stream):
            if message.attempts <= self._attempts:
                self._diary.exhausted.add(message.stream, now_s, 0.0)
            message.attempts = DECIDED
            return
        least_s, most_s = self._backoff[message.attempts - 1]
        wait_s = least_s + (most_s - least_s) * self._jitter()
        event = Happening(self._env, self.come_back)
        event.message = message
        self.set_back(message)
        self._env.schedule(event, NORMAL, min(told_s, self._most_told_s) + wait_s)

    def _within_budget(self, stream: int) -> bool:
        return self._budget is None or self._budget[stream].spend()

    def _hold(self, message: Message, now_s: float, carrier: Carrier) -> None:
        """Taken: first the provider's own queue, then the mailbox providers."""
        turn_s = carrier.turn_s()
        if turn_s < 0.0:
            self._diary.lapsed.add(message.stream, now_s, 0.0)
        else:
            event = _Held(self._env, self._on_turn)
            event.message, event.carrier, event.deferred = message, carrier, 0
            self._held[message.stream] += 1
            self._env.schedule(event, NORMAL, turn_s)

    def _turn(self, event: _Held) -> None:
        """A message's turn, or its next try."""
        now_s, message, carrier = self._env.now, event.message, event.carrier
        if not carrier.defers(now_s):
            self._held[message.stream] -= 1
            self._send_on(message, now_s, carrier, self._lost[message.stream, carrier])
        elif event.deferred >= carrier.tries:
            self._held[message.stream] -= 1
            self._diary.lapsed.add(message.stream, now_s, 0.0)
        else:
            event.deferred, event.callbacks = event.deferred + 1, self._on_turn
            spread = 1.0 + DEFERRED_JITTER * (2.0 * self._again() - 1.0)
            self._env.schedule(event, NORMAL, carrier.retry_s * spread)


def _uniform(random: np.random.Generator) -> Iterator[float]:
    return chain.from_iterable(random.random(_BLOCK).tolist() for _ in repeat(None))
