"""What a provider takes of each class: in proportion to what asks, but where a limit opens little by little
and the higher class asks at other moments. Compiled into sim.pipeline.kernel.
"""

from __future__ import annotations

import math

from sim.pipeline.kernelcache import part
from sim.pipeline.limits import TRICKLING
from sim.pipeline.provisions import ASKING, BINDS
from sim.pipeline.state import MASS, PIECES, PRIORITY, PROVIDER, STREAM, Plan, State

_REGULAR = 1e-9
"""Spread of services that are all equally long."""


@part
def share_by_class(plan: Plan, state: State, busy: float) -> None:
    """Into `state.class_shares`; busy: the workers' share of this bin."""
    regular = plan.batch == 1 and busy >= 1.0 and plan.asking_spread < _REGULAR and plan.workers > 1.0
    for v in range(state.shares.shape[0]):
        state.class_shares[v, :] = state.shares[v]
        if 0.0 < state.shares[v] < 1.0 and int(state.providers[v, BINDS]) in TRICKLING:
            if plan.batch > 1:
                _share_batches(plan, state, v)
            elif regular:
                _share_longer_gaps(plan, state, v)


@part
def _served(state: State) -> float:
    """Messages that the workers took in this bin."""
    total = 0.0
    for i in range(state.marks[PIECES]):
        total += state.pieces[i, MASS]
    return total


@part
def _share_batches(plan: Plan, state: State, v: int) -> None:
    """Of a batch the higher classes ask first, and take what opened since the last one.

    Batches end at random moments, so that an exponential number of mean `opened` has; the first of a class
    passes if it is at least 1, evenly less what was left over.
    """
    last = state.waiting.shape[0] - 1
    left, batches = state.shares[v] * state.providers[v, ASKING], _served(state) / plan.batch
    for p in range(last + 1):
        asking = _asking(plan, state, v, p)
        if asking > 0.0 and left > 0.0:
            most = min(1.0, left / asking)
            opened, first = left / batches, max(1.0, asking / batches)
            passes = opened / first * (1.0 - math.exp(-first / opened))
            state.class_shares[v, p] = most if p == last else min(most, passes)
            left -= asking * state.class_shares[v, p]
        else:
            state.class_shares[v, p] = 0.0


@part
def _asking(plan: Plan, state: State, v: int, p: int) -> float:
    """Messages of class `p` that ask provider `v` in this bin."""
    asking = 0.0
    for i in range(state.marks[PIECES]):
        s = int(state.pieces[i, STREAM])
        if int(plan.streams[s, PROVIDER]) == v and int(plan.streams[s, PRIORITY]) == p:
            asking += state.pieces[i, MASS]
    return asking


@part
def _share_longer_gaps(plan: Plan, state: State, v: int) -> None:
    """Services that are equally long keep the gaps between the workers' moments, while all are busy: whoever
    goes before others is taken at the end of the gap in which it came, a longer one, and asks after as long.

    With exponential gaps, x of their mean, the higher class is taken at the end of 1 - (1 - r^2) exp(-r x)
    of them, r its share of what is served; a limit that passes the share s lets an ask after x pass with the
    chance min(1, s x). Of c workers' gaps the mean square is (c - 1) / (c + 1) as far above 1.
    """
    asking, first = float(state.providers[v, ASKING]), _asking(plan, state, v, 0)
    total, share = _served(state), float(state.shares[v])
    if first <= 0.0 or first >= asking * (1.0 - _REGULAR):
        return
    higher, of_all, most = first / total, asking / total, 1.0 / share
    longer = (1.0 - math.exp(-(1.0 + higher) * most)) / (1.0 - math.exp(-most))
    excess = (1.0 - (1.0 - higher) / (1.0 + higher) * longer) / higher - 1.0
    # who asks others takes the shorter gaps, but for those of the higher class
    excess *= (of_all - higher) / (1.0 - higher) * (plan.workers - 1.0) / (plan.workers + 1.0)
    state.class_shares[v, 0] = min(1.0, share * (1.0 + excess))
    rest = max(0.0, share * asking - state.class_shares[v, 0] * first) / (asking - first)
    state.class_shares[v, 1:] = rest
