"""Providers as single messages meet them: a breaker, the door, the provider's own queue, its mailboxes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from scenarios.deferrals import PacedQueue
from scenarios.pipeline import Breaker, Retries
from scenarios.providers import Provider
from sim.pipeline import breakerlaws
from sim.pipeline.deferrallaws import paced_turn
from sim.pipeline.limiter import Limiter
from sim.pipeline.providers import deferred_tries, delivery_delays, door, mailbox
from sim.pipeline.retries import budget_earn, budget_spend


def breaker_figures(breaker: Breaker) -> tuple[float, ...]:
    """As sim.pipeline.breakerlaws has them."""
    return breaker.share, breaker.window, float(breaker.calls), breaker.open, float(breaker.probes)


class Carrier:
    """One provider of the message resolution. `holds_back`: what it takes may wait behind its door."""

    def __init__(
        self, provider: Provider, breaker: Breaker | None, epoch_s: float, random: np.random.Generator
    ) -> None:
        limits, deferring = door(provider), mailbox(provider)
        self._door = Limiter(limits, epoch_s=epoch_s)
        self._mailbox = Limiter(deferring, epoch_s=epoch_s) if deferring else None
        self._pace = next((at for at, limit in enumerate(limits) if isinstance(limit, PacedQueue)), None)
        self._breaker = list(breakerlaws.CLOSED)
        self._breaker_figures = breaker_figures(breaker) if breaker else None
        self._out = False
        self._median_s = provider.delay.median
        self._delay_s = delivery_delays(provider.delay, random).__next__
        self.delay_s: Callable[[], float] = self._delay_s
        """From the provider to the customer's device; another callable after each `enter`, as is `admit`."""
        self.tells_wait = provider.retry_after
        self.retry_s, self.tries = provider.deferred_retry, deferred_tries(provider)
        self.holds_back = self._pace is not None or self._mailbox is not None
        self._admit = self._door.one_by_one()
        self.admit = self._admit if breaker is None else self.ask

    def enter(self, provider: Provider, out: bool, now_s: float) -> None:
        """From `now_s` on it is as `provider` says; `out`: it refuses everything."""
        self._out = out
        self.admit = self.ask
        self._door.change(door(provider), now_s)
        self._admit = self._door.one_by_one()
        if self._mailbox:
            self._mailbox.change(mailbox(provider), now_s)
        slowness = provider.delay.median / self._median_s if self._median_s else 1.0
        self.delay_s = lambda: self._delay_s() * slowness

    def ask(self, now_s: float) -> float:
        """0.0 = taken; above: refused, and worth asking again in so many seconds (inf = never, or not known);
        below: not asked, for the breaker is open so many seconds longer."""
        figures = self._breaker_figures
        if figures is None:
            return math.inf if self._out else self._admit(now_s)
        wait_s = breakerlaws.breaker_wait(self._breaker, figures, now_s)
        if wait_s > 0.0:
            return -wait_s
        wait_s = math.inf if self._out else self._admit(now_s)
        breakerlaws.breaker_note(self._breaker, figures, now_s, 1.0, 0.0 if wait_s == 0.0 else 1.0)
        return wait_s

    def turn_s(self) -> float:
        """How long the message that was taken last waits in the provider's own queue; below 0: too long."""
        if self._pace is None:
            return 0.0
        _, state, figures = self._door.rows()[self._pace]
        return paced_turn(state, figures, 1.0)

    def defers(self, now_s: float) -> bool:
        """A mailbox provider does not take a message now."""
        return self._mailbox is not None and self._mailbox.admit(now_s) > 0.0


class Budget:
    """Retries of one provider's messages: a share of the first attempts."""

    def __init__(self, retries: Retries) -> None:
        self._figures = retries.budget or 0.0, float(retries.budget_saved)
        self._state = [self._figures[1]]

    def earn(self) -> None:
        """A first attempt."""
        budget_earn(self._state, self._figures, 1.0)
        budget_spend(self._state, self._figures, 0.0)

    def spend(self) -> bool:
        """A retry; False = there is none left."""
        if self._state[0] < 1.0:
            return False
        budget_spend(self._state, self._figures, 1.0)
        return True
