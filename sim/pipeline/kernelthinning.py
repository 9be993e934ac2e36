"""Whom of all that ask a provider refuses, drawn: of a row's messages in a bin as many pass as of so many
drawn without putting back. What passes of all is no chance. Compiled into sim.pipeline.kernel.
"""

from __future__ import annotations

import math

from sim.pipeline.columns import DOOR, MASS, PIECES, PRIORITY, PROVIDER, STREAM
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelchances import binomial, chance_of
from sim.pipeline.provisions import EXPECTED, TO_ASK, TO_LET_IN, UNSURE
from sim.pipeline.state import Plan, State

ASKS, PASSES = range(2)
"""Rows of State.asking."""
_PLENTY = 1e4
"""Of a greater variance the number that passes, and that which does not, stray by less than 1 %: left out."""
_ALL = 1.0 - 1e-9
_DOWN = 0.49
"""Below a half: what is half a message but for rounding is always taken for none."""


@part
def class_share(plan: Plan, state: State, row: int) -> float:
    """Of what asks the provider of `row` in its class, the share that passes."""
    return float(state.class_shares[DOOR, int(plan.streams[row, PROVIDER]), int(plan.streams[row, PRIORITY])])


@part
def draw_passing(plan: Plan, state: State, t: int) -> bool:
    """Into `state.asking` the share of each row's pieces of bin `t` that its own provider's door lets pass.
    False where no door refuses some of what asks: then the shares of the classes hold, and none is told."""
    if not _some_refuse(state):
        return False
    _count(plan, state)
    for s in range(state.asking.shape[1]):
        asks = state.asking[ASKS, s]
        if asks > 0.0:
            state.asking[PASSES, s] = _draw(plan, state, t, s, asks, class_share(plan, state, s)) / asks
            state.asking[ASKS, s] = 0.0
    return True


@part
def _some_refuse(state: State) -> bool:
    some = False
    for v in range(state.shares.shape[0]):
        some = some or 0.0 < state.shares[v] < 1.0
    return some


@part
def _count(plan: Plan, state: State) -> None:
    """What asks by row; by provider all that asks and passes, and the variance of every row's own draw."""
    for v in range(state.shares.shape[0]):
        own = state.providers[v]
        own[TO_ASK] = own[TO_LET_IN] = own[EXPECTED] = own[UNSURE] = 0.0
    for i in range(state.marks[PIECES]):
        s, mass = int(state.pieces[i, STREAM]), state.pieces[i, MASS]
        own, share = state.providers[int(plan.streams[s, PROVIDER])], class_share(plan, state, s)
        state.asking[ASKS, s] += mass
        own[TO_ASK] += mass
        own[EXPECTED] += mass * share
        own[UNSURE] += mass * share * (1.0 - share)
    for v in range(state.shares.shape[0]):
        state.providers[v, TO_LET_IN] = state.providers[v, EXPECTED]


@part
def _draw(plan: Plan, state: State, t: int, s: int, asks: float, share: float) -> float:
    """How many of the `asks` messages of row `s` pass, where `share` does on average.

    Row by row, as a hypergeometric number: what earlier rows have too much, those that follow have too
    little, in proportion to their variances, and the last of them all of it.
    """
    own, expected = state.providers[int(plan.streams[s, PROVIDER])], asks * share
    varies, passing = expected * (1.0 - share), expected
    if varies > 0.0:
        of_all = min(1.0, varies / own[UNSURE])
        passing += (own[TO_LET_IN] - own[EXPECTED]) * of_all
        if varies < _PLENTY and of_all < _ALL and 0.0 < passing < asks:
            strays = _binomial(state.key, t, s, asks, passing / asks) - passing
            passing += math.sqrt(1.0 - of_all) * strays
    least = max(0.0, own[TO_LET_IN] - (own[TO_ASK] - asks))
    passing = max(least, min(asks, own[TO_LET_IN], passing))
    own[TO_ASK] -= asks
    own[TO_LET_IN] -= passing
    own[EXPECTED] -= expected
    own[UNSURE] -= varies
    return float(passing)


@part
def _binomial(key: int, t: int, s: int, asks: float, share: float) -> float:
    """Of an amount, taken for the nearest whole number of messages, at least one, the part that passes."""
    trials = max(1, int(asks + _DOWN))
    drawn = binomial(trials, share, chance_of(key, t, s, 0), chance_of(key, t, s, 1))
    return drawn * asks / trials
