"""Rounds of turns between tenants, and what they make a message wait. Compiled into sim.pipeline.kernellines.

The tenants of a band are alike, their waiting messages as scattered as Poisson's: of n with x waiting each on
average n (1 - exp(-x)) have any, and take part in a round. With r rounds a bin and a newcomers each,
dx/dt = a - r (1 - exp(-x)), which is linear in exp(x).
"""

from __future__ import annotations

import math

from sim.pipeline.columns import FRESHNESS_S, LEAST_S, MASS, MOST_S, PIECES, STREAM
from sim.pipeline.kernelcache import part
from sim.pipeline.lines import LINE_CAME, LINE_WAITING, SCATTERED, TENANTS
from sim.pipeline.state import Plan, State

_STEPS = 40
_MOST_ROUNDS = 1e12
_LARGE = 30.0
"""A tenant with so many messages has one, however they are scattered."""
_FEW, _SMALL, _MANY = 1.01, 3.0, 1000.0
"""Rounds waited on average: below, hardly anyone waits for another of the own tenant; above, numbers are
about normal; above, their scatter is below 3 %."""
_NEWTONS = 4
_QUARTERS = (-1.2711, -0.3247, 0.3247, 1.2711)
"""Means of the quarters of a normal distribution."""


@part
def rounds_for(plan: Plan, state: State, p: int, capacity: float) -> float:
    """Rounds of turns that take `capacity` messages from the lines of a class: by false position, after
    Illinois."""
    active = 0.0
    for g in range(plan.bands.shape[0]):
        tenants = plan.bands[g, TENANTS]
        active -= tenants * math.expm1(-state.lines[p, g, LINE_WAITING] / tenants)
    low, short, high = 0.0, capacity, capacity / max(active, 1e-9)
    over = _taken(plan, state, p, high) - capacity
    while over < 0.0 and high < _MOST_ROUNDS:
        low, short, high = high, -over, 2.0 * high
        over = _taken(plan, state, p, high) - capacity
    last = 0
    for _ in range(_STEPS):
        middle = low + (high - low) * short / (short + over)
        gap = _taken(plan, state, p, middle) - capacity
        if abs(gap) <= 1e-9 * capacity:
            break
        if gap < 0.0:
            low, short, over, last = middle, -gap, over * (0.5 if last < 0 else 1.0), -1
        else:
            high, over, short, last = middle, gap, short * (0.5 if last > 0 else 1.0), 1
    return float(low + (high - low) * short / (short + over))


@part
def _taken(plan: Plan, state: State, p: int, rounds: float) -> float:
    """Messages that so many rounds take from the lines of a class."""
    taken = 0.0
    for g in range(plan.bands.shape[0]):
        taken += state.lines[p, g, LINE_WAITING] - plan.bands[g, TENANTS] * left_after(
            plan, state, p, g, rounds
        )
    return taken


@part
def left_after(plan: Plan, state: State, p: int, g: int, rounds: float) -> float:
    """Messages that wait for each tenant of a band after so many rounds."""
    line, tenants = state.lines[p, g], plan.bands[g, TENANTS]
    came = line[LINE_CAME] / tenants
    before = max(0.0, line[LINE_WAITING] / tenants - came)
    more = came - rounds
    if before + more > _LARGE:
        return float(before + more)
    factor = math.expm1(more) / more if abs(more) > 1e-9 else 1.0 + 0.5 * more
    return math.log1p(max(0.0, math.expm1(before + more) + rounds * factor))


@part
def scatter(plan: Plan, state: State, i: int, rounds: float) -> None:
    """Messages of piece `i` wait for others of their tenant, some more and some less: what they are told is
    the wait after the mean number of rounds."""
    piece = state.pieces[i]
    middle_s = 0.5 * (piece[LEAST_S] + piece[MOST_S])
    mean = middle_s / plan.bin_s * rounds
    if not _FEW < mean < _MANY:
        return
    mass, half_s, ahead = piece[MASS], piece[MOST_S] - middle_s, _ahead(mean)
    oldest_s = max(piece[MOST_S], plan.streams[int(piece[STREAM]), FRESHNESS_S])
    for k in range(SCATTERED):
        share, own_rounds, spread = _scattered(k, ahead, mean)
        own = state.pieces[i if k == 0 else state.marks[PIECES]]
        for column in range(piece.shape[0]):
            own[column] = piece[column]
        state.marks[PIECES] += min(k, 1)
        own_s = middle_s * own_rounds / mean
        own_half_s = max(half_s * own_rounds / mean, middle_s * spread / mean)
        own[MASS] = mass * share
        own[LEAST_S] = min(oldest_s, max(0.0, own_s - own_half_s))
        own[MOST_S] = min(oldest_s, own_s + own_half_s)


@part
def _ahead(mean: float) -> float:
    """How many messages of its tenant are ahead of one, on average, if it waits for `mean` rounds: one round
    where there are none; else what is left of the first one's, and one each for the others and itself."""
    found = mean - 0.5
    for _ in range(_NEWTONS):
        none = math.exp(-found)
        found -= (found + 0.5 + 0.5 * none - mean) / (1.0 - 0.5 * none)
    return found


@part
def _scattered(k: int, ahead: float, mean: float) -> tuple[float, float, float]:
    """Part `k` of SCATTERED: how likely, after how many rounds, give or take how many. Those ahead are
    Poisson's number."""
    if ahead > _SMALL:
        return 1.0 / SCATTERED, mean + _QUARTERS[k] * math.sqrt(ahead), 0.0
    chance, left, left_mean = math.exp(-ahead), 1.0, mean
    for n in range(k):
        left -= chance
        left_mean -= chance * (n + 0.5 if n else 1.0)
        chance *= ahead / (n + 1.0)
    if k + 1 < SCATTERED:
        return chance, (k + 0.5 if k else 1.0), (0.5 if k else 0.0)
    return left, left_mean / left, 0.5
