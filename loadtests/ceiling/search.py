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
WIDTH_WANTED = 0.04
"""The search ends when the lowest broken rate is this share above the highest that held."""
STEP_BELOW = 0.0075
STEP_ABOVE = 0.028
"""How far below and above a believed ceiling is tried: both together are within WIDTH_WANTED."""
BURST_S = 0.03
"""A limit may let this many seconds of its rate pass at once; a trial must offer more than that beyond it
in its first half, or the second half does not show the limit."""
BURST_LASTS_SHARE = 0.6
"""A burst that is used up before this share of a trial leaves a later half that falls short."""
NOISE_SHARE = 0.01
"""What a saturated target carried is known to this share of itself."""
LONG_SHARE = 0.7
SAME_SHARE = 0.004
"""Whole messages and short trials make rates differ by less than this; they count as the same."""
GALLOP = 0.04
"""First step away from a believed ceiling that proved wrong; every further step is twice as long."""
BELIEVABLE_SHARE = 0.8
"""A saturated trial that carried less than this of what held elsewhere was disturbed or collapsed."""
SATURATED_SHARE = 0.985
"""A broken trial that carried more than this of what was offered says nothing about saturation."""
WITNESS_SHARE = 0.06
"""A second broken trial confirms the first where its rate, or what it carried, is no further above."""
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


def reported(tried: Sequence[Tried]) -> tuple[float, float, float]:
    """(low, high, point) as they are reported: a rate that held although the target got a little less than it
    through vouches for what got through."""
    low, high = interval(tried)
    point = estimate(tried)
    return min(low, point), high, point


def interval(tried: Sequence[Tried]) -> tuple[float, float]:
    """(highest rate that held, lowest that broke above it); 0 and infinity where there is none.

    A rate that broke at or below one that held was disturbed: load only ever makes a target slower. A rate
    that held above what the saturated target carried counts only if its trial could use up a burst.
    """
    believed = believed_per_s(tried) or math.inf
    held = (t.rate_per_s for t in tried if t.verdict == "holds" and not _carried_by_burst(t, believed))
    low = max(held, default=0.0)
    high = min(
        (t.rate_per_s for t in tried if t.verdict == "breaks" and t.rate_per_s > low), default=math.inf
    )
    return low, high


def estimate(tried: Sequence[Tried]) -> float:
    """The best single figure: the most that got through where it was saturated or held, as far as the
    interval allows; else the interval's geometric middle; the highest rate that held where nothing broke."""
    low, high = interval(tried)
    if math.isinf(high):
        return low
    believed = believed_per_s(tried)
    if believed is not None and low * BELIEVABLE_SHARE <= believed <= high:
        return max(believed, _shown_per_s(tried, low))
    return math.sqrt(low * high) if low > 0.0 else high / SHRINK


def believed_per_s(tried: Sequence[Tried]) -> float | None:
    """What the target carries when saturated; None if no trial showed it.

    The most that a broken trial carried after it had used up a burst in its first half - whatever disturbs
    a target makes it carry less - among the longest, since short ones scatter.
    """
    seen = [(t, t.carried_per_s) for t in tried if t.verdict == "breaks" and t.carried_per_s]
    seen = [(t, carried) for t, carried in seen if carried < SATURATED_SHARE * t.rate_per_s]
    clear = [(t, carried) for t, carried in seen if not _within_burst(t, carried)]
    longest_s = max((t.duration_s for t, _ in clear or seen), default=0.0)
    return max((c for t, c in clear or seen if t.duration_s >= LONG_SHARE * longest_s), default=None)


def _shown_per_s(tried: Sequence[Tried], low_per_s: float) -> float:
    """What got through at the highest rate that held."""
    held = (t for t in tried if t.verdict == "holds" and t.rate_per_s == low_per_s)
    return max((min(low_per_s, t.carried_per_s or low_per_s) for t in held), default=low_per_s)


def _within_burst(trial: Tried, carried_per_s: float) -> bool:
    """Whether all that was offered beyond `carried_per_s` in the first half may have been a burst."""
    return (trial.rate_per_s / carried_per_s - 1.0) * trial.duration_s / 2.0 < BURST_S


def _carried_by_burst(trial: Tried, believed_per_s: float) -> bool:
    """Whether a rate beyond what is believed may have held on a burst that lasted long enough."""
    beyond = trial.rate_per_s / believed_per_s - 1.0
    return beyond > NOISE_SHARE and beyond * BURST_LASTS_SHARE * trial.duration_s < BURST_S


def _stop(plan: Plan, tried: Sequence[Tried], low: float, high: float) -> str:
    if len(tried) >= INVALID_MAX and all(t.verdict == "invalid" for t in tried[-INVALID_MAX:]):
        return "invalid"
    if low > 0.0 and high / low - 1.0 <= WIDTH_WANTED and _is_witnessed(tried, high):
        return "width"
    if math.isinf(high) and low >= plan.max_per_s * (1 - SAME_SHARE):
        return "max rate"
    if high <= plan.min_per_s:
        return "min rate"
    believed = believed_per_s(tried)
    if believed is not None and _is_narrow(plan, tried, believed, low, high) and _is_witnessed(tried, high):
        return "width"
    if len(tried) >= NOTHING_MAX and all(_carried_nothing(t) for t in tried):
        return "nothing carried"
    return "budget" if len(tried) >= TRIALS_MAX else ""


def _is_narrow(plan: Plan, tried: Sequence[Tried], believed: float, low: float, high: float) -> bool:
    """Tried just below and just above what the target carries: trials of this length tell no more."""
    below, above = believed * (1 - STEP_BELOW), believed * (1 + _step_above(plan, tried, believed))
    return low >= below * (1 - SAME_SHARE) and high <= above * (1 + SAME_SHARE)


def _is_witnessed(tried: Sequence[Tried], high_per_s: float) -> bool:
    """Whether a second trial broke near the rate that bounds the search, or carried no more than that one:
    one alone may have been disturbed, and would hide all that lies above it."""
    broken = [t for t in tried if t.verdict == "breaks"]
    limit = max((t.carried_per_s or 0.0 for t in broken if t.rate_per_s == high_per_s), default=0.0)
    near = [
        t
        for t in broken
        if t.rate_per_s <= high_per_s * (1.0 + WITNESS_SHARE)
        or (t.carried_per_s or math.inf) <= limit * (1.0 + WITNESS_SHARE)
    ]
    return len(near) > 1


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
    doubted = low > 0.0 and (high / low - 1.0 <= WIDTH_WANTED or (believed is not None and low >= believed))
    if doubted and not _is_witnessed(tried, high):
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
    return step * 2.0 ** sum(t.verdict == "holds" and _carried_by_burst(t, believed) for t in tried)


def _duration_s(plan: Plan, rate_per_s: float, *, rough: bool) -> float:
    share = BRACKET_BUDGET_SHARE if rough else REFINE_BUDGET_SHARE
    return max(min(share * plan.budget_s, TRIAL_S_MAX), _shortest_s(plan, rate_per_s))


def _shortest_s(plan: Plan, rate_per_s: float) -> float:
    return max(TRIAL_S_MIN, plan.requests_min * plan.batch / rate_per_s)


def _overhead_s(tried: Sequence[Tried]) -> float:
    return max((t.took_s - t.duration_s for t in tried if t.took_s), default=0.0)
