"""The law of a cap on concurrent calls as amounts on bins: how many started in each part of a call's time.

As sim.pipeline.limitlaws, which see: plain functions over a state row and figures, compiled as they stand.
What is booked for a span counts evenly over it.
"""

from __future__ import annotations

import math

from sim.pipeline.limitlaws import Figures, State

# Figures of calls as amounts: calls at a time, seconds of a call, slots of such a time. State: number of the
# newest slot; how many started last, from when, in how many seconds; then the ring of the slots' starts.
CALLS, CALL_S, CALL_SLOTS = range(3)
NEWEST_CALLS, BOOKED, BOOKED_FROM_S, BOOKED_FOR_S, STARTS = range(5)

LEAST_SPREAD = 0.05
"""Of the counts of those who ask, against a Poisson stream's."""
_AMPLE = 25.0
"""Squares of what a cap on calls has to spare, against the calls: nobody who asks is blocked by chance."""
_SPARE = 4.0
"""Standard deviations that a cap has to spare where chance refuses none: less than one of 1e5."""
_STEEP = 5.0
"""From here on erfc's asymptote serves: a fiftieth off."""
_ROUNDS, _LEAST_DECAY = 4, 1e-6
"""Of Newton's method, from above; below the least the moments' repeating alone counts."""


def started_roll(state: State, figures: Figures, now_s: float) -> None:
    """Bring the ring of starts to `now_s`: what was booked for a span is laid evenly on the slots of it."""
    ring = int(figures[CALL_SLOTS]) + 1
    slot_s = figures[CALL_S] / figures[CALL_SLOTS]
    number = math.floor(now_s / slot_s + 1e-9) * 1.0
    newest = max(number, state[NEWEST_CALLS])
    slot = int(newest) % ring
    for _ in range(int(min(max(0.0, number - state[NEWEST_CALLS]), ring))):
        state[STARTS + slot] = 0.0
        slot = slot - 1 if slot > 0 else ring - 1
    state[NEWEST_CALLS] = newest
    if state[BOOKED] > 0.0:
        from_s, ends_s = state[BOOKED_FROM_S], state[BOOKED_FROM_S] + state[BOOKED_FOR_S]
        per_s, slot = state[BOOKED] / state[BOOKED_FOR_S], int(newest) % ring
        for i in range(ring):
            at_s = (newest - i) * slot_s
            inside_s = min(ends_s, at_s + slot_s) - max(from_s, at_s)
            if inside_s > 0.0:
                state[STARTS + slot] += per_s * inside_s
            slot = slot - 1 if slot > 0 else ring - 1
        state[BOOKED] = 0.0


def started_since(state: State, figures: Figures, since_s: float) -> float:
    """How many calls started after `since_s`, each slot's evenly."""
    ring, slot_s, total = int(figures[CALL_SLOTS]) + 1, figures[CALL_S] / figures[CALL_SLOTS], 0.0
    share, slot = state[NEWEST_CALLS] + 1.0 - since_s / slot_s, int(state[NEWEST_CALLS]) % ring
    for _ in range(ring):
        if share <= 0.0:
            break
        total += min(1.0, share) * state[STARTS + slot]
        share, slot = share - 1.0, slot - 1 if slot > 0 else ring - 1
    return total


def started_open(state: State, figures: Figures, now_s: float, span_s: float) -> float:
    """The most calls that may start within a span: all that there are for every call's time in it, but for
    those of before that have not ended when what is left of the span has."""
    started_roll(state, figures, now_s)
    if span_s <= 0.0:
        return 0.0
    state[BOOKED_FOR_S] = span_s
    whole = math.ceil(span_s / figures[CALL_S] - 1e-9) - 1.0
    since_s = now_s + span_s - (whole + 1.0) * figures[CALL_S]
    return (whole + 1.0) * figures[CALLS] - started_since(state, figures, since_s)


def blocks_nobody(figures: Figures, span_s: float, asking: float) -> bool:
    """Whether so many may ask in a span, of calls shorter than it, that surely each finds one free."""
    spare = figures[CALLS] - asking * figures[CALL_S] / span_s
    return figures[CALL_S] < span_s and spare > 0.0 and spare * spare > _AMPLE * figures[CALLS]


def started_idle(figures: Figures, offered: float, spread: float) -> float:
    """How many calls are free on average, because nobody asks at the moment one ends, when `offered` calls at
    a time are asked for, more than there are.

    Askers whose counts have `spread` times the variance of a Poisson stream's by Hayward (Fredericks 1980).
    """
    calls, asked = figures[CALLS] / spread, offered / spread
    return max(0.0, calls - asked * (1.0 - blocked_share(calls, asked))) * spread


def idle_in_rhythm(asks: float, starts: float) -> float:
    """The same where a crew asks at so many moments of every service, always the same ones, random once, and
    `starts` calls, fewer, start in that time.

    Free calls come evenly and are a queue that every ask shortens by one: so many wait as their greatest
    excess over the asks of a service. It is over y by exp(-decay y - 2 y^2 / asks): the decay is that of
    moments that never repeat, a Poisson stream (1 - exp(-decay) = decay starts / asks, exact); the square
    that of those who do, a Brownian bridge. The last factor is what few moments are short of a density.
    """
    load = starts / asks
    decay = decay_of(load)
    fall = decay * math.sqrt(asks / 8.0)
    few = asks / (asks + 1.0 - 0.5 * load)
    if fall > _STEEP:
        return few / decay
    return few * math.sqrt(math.pi * asks / 8.0) * math.exp(fall * fall) * math.erfc(fall)


def decay_of(load: float) -> float:
    """How fast, per ask, falls the chance that more has opened than was used, where `load` opens an ask, of
    asks as random as Poisson's: the root of 1 - exp(-decay) = decay load (exact)."""
    decay = 2.0 * (1.0 - load) / load
    for _ in range(_ROUNDS):
        if decay > _LEAST_DECAY:
            left = math.exp(-decay)
            decay -= (1.0 - left - load * decay) / (left - load)
    return decay


def blocked_by_chance(
    state: State, figures: Figures, now_s: float, span_s: float, asking: tuple[float, float, float]
) -> float:
    """The share of those asking in a span that find no call free, though the mean would leave some.

    asking: how many; spread of their counts that the amounts of spans tell, and that they do not. Of the
    variance over a call's time spans tell what is not at its ends: half a span of it, and half of it in a
    shorter one (by trial: on average it is a third, but the fullest moments count). Who asks meets the
    others, one less where their number is told, as a Poisson stream's is (Wolff 1982: such arrivals see time
    averages). `started_open` must have been asked about the same span.
    """
    calls, told, untold = figures[CALLS], asking[1], asking[2]
    messages = max(0.0, asking[0] - min(1.0, told))
    spans = figures[CALL_S] / span_s
    if spans < 1.0:
        under_way, spread = messages * spans, untold + told * (1.0 - 0.5 * spans)
    else:
        since_s = now_s + span_s - figures[CALL_S]
        under_way, spread = started_since(state, figures, since_s) + messages, untold + told * 0.5 / spans
    spread = max(spread, LEAST_SPREAD)
    if under_way <= 0.0 or calls - under_way > _SPARE * math.sqrt(calls * spread):
        return 0.0
    return blocked_share(calls / spread, under_way / spread)


def blocked_share(servers: float, offered: float) -> float:
    """Erlang's loss formula: 1 / B = 1 + c / a + c (c - 1) / a^2 + ... of c servers and an offered load a."""
    term, total, left = 1.0, 1.0, servers
    while left > 0.0 and term > 1e-6 * total:
        term *= left / offered
        total += term
        left -= 1.0
    return 1.0 / total


def started_take(state: State, _figures: Figures, now_s: float, messages: float) -> None:
    """So many start during the span that was asked about at `now_s`."""
    state[BOOKED] = messages
    state[BOOKED_FROM_S] = now_s


def started_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """0.0 while so many calls are free, else the seconds until they are."""
    started_roll(state, figures, now_s)
    slot_s = figures[CALL_S] / figures[CALL_SLOTS]
    for i in range(int(figures[CALL_SLOTS]) + 1):
        since_s = now_s - figures[CALL_S] + i * slot_s
        if started_since(state, figures, since_s) + messages <= figures[CALLS]:
            return i * slot_s
    return figures[CALL_S]
