"""The law of a circuit breaker: plain functions over a state row and figures, compiled as they stand.

Closed, it counts calls and failures in windows that begin at multiples of their length. At the end of one
with at least so many calls and so great a share of failures it opens: nothing is asked for a time. Then it
is half open: the next calls are probes; one that fails opens it again, enough that do not close it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.pipeline.limitlaws import NUDGE_S, Figures, State

# Figures: share of failures, length of a window, least calls in it, how long it stays open, probes.
SHARE, WINDOW_S, CALLS, OPEN_S, PROBES = range(5)
# State: the moment until which it is open, probes still to pass (0 = closed), number of the window, calls
# and failures in it.
UNTIL_S, TO_PASS, NUMBER, CALLED, FAILED = range(5)
CLOSED = (-math.inf, 0.0, 0.0, 0.0, 0.0)


def breaker_wait(state: State, figures: Figures, now_s: float) -> float:
    """0.0 when a call may be made, else the seconds until it is half open."""
    if now_s < state[UNTIL_S]:
        return state[UNTIL_S] - now_s + NUDGE_S
    number = math.floor(now_s / figures[WINDOW_S] + 1e-9) * 1.0
    if state[TO_PASS] == 0.0 and number > state[NUMBER]:
        over = state[CALLED] >= figures[CALLS] and state[FAILED] >= figures[SHARE] * state[CALLED]
        if over and state[CALLED] > 0.0:
            state[UNTIL_S] = (state[NUMBER] + 1.0) * figures[WINDOW_S] + figures[OPEN_S]
            state[TO_PASS] = figures[PROBES]
        state[CALLED] = 0.0
        state[FAILED] = 0.0
        state[NUMBER] = number
        if now_s < state[UNTIL_S]:
            return state[UNTIL_S] - now_s + NUDGE_S
    return 0.0


def breaker_note(state: State, figures: Figures, now_s: float, calls: float, failures: float) -> None:
    """What became of calls that were made at `now_s`: so many failed."""
    if state[TO_PASS] > 0.0:
        if failures > 0.0:
            state[UNTIL_S] = now_s + figures[OPEN_S]
            state[TO_PASS] = figures[PROBES]
            return
        state[TO_PASS] = max(0.0, state[TO_PASS] - calls)
        state[NUMBER] = math.floor(now_s / figures[WINDOW_S] + 1e-9) * 1.0
        return
    state[CALLED] += calls
    state[FAILED] += failures


def breaker_probes(state: State, asking: float, opened: float) -> float:
    """How many of `asking` calls are made when `opened` of them would pass: all, unless a probe fails."""
    if state[TO_PASS] > 0.0 and opened < min(asking, state[TO_PASS]):
        return min(asking, max(0.0, opened) + 1.0)
    return asking


def breaker_rests(state: State, figures: Figures, now_s: float) -> bool:
    """Whether it is closed, and stays so while no call fails."""
    shut = breaker_wait(state, figures, now_s) > 0.0 or state[TO_PASS] > 0.0
    return not shut and state[FAILED] == 0.0 and figures[SHARE] > 0.0


def breaker_note_run(
    state: State, figures: Figures, first: int, span_s: float, calls: Sequence[float]
) -> None:
    """So many calls were made in the spans first, first + 1, ... while it rested; none failed."""
    for i in range(len(calls)):
        breaker_wait(state, figures, (first + i) * span_s)
        state[CALLED] += calls[i]
