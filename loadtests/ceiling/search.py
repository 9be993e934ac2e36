"""The next rate to try, from what was tried: no clock, no I/O.

Bracket geometrically from a hint until something breaks; then, where the broken trial showed what the target
carries when it is saturated, try just below and just above that; else bisect on a logarithmic scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "breaks", "invalid"]

START_SHARE = 0.75
START_PER_S = 100.0
GROWTH = 2.0
SHRINK = 2.0
WIDTH_WANTED = 0.03
"""The search ends when the lowest broken rate is this share above the highest that held."""
STEP_SHARE = 0.0125
"""How far below and above a believed ceiling is tried: both together are within WIDTH_WANTED."""
PLAUSIBLE_SHARE = 0.97
"""A broken trial that carried more than this of what was offered says nothing about saturation."""
BRACKET_BUDGET_SHARE = 0.11
REFINE_BUDGET_SHARE = 0.19
TRIAL_S_MIN = 0.6
TRIAL_S_MAX = 60.0
TRIALS_MAX = 40
INVALID_MAX = 2


@dataclass(frozen=True)
class Plan:
    """What bounds a search. Rates in messages/s.

    hint_per_s: where the ceiling or the demand is thought to be, 0 = unknown. max_per_s: never more is offered.
    batch: messages a request. requests_min: a trial with fewer cannot be judged.
    """

    budget_s: float
    hint_per_s: float = 0.0
    max_per_s: float = math.inf
    min_per_s: float = 1.0
    batch: int = 1
    requests_min: int = 120


@dataclass(frozen=True)
class Tried:
    """One trial's result. carried_per_s: what the target got through per second in the trial's later half;
    None where that was not seen. took_s: wall time with start and drain."""

    rate_per_s: float
    duration_s: float
    verdict: Verdict
    carried_per_s: float | None = None
    took_s: float = 0.0


@dataclass(frozen=True)
class Next:
    """Hold this rate for so long; `why` in words."""

    rate_per_s: float
    duration_s: float
    why: str


@dataclass(frozen=True)
class Found:
    """Where a search ends: low held, high broke (infinite when nothing did above low).

    point_per_s: best estimate within them. stopped_by: "width", "budget", "max rate", "invalid", "min rate".
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
        return Found(low, high, estimate(tried), stop)
    rate, why = _next_rate(plan, tried, low, high)
    duration_s = _duration_s(plan, rate, bracketing=math.isinf(high) or low <= 0.0)
    left_s = plan.budget_s - sum(trial.took_s for trial in tried)
    if duration_s + _overhead_s(tried) > left_s:
        return Found(low, high, estimate(tried), "budget")
    return Next(rate, duration_s, why)


def interval(tried: Sequence[Tried]) -> tuple[float, float]:
    """(highest rate that held, lowest that broke above it); 0 and infinity where there is none.

    A rate that broke below one that held later was a disturbance: load only ever makes a target slower.
    """
    low = max((t.rate_per_s for t in tried if t.verdict == "holds"), default=0.0)
    high = min((t.rate_per_s for t in tried if t.verdict == "breaks" and t.rate_per_s > low), default=math.inf)
    return low, high


def estimate(tried: Sequence[Tried]) -> float:
    """The best single figure: what a saturated target carried where that lies within the interval, else its
    geometric middle; the highest rate that held where nothing broke."""
    low, high = interval(tried)
    if math.isinf(high):
        return low
    believed = believed_per_s(tried)
    if believed is not None and low <= believed * (1 + STEP_SHARE) and believed <= high:
        return max(low, believed)
    return math.sqrt(low * high) if low > 0.0 else high / 2.0


def believed_per_s(tried: Sequence[Tried]) -> float | None:
    """What the target carries when saturated, from the broken trial with the least overload; None if unseen."""
    seen = [
        (t.rate_per_s, t.carried_per_s)
        for t in tried
        if t.verdict == "breaks" and t.carried_per_s and t.carried_per_s < PLAUSIBLE_SHARE * t.rate_per_s
    ]
    return min(seen)[1] if seen else None


def _stop(plan: Plan, tried: Sequence[Tried], low: float, high: float) -> str:
    if len(tried) >= INVALID_MAX and all(t.verdict == "invalid" for t in tried[-INVALID_MAX:]):
        return "invalid"
    if low > 0.0 and high / low - 1.0 <= WIDTH_WANTED:
        return "width"
    if math.isinf(high) and low >= plan.max_per_s * (1 - 1e-9):
        return "max rate"
    if high <= plan.min_per_s:
        return "min rate"
    return "budget" if len(tried) >= TRIALS_MAX else ""


def _next_rate(plan: Plan, tried: Sequence[Tried], low: float, high: float) -> tuple[float, str]:
    if tried and tried[-1].verdict == "invalid":
        return tried[-1].rate_per_s, "again, the last trial was not valid"
    if not tried or (low <= 0.0 and math.isinf(high)):
        start = START_SHARE * plan.hint_per_s or START_PER_S
        return _within(plan, start), "start below the hint"
    if math.isinf(high):
        return _within(plan, low * GROWTH), "nothing has broken yet"
    believed = believed_per_s(tried)
    if believed is not None and low < believed < high:
        below, above = believed * (1 - STEP_SHARE), believed * (1 + STEP_SHARE)
        if low < below * (1 - 1e-9):
            return below, "just below what the saturated target carried"
        if above < high * (1 - 1e-9):
            return above, "just above what the saturated target carried"
    if low <= 0.0:
        return max(plan.min_per_s, high / SHRINK), "nothing has held yet"
    return math.sqrt(low * high), "between the rate that held and the one that broke"


def _within(plan: Plan, rate_per_s: float) -> float:
    return min(max(rate_per_s, plan.min_per_s), plan.max_per_s)


def _duration_s(plan: Plan, rate_per_s: float, bracketing: bool) -> float:
    share = BRACKET_BUDGET_SHARE if bracketing else REFINE_BUDGET_SHARE
    enough_s = plan.requests_min * plan.batch / rate_per_s
    return max(min(max(share * plan.budget_s, TRIAL_S_MIN), TRIAL_S_MAX), enough_s)


def _overhead_s(tried: Sequence[Tried]) -> float:
    return max((t.took_s - t.duration_s for t in tried), default=0.0)
