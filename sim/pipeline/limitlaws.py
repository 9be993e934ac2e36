"""The laws themselves: plain functions over a state row and figures, with the clock passed in.

For each law `<law>_wait`, `<law>_take` and `<law>_open`, as `sim.pipeline.limits` describes them. `state` is
a row of floats that they change in place (a list in Python, a numpy row in the compiled kernel), `figures` a
row of floats that never changes. The clock may start anywhere and must not run backwards; a step back is
taken as standing still. Nothing here imports numba: sim/pipeline/kernellimits compiles these very functions.
"""

from __future__ import annotations

import math
from collections.abc import MutableSequence, Sequence

State = MutableSequence[float]
Figures = Sequence[float]

NUDGE_S = 1e-6
"""Added to a wait until a boundary, so that now + wait is never rounded to a moment before it."""
TRANSITIONS = 4
"""Changes of a time zone's offset that a window's figures hold: two years, one with a double change."""

# Figures of a window: how many pass, its length, and what makes the clock's reading local time; then
# TRANSITIONS times (from when on, what makes it local from then on).
CAP, PERIOD_S, OFFSET_S, FIRST_CHANGE = range(4)
# State of a window: used in it, its number, when it ends.
USED, NUMBER, ENDS_S = range(3)

# Figures of a rolling quota: how many pass, length of a slot, slots in the window; of a switch-off also how
# long it stays off.
QUOTA, SLOT_S, SLOTS, OFF_S = range(4)
# State of a rolling quota: number of the newest slot, messages in all slots, then the ring of SLOTS + 1
# slots; of a switch-off behind that the moment until which it is off.
NEWEST, TOTAL, RING = range(3)


def token_bucket_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """Seconds until the bucket holds `messages` tokens; inf when its burst never can.

    figures: rate, burst. The level is kept as (tokens, updated_s) rather than as a theoretical arrival time:
    adding 1 / rate to a large clock reading again and again loses rate, differences of readings do not.
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
    return (messages - state[0]) / figures[0] + NUDGE_S


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


def window_offset_s(figures: Figures, now_s: float) -> float:
    """What turns the clock's reading into the time whose multiples of the period are the windows' ends."""
    offset_s = figures[OFFSET_S]
    for i in range(TRANSITIONS):
        if now_s >= figures[FIRST_CHANGE + 2 * i]:
            offset_s = figures[FIRST_CHANGE + 2 * i + 1]
    return offset_s


def window_number(figures: Figures, now_s: float) -> float:
    """Number of the window at `now_s`; an end that rounding puts just before itself belongs to the next."""
    return math.floor((now_s + window_offset_s(figures, now_s)) / figures[PERIOD_S] + 1e-9) * 1.0


def window_end_s(figures: Figures, now_s: float, number: float) -> float:
    """When window `number`, which holds `now_s`, ends: with the offset of its end, if that changes in it."""
    end_s = (number + 1.0) * figures[PERIOD_S]
    by_now_s = end_s - window_offset_s(figures, now_s)
    by_then_s = end_s - window_offset_s(figures, by_now_s)
    return by_then_s if window_number(figures, by_then_s) > number else by_now_s


def window_roll(state: State, figures: Figures, now_s: float) -> None:
    """Bring the state to the window of `now_s`. What a span took of later windows is charged to them."""
    if now_s < state[ENDS_S]:
        return
    number = window_number(figures, now_s)
    passed = number - state[NUMBER]
    if passed > 0.0:
        state[USED] = max(0.0, state[USED] - passed * figures[CAP])
        state[NUMBER] = number
    state[ENDS_S] = window_end_s(figures, now_s, state[NUMBER])


def window_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """0.0 while the window has so many left, else the seconds until the next begins; inf above its cap."""
    window_roll(state, figures, now_s)
    if state[USED] + messages <= figures[CAP]:
        return 0.0
    return state[ENDS_S] - now_s + NUDGE_S if messages <= figures[CAP] else math.inf


def window_take(state: State, _figures: Figures, _now_s: float, messages: float) -> None:
    """Book them in the window."""
    state[USED] += messages


def window_open(state: State, figures: Figures, now_s: float, span_s: float) -> float:
    """What is left of the window, and the whole of every window that begins during the span."""
    window_roll(state, figures, now_s + NUDGE_S)
    begun = window_number(figures, now_s + span_s - NUDGE_S) - state[NUMBER]
    return (1.0 + max(0.0, begun)) * figures[CAP] - state[USED]


def rolling_roll(state: State, figures: Figures, now_s: float) -> None:
    """Bring the ring of slots to `now_s`: slots that have left the window are emptied."""
    number, ring = math.floor(now_s / figures[SLOT_S] + 1e-9) * 1.0, int(figures[SLOTS]) + 1
    passed = number - state[NEWEST]
    if passed <= 0.0:
        return
    for i in range(int(min(passed, ring))):
        slot = RING + int(state[NEWEST] + 1.0 + i) % ring
        state[TOTAL] -= state[slot]
        state[slot] = 0.0
    if passed >= ring:
        state[TOTAL] = 0.0
    state[NEWEST] = number


def rolling_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """0.0 while the window has so many left, else until enough slots have left it; inf above the quota."""
    rolling_roll(state, figures, now_s)
    ring, left = int(figures[SLOTS]) + 1, state[TOTAL]
    if left + messages <= figures[QUOTA]:
        return 0.0
    for i in range(1, ring + 1):
        left -= state[RING + int(state[NEWEST] + i) % ring]
        if left + messages <= figures[QUOTA]:
            return (state[NEWEST] + i) * figures[SLOT_S] - now_s + NUDGE_S
    return math.inf


def rolling_take(state: State, figures: Figures, _now_s: float, messages: float) -> None:
    """Book them in the newest slot."""
    state[TOTAL] += messages
    state[RING + int(state[NEWEST]) % (int(figures[SLOTS]) + 1)] += messages


def rolling_open(state: State, figures: Figures, now_s: float, span_s: float) -> float:
    """What is left of the quota, and what leaves the window during the span; a span longer than the window
    passes the quota so many times."""
    rolling_roll(state, figures, now_s + NUDGE_S)
    ring, ends_s = int(figures[SLOTS]) + 1, now_s + span_s - NUDGE_S
    left = figures[QUOTA] - state[TOTAL]
    for i in range(1, ring + 1):
        if (state[NEWEST] + i) * figures[SLOT_S] > ends_s:
            break
        left += state[RING + int(state[NEWEST] + i) % ring]
    window_s = figures[SLOT_S] * figures[SLOTS]
    return max(left, figures[QUOTA] * span_s / window_s) if span_s > window_s else left


def calls_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """0.0 while so many calls are free, else until the oldest have ended; inf above the cap.

    figures: calls, seconds of a call. state: place of the oldest call, how many the ring has, which may be
    more than the calls, then the ring of their starts.
    """
    calls, ring = int(figures[0]), int(state[1])
    if messages > calls:
        return math.inf
    free_s = state[2 + (int(state[0]) + ring - calls + int(messages) - 1) % ring] + figures[1]
    return 0.0 if now_s >= free_s else free_s - now_s + NUDGE_S


def calls_take(state: State, _figures: Figures, now_s: float, messages: float) -> None:
    """So many calls start."""
    oldest, ring = int(state[0]), int(state[1])
    for i in range(int(messages)):
        state[2 + (oldest + i) % ring] = now_s
    state[0] = (oldest + int(messages)) % ring


def switched_off_until_s(figures: Figures) -> int:
    """Where a switch-off's state has the moment until which it is off: behind the ring."""
    return RING + 1 + int(figures[SLOTS])


def switch_wait(state: State, figures: Figures, now_s: float, _messages: float) -> float:
    """0.0 while it is on, whatever is asked; else until it is on again."""
    until_s = state[switched_off_until_s(figures)]
    if now_s < until_s:
        return until_s - now_s + NUDGE_S
    rolling_roll(state, figures, now_s)
    return 0.0


def switch_take(state: State, figures: Figures, now_s: float, messages: float) -> None:
    """Count them; above the quota everything is off for a time, and counted anew after it.

    Half a message is the difference between a fluid that reaches the quota and one that exceeds it.
    """
    rolling_take(state, figures, now_s, messages)
    if state[TOTAL] > figures[QUOTA] + 0.5:
        for i in range(int(figures[SLOTS]) + 1):
            state[RING + i] = 0.0
        state[TOTAL] = 0.0
        state[switched_off_until_s(figures)] = now_s + figures[OFF_S]


def switch_open(state: State, figures: Figures, now_s: float, span_s: float) -> float:
    """Nothing while it is off; else what is left of the quota and the one message that exceeds it."""
    if state[switched_off_until_s(figures)] >= now_s + span_s - NUDGE_S:
        return 0.0
    rolling_roll(state, figures, now_s + NUDGE_S)
    return figures[QUOTA] + 1.0 - state[TOTAL]


def window_pass(state: State, figures: Figures, now_s: float, span_s: float, asking: float) -> float:
    """What passes of `asking` messages, which ask evenly over a span: until the window ends what is left of
    it, after that what those of the next ones leave."""
    opened, until = window_open(state, figures, now_s, span_s), (state[ENDS_S] - now_s) / span_s
    if until >= 1.0:
        return opened
    left = max(0.0, figures[CAP] - state[USED])
    return min(until * asking, left) + min((1.0 - until) * asking, opened - left)


def window_book(
    state: State, figures: Figures, now_s: float, span_s: float, asking: float, messages: float
) -> None:
    """Book those of `asking` who pass in a span: what comes after the window's end, in the next one."""
    until = (state[ENDS_S] - now_s) / span_s
    if until < 1.0 and figures[PERIOD_S] >= span_s:
        messages -= min(until * asking, max(0.0, figures[CAP] - state[USED]), messages)
        window_roll(state, figures, state[ENDS_S] + NUDGE_S)
    state[USED] += messages


def switch_pass(state: State, figures: Figures, now_s: float, span_s: float, asking: float) -> float:
    """What passes of `asking` messages, which ask evenly over a span in which it may be switched on again."""
    off = (state[switched_off_until_s(figures)] - now_s) / span_s
    opened = switch_open(state, figures, now_s, span_s)
    return min(opened, (1.0 - off) * asking) if off > 0.0 else opened


def switch_book(
    state: State, figures: Figures, now_s: float, span_s: float, asking: float, messages: float
) -> None:
    """Book those of `asking` who pass in a span; it is switched off when the last of them has."""
    at = switched_off_until_s(figures)
    until_s = state[at]
    switch_take(state, figures, now_s, messages)
    if state[at] != until_s:
        off_s = max(0.0, until_s - now_s)
        state[at] += off_s + (span_s - off_s) * messages / max(messages, asking * (1.0 - off_s / span_s))
