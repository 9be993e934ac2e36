"""The next rate to try, from what was tried: no clock, no I/O.

Bracket geometrically from a hint until something breaks; then, where the broken trial showed what the target
carries when it is saturated, try just below and just above that; else bisect on a logarithmic scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.ceiling.shown import (
    BURST_S,
    SHRINK,
    Tried,
    believed_per_s,
    carried_by_burst,
    interval,
    is_witnessed,
    reported,
)

START_SHARE = 0.75
START_PER_S = 100.0
GROWTH = 2.0
WIDTH_WANTED = 0.04
"""The search ends when the lowest broken rate is this share above the highest that held."""
STEP_BELOW = 0.0075
STEP_ABOVE = 0.028
"""How far below and above a believed ceiling is tried: both together are within WIDTH_WANTED."""
SAME_SHARE = 0.004
"""Whole messages and short trials make rates differ by less than this; they count as the same."""
GALLOP = 0.04
"""First step away from a believed ceiling that proved wrong; every further step is twice as long."""
BRACKET_BUDGET_SHARE = 0.08
REFINE_BUDGET_SHARE = 0.17
ROUGH = 1.2
"""Trials are short until the rates that held and broke are within this factor."""
TRIAL_S_MIN = 0.6
TRIAL_S_MAX = 60.0
SHORTENED_SHARE = 0.6
"""The last trial may be cut to this share of its length to fit into the budget."""
TRIALS_MAX = 40
INVALID_MAX = 2
NOTHING_MAX = 2


@dataclass(frozen=True)
class Plan:
    """What bounds a search. Rates in messages/s.

    hint_per_s: where the ceiling or the demand is thought to be, 0 = unknown. max_per_s: never is more
    offered. batch: messages a request. requests_min: a trial with fewer cannot be judged.
    """

    budget_s: float
    hint_per_s: float = 0.0
    max_per_s: float = math.inf
    min_per_s: float = 1.0
    batch: int = 1
    requests_min: int = 120


@dataclass(frozen=True)
class Next:
    """Hold this rate for so long; `why` in words."""

    rate_per_s: float
    duration_s: float
    why: str


@dataclass(frozen=True)
class Found:
    """Where a search ends: low held, high broke (infinite when nothing did above low).

    point_per_s: best estimate within them. stopped_by: "width", "budget", "max rate", "min rate",
    "invalid" (twice in a row), "nothing carried" (no trial got anything through).
    """

    low_per_s: float
    high_per_s: float
    point_per_s: float
    stopped_by: str


def step(plan: Plan, tried: Sequence[Tried]) -> Next | Found:
    """What to do after `tried`: another trial, or the end."""
    low, high = interval(tried)
    stop = _stop(plan, tried, low, high)
    if stop:
        return Found(*reported(tried), stop)
    rate, why = _next_rate(plan, tried, low, high)
    rough = believed_per_s(tried) is None and high > ROUGH * low
    wanted_s = _duration_s(plan, rate, rough=rough)
    left_s = plan.budget_s - sum(trial.took_s for trial in tried) - _overhead_s(tried)
    shortest_s = max(SHORTENED_SHARE * wanted_s, _shortest_s(plan, rate))
    if left_s < shortest_s:
        return Found(*reported(tried), "budget")
    return Next(rate, min(wanted_s, left_s), why)


def _stop(plan: Plan, tried: Sequence[Tried], low: float, high: float) -> str:
    if len(tried) >= INVALID_MAX and all(t.verdict == "invalid" for t in tried[-INVALID_MAX:]):
        return "invalid"
    believed = believed_per_s(tried)
    narrow = _is_close(low, high) or (believed is not None and _is_narrow(plan, tried, believed, low, high))
    if narrow and is_witnessed(tried, high):
        return "width"
    if math.isinf(high) and low >= plan.max_per_s * (1 - SAME_SHARE):
        return "max rate"
    if high <= plan.min_per_s:
        return "min rate"
    if len(tried) >= NOTHING_MAX and all(_carried_nothing(t) for t in tried):
        return "nothing carried"
    return "budget" if len(tried) >= TRIALS_MAX else ""


def _is_close(low: float, high: float) -> bool:
    return low > 0.0 and high / low - 1.0 <= WIDTH_WANTED


def _is_narrow(plan: Plan, tried: Sequence[Tried], believed: float, low: float, high: float) -> bool:
    """Tried just below and just above what the target carries: trials of this length tell no more."""
    below, above = believed * (1 - STEP_BELOW), believed * (1 + _step_above(plan, tried, believed))
    return low >= below * (1 - SAME_SHARE) and high <= above * (1 + SAME_SHARE)


def _carried_nothing(trial: Tried) -> bool:
    return trial.verdict == "breaks" and trial.carried_per_s == 0.0


def _next_rate(plan: Plan, tried: Sequence[Tried], low: float, high: float) -> tuple[float, str]:
    if tried and tried[-1].verdict == "invalid":
        return tried[-1].rate_per_s, "again, the last trial was not valid"
    if math.isinf(high):
        start = START_SHARE * plan.hint_per_s or START_PER_S
        wanted, why = (low * GROWTH, "nothing has broken yet") if low > 0.0 else (start, "the first trial")
        return min(max(wanted, plan.min_per_s), plan.max_per_s), why
    believed = believed_per_s(tried)
    doubted = _is_close(low, high) or (believed is not None and low >= believed)
    if doubted and not is_witnessed(tried, high):
        return high, "again: nothing else speaks for what broke there"
    if believed is not None and (near := _near(plan, tried, believed, low, high)):
        return near
    if low <= 0.0:
        return max(plan.min_per_s, high / SHRINK), "nothing has held yet"
    return math.sqrt(low * high), "between the rate that held and the one that broke"


def _near(
    plan: Plan, tried: Sequence[Tried], believed: float, low: float, high: float
) -> tuple[float, str] | None:
    """A rate near what a saturated target carried; None where that leaves nothing to try."""
    below = believed * (1 - STEP_BELOW)
    above = believed * (1 + _step_above(plan, tried, believed))
    if low < below * (1 - SAME_SHARE) and below * (1 + SAME_SHARE) < high:
        return below, "just below what the saturated target carried"
    if low < believed and above * (1 + SAME_SHARE) < high:
        return above, "just above what the saturated target carried"
    if high < believed:
        return _gallop_down(tried, believed, low, high)
    if low >= believed:
        held = sum(t.verdict == "holds" and t.rate_per_s >= believed for t in tried)
        further = low * (1 + GALLOP * 2.0 ** (held - 1))
        return min(further, math.sqrt(low * high)), "it held more than it was believed to carry"
    return None


def _gallop_down(tried: Sequence[Tried], believed: float, low: float, high: float) -> tuple[float, str]:
    last = tried[-1]
    same = [t for t in tried if abs(t.rate_per_s / last.rate_per_s - 1.0) < SAME_SHARE]
    if last.verdict == "breaks" and last.rate_per_s == high and len(same) == 1:
        return high, "again: it broke below what the saturated target carried"
    broken = len({t.rate_per_s for t in tried if t.verdict == "breaks" and t.rate_per_s < believed})
    nearer = high * max(0.0, 1 - GALLOP * 2.0 ** (broken - 1))
    return max(nearer, math.sqrt(low * high)) or high / SHRINK, "below a rate that broke"


def _step_above(plan: Plan, tried: Sequence[Tried], believed: float) -> float:
    """Far enough above to break within a trial, twice as far for each that was carried by a burst."""
    step = max(STEP_ABOVE, 1.3 * BURST_S / (0.5 * _duration_s(plan, believed, rough=False)))
    return step * 2.0 ** sum(t.verdict == "holds" and carried_by_burst(t, believed) for t in tried)


def _duration_s(plan: Plan, rate_per_s: float, *, rough: bool) -> float:
    share = BRACKET_BUDGET_SHARE if rough else REFINE_BUDGET_SHARE
    return max(min(share * plan.budget_s, TRIAL_S_MAX), _shortest_s(plan, rate_per_s))


def _shortest_s(plan: Plan, rate_per_s: float) -> float:
    return max(TRIAL_S_MIN, plan.requests_min * plan.batch / rate_per_s)


def _overhead_s(tried: Sequence[Tried]) -> float:
    return max((t.took_s - t.duration_s for t in tried if t.took_s), default=0.0)
