"""How much may pass now, and when next: every kind of limit with its law, for both resolutions and the API.

A law is three plain functions in sim.pipeline.limitlaws over `state`, a row of floats that they change in
place, and `figures`, which never change:

- `<law>_wait(state, figures, now_s, messages) -> float`  seconds until so many conform; 0.0 = now
- `<law>_take(state, figures, now_s, messages)`           book them
- `<law>_open(state, figures, now_s, span_s) -> float`    the most that may pass in [now_s, now_s + span_s)

`wait` and `open` bring the state up to `now_s` and book nothing. Messages one by one use `wait` and `take`
(`sim.pipeline.limiter`: the message resolution and the reference send API); amounts on bins use `open` and
`take` (`Fluid`, compiled by sim.pipeline.kernellimits).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scenarios.deferrals import IpWarmUp, MailboxDeferral, PacedQueue
from scenarios.limits import (
    ClockHour,
    ConcurrencyCap,
    DailyCap,
    FixedWindow,
    LimitWord,
    RefilledBucket,
    RollingQuota,
    SwitchOff,
    TokenBucket,
)
from scenarios.scenario import zone_of
from sim.pipeline import calllaws, deferrallaws
from sim.pipeline import limitlaws as laws
from sim.pipeline.clocks import DAY_S, HOUR_S, offsets

Wait = Callable[[laws.State, laws.Figures, float, float], float]
Take = Callable[[laws.State, laws.Figures, float, float], None]

ROLLING_SLOTS = 288
"""Slots of a rolling window: a message counts for at most 1/288 of the window longer than it (5 min of 24 h),
never shorter."""
CALL_SLOTS = 16
"""Slots of a call's time."""
BUCKET, WINDOW, ROLLING, SWITCH, PACED, REPUTATION, WARM_UP, STARTED = range(8)
"""Laws of amounts, as the kernel tells them apart."""
TRICKLING = (BUCKET, PACED, STARTED)
"""Laws by which what passes opens little by little."""
LITTLE_BY_LITTLE = (*TRICKLING, REPUTATION)
"""Those, and what mailboxes pass."""
PLAIN_LAWS = (BUCKET, WINDOW, ROLLING, SWITCH, STARTED)


@dataclass(frozen=True)
class Fluid:
    """A limit as amounts on bins see it: which law, and what it starts from."""

    law: int
    figures: tuple[float, ...]
    state: tuple[float, ...]


@dataclass(frozen=True)
class Law:
    """One kind of limit as its functions and what it starts from; `refuse`: to be told what it refused."""

    wait: Wait
    take: Take
    figures: tuple[float, ...]
    state: tuple[float, ...]
    fluid: Fluid
    refuse: Take | None = None


def _token_bucket(limit: TokenBucket, now_s: float, _epoch_s: float) -> Law:
    figures, state = (limit.rate, limit.burst), (limit.burst, now_s)
    return Law(laws.token_bucket_wait, laws.token_bucket_take, figures, state, Fluid(BUCKET, figures, state))


def _window(messages: float, period_s: float, offset_s: float, changes: Sequence[float] = ()) -> Law:
    """Full windows; `changes`: moments and offsets from then on, at most laws.TRANSITIONS pairs."""
    rest = (math.inf, 0.0) * (laws.TRANSITIONS - len(changes) // 2)
    figures = (float(messages), period_s, offset_s, *changes, *rest)
    state = (0.0, -math.inf, -math.inf)
    return Law(laws.window_wait, laws.window_take, figures, state, Fluid(WINDOW, figures, state))


def _fixed_window(limit: FixedWindow, _now_s: float, epoch_s: float) -> Law:
    return _window(limit.messages, limit.window, epoch_s % limit.window)


def _clock_hour(limit: ClockHour, _now_s: float, epoch_s: float) -> Law:
    return _window(limit.messages, HOUR_S, epoch_s % HOUR_S)


def _refilled_bucket(limit: RefilledBucket, now_s: float, _epoch_s: float) -> Law:
    return _window(limit.messages, limit.every, -(now_s + limit.phase) % limit.every)


def _daily_cap(limit: DailyCap, now_s: float, epoch_s: float) -> Law:
    zone = zone_of(limit.timezone)
    if zone is None:
        raise ValueError(f"{limit.timezone!r} is no time zone")
    offset_s, changes = offsets(zone, now_s, epoch_s)
    return _window(limit.messages, DAY_S, offset_s, changes[: 2 * laws.TRANSITIONS])


def _rolling_state(now_s: float, slot_s: float) -> tuple[float, ...]:
    return (math.floor(now_s / slot_s) * 1.0, 0.0) + (0.0,) * (ROLLING_SLOTS + 1)


def _rolling_quota(limit: RollingQuota, now_s: float, _epoch_s: float) -> Law:
    figures = (float(limit.messages), limit.window / ROLLING_SLOTS, float(ROLLING_SLOTS))
    state = _rolling_state(now_s, figures[laws.SLOT_S])
    return Law(laws.rolling_wait, laws.rolling_take, figures, state, Fluid(ROLLING, figures, state))


def _switch_off(limit: SwitchOff, now_s: float, _epoch_s: float) -> Law:
    figures = (float(limit.messages), limit.window / ROLLING_SLOTS, float(ROLLING_SLOTS), limit.off)
    state = (*_rolling_state(now_s, figures[laws.SLOT_S]), -math.inf)
    return Law(laws.switch_wait, laws.switch_take, figures, state, Fluid(SWITCH, figures, state))


def _concurrency_cap(limit: ConcurrencyCap, now_s: float, _epoch_s: float) -> Law:
    """Message by message, a ring of the calls' starts; as amounts, of how many started in each of CALL_SLOTS
    parts of a call's time."""
    calls, call_s = float(limit.calls), limit.call_duration
    state = (0.0, calls, *(now_s - call_s,) * limit.calls)
    number = math.floor(now_s / (call_s / CALL_SLOTS)) * 1.0
    started = (number, 0.0, now_s, 0.0, *(0.0,) * (CALL_SLOTS + 1))
    fluid = Fluid(STARTED, (calls, call_s, float(CALL_SLOTS)), started)
    return Law(laws.calls_wait, laws.calls_take, (calls, call_s), state, fluid)


def _paced_queue(limit: PacedQueue, now_s: float, _epoch_s: float) -> Law:
    figures, state = (limit.rate, limit.at_once, limit.validity), (0.0, now_s)
    fluid = Fluid(PACED, figures, state)
    return Law(deferrallaws.paced_wait, deferrallaws.paced_take, figures, state, fluid)


def _mailbox_deferral(limit: MailboxDeferral, now_s: float, _epoch_s: float) -> Law:
    figures = (limit.rate, limit.burst, limit.review, limit.fall, limit.recovery, limit.least)
    state = (limit.burst, now_s, max(limit.reputation, limit.least), now_s + limit.review, 0.0, 0.0)
    fluid = Fluid(REPUTATION, figures, state)
    wait, take = deferrallaws.reputation_wait, deferrallaws.reputation_take
    return Law(wait, take, figures, state, fluid, deferrallaws.reputation_refuse)


def _ip_warm_up(limit: IpWarmUp, now_s: float, epoch_s: float) -> Law:
    days = [limit.of_day(day) for day in range(len(limit.schedule))]
    age_s = limit.day * DAY_S - now_s
    figures = (HOUR_S, epoch_s % HOUR_S, age_s, float(len(days)), *days)
    state = (0.0, -math.inf, -math.inf)
    fluid = Fluid(WARM_UP, figures, state)
    return Law(deferrallaws.warm_up_wait, deferrallaws.warm_up_take, figures, state, fluid)


LAWS: dict[type, Callable[[Any, float, float], Law]] = {
    TokenBucket: _token_bucket,
    FixedWindow: _fixed_window,
    ClockHour: _clock_hour,
    RefilledBucket: _refilled_bucket,
    DailyCap: _daily_cap,
    RollingQuota: _rolling_quota,
    ConcurrencyCap: _concurrency_cap,
    SwitchOff: _switch_off,
    PacedQueue: _paced_queue,
    MailboxDeferral: _mailbox_deferral,
    IpWarmUp: _ip_warm_up,
}
"""From the vocabulary class of a limit to its law, with everything still to give at the moment it starts."""


def law(limit: LimitWord, now_s: float = 0.0, epoch_s: float = 0.0) -> Law:
    """The law of one limit, starting at `now_s`; `epoch_s`: Unix time when the clock read 0."""
    return LAWS[type(limit)](limit, now_s, epoch_s)


_OPENS = (
    laws.token_bucket_open,
    laws.window_open,
    laws.rolling_open,
    laws.switch_open,
    deferrallaws.paced_open,
    deferrallaws.reputation_open,
    deferrallaws.warm_up_open,
    calllaws.started_open,
)
"""By the law of amounts."""


def bring_up(states: Sequence[laws.State], figures: Sequence[laws.Figures], now_s: float) -> None:
    """Fluid rows, the last of their figures being their law, up to `now_s`: before other figures hold."""
    for state, row in zip(states, figures, strict=True):
        _OPENS[int(row[-1])](state, row, now_s, 0.0)


def _no_wait(_state: laws.State, _figures: laws.Figures, _now_s: float, _messages: float) -> float:
    return 0.0


def _no_take(_state: laws.State, _figures: laws.Figures, _now_s: float, _messages: float) -> None:
    return


NO_LAW = Law(_no_wait, _no_take, (), (), Fluid(BUCKET, (math.inf, math.inf), (math.inf, 0.0)))
