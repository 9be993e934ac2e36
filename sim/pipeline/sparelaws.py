"""The laws of limits for runs of spans in which all that asks passes.

For each law of amounts `<law>_spare(state, figures, first, span_s, asks) -> int`: in how many of the spans
first, first + 1, ... of `span_s` each, in which so many ask one after the other, surely all of them pass; and
`<law>_note(state, figures, first, span_s, asks)`: they did. Both come to what sim.pipeline.kernellimits finds
and books span by span. `spare` changes nothing but what it brings up to the first span, and may say too few:
what a quota gets back meanwhile it does not count, and spans at odds with a limit's own times it leaves to
others. Plain functions, compiled as they stand, as those of sim.pipeline.limitlaws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.pipeline.calllaws import (
    CALL_S,
    CALL_SLOTS,
    CALLS,
    blocks_nobody,
    started_open,
    started_take,
)
from sim.pipeline.deferrallaws import (
    LEVEL,
    RATE,
    UPDATED_S,
    paced_drain,
    reputation_open,
    reputation_take,
    warm_up_open,
    warm_up_take,
)
from sim.pipeline.limitlaws import (
    CAP,
    ENDS_S,
    NUDGE_S,
    QUOTA,
    TOTAL,
    USED,
    Figures,
    State,
    rolling_roll,
    rolling_take,
    switched_off_until_s,
    token_bucket_open,
    window_roll,
)

Asks = Sequence[float]

_EVEN = 1e-9
"""Of a span: a window that ends so little before it ends with it."""


def token_bucket_spare(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> int:
    """Each as long as the level and what falls in carry it."""
    filled = token_bucket_open(state, figures, first * span_s, span_s) - state[0]
    tokens = state[0]
    for i in range(len(asks)):
        if asks[i] > tokens + filled:
            return i
        tokens = min(figures[1], tokens - asks[i] + filled)
    return len(asks)


def token_bucket_note(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> None:
    """The level after the last, as of its beginning."""
    filled, last = token_bucket_open(state, figures, first * span_s, span_s) - state[0], len(asks) - 1
    tokens = state[0]
    for i in range(last):
        tokens = min(figures[1], tokens - asks[i] + filled)
    state[0] = tokens - asks[last]
    state[1] = (first + last) * span_s


def window_spare(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> int:
    """Until one is more than its window has left, or a window ends within a span."""
    before = (state[0], state[1], state[2])
    passed = 0
    while passed < len(asks):
        now_s = (first + passed) * span_s
        window_roll(state, figures, now_s + NUDGE_S)
        used = state[USED] + asks[passed]
        if used > figures[CAP] or state[ENDS_S] < now_s + (1.0 - _EVEN) * span_s:
            break
        state[USED] = used
        passed += 1
    for i in range(3):
        state[i] = before[i]
    return passed


def window_note(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> None:
    """Each in its window."""
    for i in range(len(asks)):
        window_roll(state, figures, (first + i) * span_s + NUDGE_S)
        state[USED] += asks[i]


def rolling_spare(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> int:
    """As many as the quota has left for now."""
    rolling_roll(state, figures, first * span_s + NUDGE_S)
    left = figures[QUOTA] - state[TOTAL]
    for i in range(len(asks)):
        left -= asks[i]
        if left < 0.0:
            return i
    return len(asks)


def rolling_note(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> None:
    """Each in the slot in which its span begins."""
    for i in range(len(asks)):
        now_s = (first + i) * span_s
        rolling_roll(state, figures, now_s + NUDGE_S)
        rolling_take(state, figures, now_s, asks[i])


def switch_spare(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> int:
    """None while it is off, else as many as do not switch it off."""
    if state[switched_off_until_s(figures)] > first * span_s:
        return 0
    return rolling_spare(state, figures, first, span_s, asks)


def switch_note(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> None:
    """Each in its slot; none was too many."""
    rolling_note(state, figures, first, span_s, asks)


def started_spare(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> int:
    """While a span of calls leaves so many free that nobody is refused by chance, the next one finds free
    all but its last; none where a call, and what of a slot it ends in, is longer than a span."""
    if figures[CALL_S] * (1.0 + 1.0 / figures[CALL_SLOTS]) > span_s:
        return 0
    times = math.ceil(span_s / figures[CALL_S] - 1e-9)
    opened = started_open(state, figures, first * span_s, span_s)
    for i in range(len(asks)):
        if asks[i] > opened or not blocks_nobody(figures, span_s, asks[i]):
            return i
        opened = times * figures[CALLS] - asks[i] * (times * figures[CALL_S] / span_s - 1.0)
    return len(asks)


def started_note(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> None:
    """The calls of the last are all that a ring no longer than a span knows of in the next one."""
    last = len(asks) - 1
    started_open(state, figures, (first + last) * span_s, span_s)
    started_take(state, figures, (first + last) * span_s, asks[last])


def paced_spare(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> int:
    """While nobody waits for a turn longer than a span."""
    paced_drain(state, figures, first * span_s)
    if state[LEVEL] > 0.0:
        return 0
    for i in range(len(asks)):
        if asks[i] > figures[RATE] * span_s:
            return i
    return len(asks)


def paced_note(state: State, _figures: Figures, first: int, span_s: float, asks: Asks) -> None:
    """Only the last still wait."""
    last = len(asks) - 1
    state[LEVEL] = asks[last]
    state[UPDATED_S] = (first + last) * span_s


def reputation_spare(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> int:
    """As long as the mailboxes would take all, by trying it."""
    before = (state[0], state[1], state[2], state[3], state[4], state[5])
    passed = 0
    while passed < len(asks):
        now_s = (first + passed) * span_s
        if asks[passed] > reputation_open(state, figures, now_s, span_s):
            break
        reputation_take(state, figures, now_s, asks[passed])
        passed += 1
    for i in range(6):
        state[i] = before[i]
    return passed


def reputation_note(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> None:
    """Each as taken."""
    for i in range(len(asks)):
        reputation_open(state, figures, (first + i) * span_s, span_s)
        reputation_take(state, figures, (first + i) * span_s, asks[i])


def warm_up_spare(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> int:
    """As long as the windows would take all, by trying it."""
    before = (state[0], state[1], state[2])
    passed = 0
    while passed < len(asks):
        now_s = (first + passed) * span_s
        if asks[passed] > warm_up_open(state, figures, now_s, span_s):
            break
        warm_up_take(state, figures, now_s, asks[passed])
        passed += 1
    for i in range(3):
        state[i] = before[i]
    return passed


def warm_up_note(state: State, figures: Figures, first: int, span_s: float, asks: Asks) -> None:
    """Each as taken."""
    for i in range(len(asks)):
        warm_up_open(state, figures, (first + i) * span_s, span_s)
        warm_up_take(state, figures, (first + i) * span_s, asks[i])
