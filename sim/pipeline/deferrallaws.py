"""The laws of what is held back behind a 202: the provider's own queue, mailbox providers, new addresses.

As sim.pipeline.limitlaws, which see: plain functions over a state row and figures, compiled as they stand.
`reputation_refuse` books what was deferred; the other laws forget what they refuse.
"""

from __future__ import annotations

import math

from sim.pipeline.limitlaws import ENDS_S, NUDGE_S, NUMBER, USED, Figures, State

# Figures of a paced queue: messages/s, how many may wait, how long a message may wait. State: how many wait,
# as of when.
RATE, MOST, VALIDITY_S = range(3)
LEVEL, UPDATED_S = range(2)

# Figures of a reputation: messages/s at full reputation, burst, seconds between reviews, how much it falls
# when all is deferred and rises when nothing is, the least.
FULL_RATE, BURST, REVIEW_S, FALL, RISE, LEAST = range(6)
# State: tokens, as of when, the reputation, when the next review is, offered and deferred since the last.
TOKENS, AS_OF_S, REPUTATION, REVIEWED_S, OFFERED, DEFERRED = range(6)

# Figures of a warm-up: length of a window, what makes the clock's reading the windows' time, age in seconds
# at the clock's 0, days of the schedule, messages in a window by day. State: as of a window.
WINDOW_S, CLOCK_S, AGE_S, DAYS, FIRST_DAY = range(5)
DAY_S = 86400.0


def paced_drain(state: State, figures: Figures, now_s: float) -> None:
    """Bring the queue up to `now_s`: it is emptied at its rate."""
    elapsed_s = now_s - state[UPDATED_S]
    if elapsed_s > 0.0:
        state[LEVEL] = max(0.0, state[LEVEL] - elapsed_s * figures[RATE])
        state[UPDATED_S] = now_s


def paced_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """0.0 while there is room for so many; inf when there never is."""
    paced_drain(state, figures, now_s)
    over = state[LEVEL] + messages - figures[MOST]
    if over <= 0.0:
        return 0.0
    return over / figures[RATE] + NUDGE_S if messages <= figures[MOST] else math.inf


def paced_take(state: State, _figures: Figures, _now_s: float, messages: float) -> None:
    """So many more wait."""
    state[LEVEL] += messages


def paced_open(state: State, figures: Figures, now_s: float, span_s: float) -> float:
    """The room at `now_s`, and what leaves during the span."""
    paced_drain(state, figures, now_s)
    return figures[MOST] - state[LEVEL] + span_s * figures[RATE]


def paced_turn(state: State, figures: Figures, messages: float) -> float:
    """Seconds until the turn of the last `messages` that were taken; what lapses waits for none.

    Deterministic arrivals at a deterministic server: the queue ahead over its rate.
    """
    turn_s = max(0.0, state[LEVEL] - messages) / figures[RATE]
    if turn_s > figures[VALIDITY_S]:
        state[LEVEL] -= messages
        return -1.0
    return turn_s


def reputation_refill(state: State, figures: Figures, now_s: float) -> None:
    """Tokens fall in at the rate that the reputation allows."""
    elapsed_s = now_s - state[AS_OF_S]
    if elapsed_s > 0.0:
        tokens = state[TOKENS] + elapsed_s * figures[FULL_RATE] * state[REPUTATION]
        state[TOKENS] = min(tokens, figures[BURST])
        state[AS_OF_S] = now_s


def reputation_review(state: State, figures: Figures, now_s: float) -> None:
    """Bring the state up to `now_s`, with every review on the way."""
    while now_s >= state[REVIEWED_S]:
        reputation_refill(state, figures, state[REVIEWED_S])
        share = state[DEFERRED] / state[OFFERED] if state[OFFERED] > 0.0 else 0.0
        moved = state[REPUTATION] - figures[FALL] * share + figures[RISE] * (1.0 - share)
        state[REPUTATION] = min(1.0, max(figures[LEAST], moved))
        state[OFFERED] = 0.0
        state[DEFERRED] = 0.0
        state[REVIEWED_S] += figures[REVIEW_S]
    reputation_refill(state, figures, now_s)


def reputation_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """0.0 while so many are taken, else until they would be at today's reputation; inf above the burst."""
    reputation_review(state, figures, now_s + NUDGE_S)
    if state[TOKENS] >= messages:
        return 0.0
    if messages > figures[BURST]:
        return math.inf
    return (messages - state[TOKENS]) / (figures[FULL_RATE] * state[REPUTATION]) + NUDGE_S


def reputation_take(state: State, _figures: Figures, _now_s: float, messages: float) -> None:
    """Offered and taken."""
    state[OFFERED] += messages
    state[TOKENS] -= messages


def reputation_refuse(state: State, _figures: Figures, _now_s: float, messages: float) -> None:
    """Offered and deferred."""
    state[OFFERED] += messages
    state[DEFERRED] += messages


def reputation_open(state: State, figures: Figures, now_s: float, span_s: float) -> float:
    """Tokens and what falls in during a span; a review within it counts from the next one on."""
    reputation_review(state, figures, now_s + NUDGE_S)
    return state[TOKENS] + span_s * figures[FULL_RATE] * state[REPUTATION]


def warm_up_most(figures: Figures, number: float) -> float:
    """How many window `number` passes: by its first moment's day of the schedule; inf after the last."""
    day = math.floor((number * figures[WINDOW_S] - figures[CLOCK_S] + figures[AGE_S]) / DAY_S + 1e-9)
    if day >= figures[DAYS]:
        return math.inf
    return figures[FIRST_DAY + max(0, int(day))]


def warm_up_roll(state: State, figures: Figures, now_s: float) -> None:
    """Bring the state to the window of `now_s`. What a span took of later windows is charged to them."""
    if now_s < state[ENDS_S]:
        return
    number = math.floor((now_s + figures[CLOCK_S]) / figures[WINDOW_S] + 1e-9) * 1.0
    while state[NUMBER] < number and state[USED] > 0.0:
        state[USED] = max(0.0, state[USED] - warm_up_most(figures, state[NUMBER]))
        state[NUMBER] += 1.0
    state[NUMBER] = number
    state[ENDS_S] = (number + 1.0) * figures[WINDOW_S] - figures[CLOCK_S]


def warm_up_wait(state: State, figures: Figures, now_s: float, messages: float) -> float:
    """0.0 while the window has so many left, else the seconds until the next begins."""
    warm_up_roll(state, figures, now_s)
    if state[USED] + messages <= warm_up_most(figures, state[NUMBER]):
        return 0.0
    return state[ENDS_S] - now_s + NUDGE_S


def warm_up_take(state: State, _figures: Figures, _now_s: float, messages: float) -> None:
    """Book them in the window."""
    state[USED] += messages


def warm_up_open(state: State, figures: Figures, now_s: float, span_s: float) -> float:
    """What is left of the window, and the whole of every window that begins during the span."""
    warm_up_roll(state, figures, now_s + NUDGE_S)
    last = math.ceil((now_s + span_s + figures[CLOCK_S]) / figures[WINDOW_S] - 1e-9) - 1.0
    opened, number = -state[USED], state[NUMBER]
    while number <= last:
        opened += warm_up_most(figures, number)
        number += 1.0
    return opened
