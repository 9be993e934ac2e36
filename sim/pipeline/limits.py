"""How much may pass now, and when next: the law of every kind of limit, with the clock passed in.

A kind of limit is three plain functions over `state` (a row of floats that they change in place; a list
in Python, a numpy row in the compiled kernel) and `figures` (a tuple of floats that never changes), plus one
vocabulary class in scenarios/providers.py and one line in `LAWS`:

- `<kind>_wait(state, figures, now_s, messages) -> float`  seconds until so many conform; 0.0 = now
- `<kind>_take(state, figures, now_s, messages)`           book them
- `<kind>_open(state, figures, now_s, span_s) -> float`    the most that may pass in [now_s, now_s + span_s)

`wait` and `open` bring the state up to `now_s` and book nothing. The clock may start anywhere and must not
run backwards; a step back is taken as standing still. Nothing here imports numba: sim/pipeline/kernelparts
compiles these very functions, the message resolution and the reference send API call them as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, MutableSequence, Sequence
from dataclasses import dataclass

from scenarios.providers import TokenBucket

State = MutableSequence[float]
Figures = tuple[float, ...]
Wait = Callable[[State, Figures, float, float], float]
Take = Callable[[State, Figures, float, float], None]


def token_bucket_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """Seconds until the bucket holds `messages` tokens; inf when its burst never can.

    The level is kept as (tokens, updated_s) rather than as a theoretical arrival time: adding 1 / rate to a
    large clock reading again and again loses rate, differences of readings do not.
    """
    elapsed_s = now_s - state[1]
    if elapsed_s > 0.0:
        tokens = state[0] + elapsed_s * figures[0]
        state[0] = tokens if tokens < figures[1] else figures[1]
        state[1] = now_s
    if state[0] >= messages:
        return 0.0
    if messages > figures[1]:
        return math.inf
    return (messages - state[0]) / figures[0]


def token_bucket_take(state: State, _figures: Figures, _now_s: float, messages: float) -> None:
    """Take `messages` tokens out; only after `token_bucket_wait` said 0.0 at the same `now_s`.

    The fluid of the cohort resolution books a whole span at once: it may leave the level below zero until the
    span has passed.
    """
    state[0] -= messages


def token_bucket_open(state: State, figures: Figures, now_s: float, span_s: float) -> float:
    """Tokens at `now_s` and those that fall in during `span_s`: the bound burst + rate x span, exactly."""
    elapsed_s = now_s - state[1]
    if elapsed_s > 0.0:
        tokens = state[0] + elapsed_s * figures[0]
        state[0] = tokens if tokens < figures[1] else figures[1]
        state[1] = now_s
    return state[0] + span_s * figures[0]


@dataclass(frozen=True)
class Law:
    """One kind of limit as its functions and what it starts from."""

    wait: Wait
    take: Take
    figures: Figures
    state: tuple[float, ...]


def _token_bucket(limit: TokenBucket, now_s: float) -> Law:
    figures = (limit.rate, limit.burst)
    return Law(token_bucket_wait, token_bucket_take, figures, (limit.burst, now_s))


def _no_wait(_state: State, _figures: Figures, _now_s: float, _messages: float) -> float:
    return 0.0


def _no_take(_state: State, _figures: Figures, _now_s: float, _messages: float) -> None:
    return


LAWS: dict[type, Callable[..., Law]] = {TokenBucket: _token_bucket}
"""From the vocabulary class of a limit to its law, full at the moment it starts."""


def law(limit: TokenBucket, now_s: float = 0.0) -> Law:
    """The law of one limit of the vocabulary, starting full at `now_s`."""
    return LAWS[type(limit)](limit, now_s)


class Limiter:
    """All limits of one provider together: a send passes all of them or takes from none."""

    __slots__ = ("_figures", "_others", "_state", "_take", "_wait")

    def __init__(self, limits: Sequence[TokenBucket], now_s: float = 0.0) -> None:
        laws = [law(limit, now_s) for limit in limits] or [Law(_no_wait, _no_take, (), ())]
        # the first limit is unpacked: most providers have one, and this is called for every message
        self._wait, self._take = laws[0].wait, laws[0].take
        self._state, self._figures = list(laws[0].state), laws[0].figures
        self._others = [(each.wait, each.take, list(each.state), each.figures) for each in laws[1:]]

    def admit(self, now_s: float, messages: int = 1) -> float:
        """0.0 = admitted and booked; else nothing is booked and it is worth asking again in so many seconds.

        inf when a limit can never pass that many at once.
        """
        wait_s = self._wait(self._state, self._figures, now_s, messages)
        if self._others:
            wait_s = max(wait_s, max(row[0](row[2], row[3], now_s, messages) for row in self._others))
        if wait_s == 0.0:
            self._take(self._state, self._figures, now_s, messages)
            for _, take, state, figures in self._others:
                take(state, figures, now_s, messages)
        return wait_s
