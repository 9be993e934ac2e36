"""What the trials of a search show together: between which rates the ceiling lies, and where. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "breaks", "invalid"]

SHRINK = 2.0
BURST_S = 0.03
"""A limit may let this many seconds of its rate pass at once; a trial must offer more than that beyond it
in its first half, or the second half does not show the limit."""
BURST_LASTS_SHARE = 0.6
"""A burst that is used up before this share of a trial leaves a later half that falls short."""
NOISE_SHARE = 0.01
"""What a saturated target carried is known to this share of itself."""
LONG_SHARE = 0.7
BELIEVABLE_SHARE = 0.8
"""A saturated trial that carried less than this of what held elsewhere was disturbed or collapsed."""
SATURATED_SHARE = 0.985
"""A broken trial that carried more than this of what was offered says nothing about saturation."""
WITNESS_SHARE = 0.06
"""A second broken trial confirms the first where its rate, or what it carried, is no further above."""


@dataclass(frozen=True)
class Tried:
    """One trial's result. carried_per_s: what the target got through per second in the trial's later half;
    None where that was not seen. took_s: wall time with start and drain."""

    rate_per_s: float
    duration_s: float
    verdict: Verdict
    carried_per_s: float | None = None
    took_s: float = 0.0


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
    held = (t.rate_per_s for t in tried if t.verdict == "holds" and not carried_by_burst(t, believed))
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


def carried_by_burst(trial: Tried, believed_per_s: float) -> bool:
    """Whether a rate beyond what is believed may have held on a burst that lasted long enough."""
    beyond = trial.rate_per_s / believed_per_s - 1.0
    return beyond > NOISE_SHARE and beyond * BURST_LASTS_SHARE * trial.duration_s < BURST_S


def is_witnessed(tried: Sequence[Tried], high_per_s: float) -> bool:
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
