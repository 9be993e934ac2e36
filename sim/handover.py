"""From the workers to the providers, message by message: taken, refused, set back, held back, delivered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

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
from sim.seeds import one_by_one
from sim.seeds import stream as random_stream
from sim.traffic import Stream

Floats = npt.NDArray[np.float64]
Ask = Callable[[Message, float], None]
"""A message, now."""
Delivered = Callable[[Message, float], None]
"""A message will arrive at that moment."""


@dataclass
class Follows:
    """What others do about it; a crew may put itself between (sim.pipeline.crashing).

    `set_back` when a message leaves for its backoff, `come_back` when that is over, `delivered` by stream
    when the moment of a delivery is known; None = nobody answers.
    """

    set_back: Callable[[Message], None]
    come_back: Callbacks
    delivered: Sequence[Delivered | None]


class _Held(Happening):
    """A message that waits behind a provider's door, and how often it was deferred."""

    carrier: Carrier
    deferred: int


class Handover:
    """All providers of one run. `ask` is by stream: what follows a service, bound once for every message."""

    def __init__(
        self,
        env: simpy.Environment,
        scenario: Scenario,
        streams: Sequence[Stream],
        seed: int,
        diary: Diary,
        follows: Follows,
    ) -> None:
        self._env, self._diary, self._follows = env, diary, follows
        retries = scenario.pipeline.retries
        self._attempts = retries.attempts
        self._most_told_s = retries.retry_after_max if retries.retry_after else 0.0
        self._backoff = [backoff_range_s(retries, k) for k in range(1, retries.attempts)]
        self._jitter = one_by_one(random_stream(seed, "backoff").random).__next__
        self._again = one_by_one(random_stream(seed, "deferred").random).__next__
        self._bounces = one_by_one(random_stream(seed, "bounce").random).__next__
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
        budgets = {carrier: Budget(retries) for carrier in self._providers}
        self._budget = None if retries.budget is None else [budgets[each] for each in self._carrier]
        self._on_turn: Callbacks = [self._turn]
        self._held = [0] * len(streams)
        self._send_on: dict[tuple[int, Carrier], Ask] = {}
        self.ask: list[Ask] = []
        self._bind()

    def held(self) -> Floats:
        """float64 (streams,): messages that wait behind a provider's door."""
        return np.array(self._held, dtype=np.float64)

    def enter(self, era: Era) -> None:
        """From now on the providers are as `era` says."""
        for carrier, provider in zip(self._providers, era.scenario.providers, strict=True):
            carrier.enter(provider, provider.name in era.out, self._env.now)
        self._bind()

    def _bind(self) -> None:
        """The providers as they are now, into what follows a service."""
        self._send_on = {each: self._sending(*each) for each in self._lost}
        self.ask[:] = map(self._asking, range(len(self._carrier)))

    def _asking(self, stream: int) -> Ask:
        """Served: the provider takes the message or does not."""
        carrier, not_taken = self._carrier[stream], self._not_taken
        admit, taken = carrier.admit, self._taking(stream, carrier)

        def ask(message: Message, now_s: float) -> None:
            answer_s = admit(now_s)
            if answer_s == 0.0:
                taken(message, now_s)
            else:
                not_taken(message, now_s, answer_s)

        return ask if self._budget is None else _earning(self._budget[stream], ask)

    def _taking(self, stream: int, carrier: Carrier) -> Ask:
        """Taken: held back behind the provider's door, or sent on."""
        return partial(self._hold, carrier) if carrier.holds_back else self._send_on[stream, carrier]

    def _sending(self, stream: int, carrier: Carrier) -> Ask:
        """Nothing is in its way any more: what becomes of it is drawn now and happens later."""
        delay_s, bounces, lost_share = carrier.delay_s, self._bounces, self._lost[stream, carrier]
        bounced, arrives = self._diary.bounced.add, self._diary.delivered.add
        answered = self._follows.delivered[stream]

        def send_on(message: Message, now_s: float) -> None:
            at_s = now_s + delay_s()
            if bounces() < lost_share:
                bounced(stream, at_s, 0.0)
            else:
                arrives(stream, at_s, message.due_s)
                if answered is not None:
                    answered(message, at_s)

        return send_on

    def _not_taken(self, message: Message, now_s: float, answer_s: float) -> None:
        """Refused, or not asked: to the standby at once, else back."""
        carrier, standby = self._carrier[message.stream], self._standby[message.stream]
        told_s = self._told_s(message, now_s, carrier, answer_s)
        if standby is not None:
            answer_s = standby.ask(now_s)
            self._diary.asked_again.add(message.stream, now_s, 0.0)
            if answer_s == 0.0:
                self._diary.by_standby.add(message.stream, now_s, 0.0)
                self._taking(message.stream, standby)(message, now_s)
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
        event = Happening(self._env, self._follows.come_back)
        event.message = message
        self._follows.set_back(message)
        self._env.schedule(event, NORMAL, min(told_s, self._most_told_s) + wait_s)

    def _within_budget(self, stream: int) -> bool:
        return self._budget is None or self._budget[stream].spend()

    def _hold(self, carrier: Carrier, message: Message, now_s: float) -> None:
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
            self._send_on[message.stream, carrier](message, now_s)
        elif event.deferred >= carrier.tries:
            self._held[message.stream] -= 1
            self._diary.lapsed.add(message.stream, now_s, 0.0)
        else:
            event.deferred, event.callbacks = event.deferred + 1, self._on_turn
            spread = 1.0 + DEFERRED_JITTER * (2.0 * self._again() - 1.0)
            self._env.schedule(event, NORMAL, carrier.retry_s * spread)


def _earning(budget: Budget, ask: Ask) -> Ask:
    """A first attempt, once answered, earns its provider's budget of retries."""

    def ask_on_budget(message: Message, now_s: float) -> None:
        is_first = message.attempts == 0
        ask(message, now_s)
        if is_first:
            budget.earn()

    return ask_on_budget
