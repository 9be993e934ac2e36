"""What a provider takes of each class: in proportion to what asks, but where a limit opens little by little
and the higher class asks at other moments. Compiled into sim.pipeline.kernel and, for mailboxes, into
sim.pipeline.kernelbeyond.
"""

from __future__ import annotations

import math

from sim.pipeline.calllaws import CALL_S
from sim.pipeline.columns import (
    BEHIND,
    DENSE,
    DOOR,
    KEPT,
    MASS,
    PIECES,
    PRIORITY,
    PROVIDER,
    REGULAR,
    STREAM,
    THIN,
    TRIES,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kerneldoor import elsewhere
from sim.pipeline.kernellimits import lead_of_clumps
from sim.pipeline.kernelparts import busy_chance
from sim.pipeline.limits import REPUTATION, STARTED, TRICKLING
from sim.pipeline.provisions import (
    ASKED_SHARE,
    BINDS,
    DEFERS,
    GATHERED,
    GATHERED_BIN,
    MAIL_BINDS,
    MAIL_FIRSTS,
    MAIL_SHARE,
    PACE_ROW,
)
from sim.pipeline.state import Floats, Plan, State

_GATHERING, _FEW = 2.5, 4.0
_LEFT, _FEW_GAPS = 0.9, 15.0


@part
def share_by_class(plan: Plan, state: State, t: int, busy: float) -> None:
    """Into `state.class_shares` at the doors in bin `t`; busy: the workers' share of it.

    What a breaker withholds it withholds of all alike: the limit is met in the rest of the bin.
    """
    for v in range(state.shares.shape[0]):
        shares, asked = state.class_shares[DOOR, v], state.providers[v, ASKED_SHARE]
        shares[:] = state.shares[v]
        share = state.shares[v] / asked if asked > 0.0 else 0.0
        if 0.0 < share < 1.0 and int(state.providers[v, BINDS]) in TRICKLING and _apart(plan, busy):
            _ask_by_class(plan, state, v, shares)
            _share(plan, state, busy, _served(plan, state, busy), share, 1.0, shares)
            apart = 1.0
            if int(state.providers[v, BINDS]) == STARTED:
                if plan.asking_spread < REGULAR:
                    apart = _by_others(plan, v)
                elif plan.batch > 1:
                    apart = _still_apart(plan, state, t, v, share)
            for p in range(shares.shape[0]):
                shares[p] = asked * (share + apart * (shares[p] - share))


@part
def _still_apart(plan: Plan, state: State, t: int, v: int, share: float) -> float:
    """How much a batch's first message still has before its others at a cap on calls that has refused some
    for a while: calls that began together end together, so that batches come to find room for all or none.

    Groups of calls that end between the same two batches become one, the sooner the more the gaps between
    batches vary: of what sets them apart is left 1 / (1 + 2.5 x share x varied x times a call). Of calls and
    batches tried one by one, with one to sixteen workers, what is told so is a tenth off, a fifth in a
    cap's first seconds; equal services keep all apart.
    """
    own = state.providers[v]
    if own[GATHERED_BIN] < t - 1:
        own[GATHERED] = 0.0
    own[GATHERED] += plan.bin_s / _call_s(plan, v)
    own[GATHERED_BIN] = t
    varied = min(1.0, plan.asking_spread / plan.batch * max(1.0, plan.workers / _FEW))
    return float(1.0 / (1.0 + _GATHERING * share * varied * own[GATHERED]))


@part
def _by_others(plan: Plan, v: int) -> float:
    """How much of a lead is left at a cap on calls before workers who always ask at the same moments of a
    service: a call that ends just before its own asker comes round again is that one's again, class or not.

    g gaps between asks lie before that; more make an ask of others likelier the first. 0.9 g^3 / (15 + g^3)
    is left, half of it of batches (by trial of 2 to 30 workers, calls of up to 12 services: a fifth off).
    """
    service_s = plan.workers * plan.batch * plan.bin_s / plan.capacity
    services = _call_s(plan, v) / service_s
    gaps = (math.ceil(services) - services) * plan.workers
    return float(_LEFT / min(2, plan.batch) * gaps**3 / (_FEW_GAPS + gaps**3))


@part
def _call_s(plan: Plan, v: int) -> float:
    """Seconds of a call of the provider's first cap on calls."""
    row = plan.limit_first[v]
    while int(plan.limit_figures[row, -1]) != STARTED:
        row += 1
    return float(plan.limit_figures[row, CALL_S])


@part
def share_mailboxes(plan: Plan, state: State, busy: float) -> None:
    """The same behind the doors, of what passed there. A provider's own queue comes between."""
    for v in range(state.shares.shape[0]):
        own, shares = state.providers[v], state.class_shares[BEHIND, v]
        share = own[MAIL_SHARE]
        shares[:] = share
        waits = plan.providers[v, DEFERS] == 0.0 or plan.providers[v, PACE_ROW] >= 0.0
        if not waits and 0.0 < share < 1.0 and int(own[MAIL_BINDS]) == REPUTATION and _apart(plan, busy):
            _ask_by_class(plan, state, v, shares)
            for p in range(shares.shape[0]):
                shares[p] *= state.class_shares[DOOR, v, p]
            _share(plan, state, busy, _served(plan, state, busy), share, own[MAIL_FIRSTS], shares)


@part
def _apart(plan: Plan, busy: float) -> bool:
    """Whether classes ask at other moments: before each other in batches, and of workers who are all busy
    where sim.pipeline.leads tells of any lead."""
    if plan.batch == 1 and plan.asking_spread < REGULAR:
        return True
    return plan.batch > 1 or (busy >= 1.0 and plan.leads.shape[0] > 0)


@part
def _served(plan: Plan, state: State, busy: float) -> float:
    """Messages that the workers took in this bin."""
    if busy < 1.0:
        return float(busy * plan.capacity)
    total = 0.0
    for i in range(state.marks[PIECES]):
        total += state.pieces[i, MASS]
    return total


@part
def _ask_by_class(plan: Plan, state: State, v: int, asking: Floats) -> None:
    """Into `asking`: messages of each class that ask provider `v` in this bin, not as a standby."""
    asking[:] = 0.0
    for i in range(state.marks[PIECES]):
        s = int(state.pieces[i, STREAM])
        if int(plan.streams[s, PROVIDER]) == v:
            asking[int(plan.streams[s, PRIORITY])] += state.pieces[i, MASS]


@part
def _share(
    plan: Plan, state: State, busy: float, served: float, share: float, firsts: float, classes: Floats
) -> None:
    """Turn what asks of each class, `share` of which passes, into the shares that pass. served: by the
    workers in all; firsts: of those who ask, the share who come from them.

    Of a batch's room as much is used as the workers are loaded.
    """
    asking = 0.0
    for p in range(classes.shape[0]):
        asking += classes[p]
    if asking <= 0.0:  # only a standby is asked so, by the others' refusals
        classes[:] = share
    elif busy >= 1.0:
        _share_by_leads(plan, state, served, share, firsts, asking, classes)
    elif plan.batch == 1:
        waits = busy_chance(plan, busy) * _may_wait(plan, state, asking)
        _share_by_leads(plan, state, served, share, firsts * waits, asking, classes)
    else:
        batches, varied = served / max(1.0, plan.batch * busy), plan.asking_spread >= REGULAR
        _share_batches(batches, varied, share * asking, classes)


@part
def _may_wait(plan: Plan, state: State, asking: float) -> float:
    """How much of a lead is left where backoffs alone fill the queue's bound, or will once some of this bin's
    are refused: newcomers who come in then found a worker idle. So only what comes back may be ahead, and all
    workers are busy for what comes back alone: the square of its share (of one season, a third too much)."""
    if elsewhere(state) + asking < plan.bound:
        return 1.0
    total, again = 0.0, 0.0
    for i in range(state.marks[PIECES]):
        total += state.pieces[i, MASS]
        if state.pieces[i, TRIES] > 0.0:
            again += state.pieces[i, MASS]
    return again * again / (total * total) if total > 0.0 else 0.0


@part
def _share_by_leads(
    plan: Plan, state: State, served: float, share: float, firsts: float, asking: float, classes: Floats
) -> None:
    """Of workers who are all busy: each class with all above it leads the others. firsts: of the lead, the
    part that there is."""
    upto, passed = 0.0, 0.0
    for p in range(classes.shape[0]):
        own = classes[p]
        if own > 0.0:
            upto += own
            lead = _lead(plan, state, upto / served, min(1.0, asking / served), share) * firsts
            passes = min(upto, share * upto * (1.0 + lead), share * asking)
            classes[p] = min(1.0, (passes - passed) / own)
            passed = passes


@part
def _lead(plan: Plan, state: State, higher: float, of_all: float, share: float) -> float:
    """The lead of classes that are `higher` of all that is served, where `of_all` of it asks: whoever asks
    others lengthens the gaps, and takes room in batches, of which so many messages ask here as count."""
    one, whole = 0.0, 0.0
    if plan.asking_spread < REGULAR:
        thin, dense = state.rhythm[THIN], state.rhythm[DENSE]
        if state.rhythm[KEPT] == 0.0:
            thin, dense = 1.0, 1.0
        one = float(lead_of_clumps(higher, of_all, share, plan.workers, thin, dense))
    if plan.leads.shape[0] > 0:
        if plan.asking_spread >= REGULAR and of_all - higher > REGULAR:
            one = _look_up(plan, 0, higher, share) * (of_all - higher) / (1.0 - higher)
        if plan.batch > 1 and plan.batch * of_all > 1.0:
            whole = math.log(plan.batch * of_all) / math.log(1.0 * plan.batch)
            one = one * (1.0 - whole) + whole * _look_up(plan, 1, higher / of_all, share)
    return one


@part
def _look_up(plan: Plan, table: int, class_share: float, passes: float) -> float:
    """A table of Plan.leads between its points."""
    last = plan.leads.shape[1] - 1
    row, column = min(1.0, class_share) * last, min(1.0, passes) * last
    i, j = min(int(row), last - 1), min(int(column), last - 1)
    x, y, leads = row - i, column - j, plan.leads
    low = leads[table, i, j] + y * (leads[table, i, j + 1] - leads[table, i, j])
    high = leads[table, i + 1, j] + y * (leads[table, i + 1, j + 1] - leads[table, i + 1, j])
    return float(low + x * (high - low))


@part
def _share_batches(batches: float, varied: bool, left: float, classes: Floats) -> None:
    """Of a batch that need not be full the higher classes ask first, and take what opened since the last one,
    `left` in all.

    Batches are taken and end at random moments: an exponential number of mean `opened` has opened for one,
    and of a class that goes first it holds a geometric number (the mean where services do not vary), of all
    as well. What earlier batches left over passes as much more as makes all that pass.
    """
    rest = 0.0
    for p in range(classes.shape[0]):
        rest += classes[p]
    for p in range(classes.shape[0]):
        asking = classes[p]
        if asking <= 0.0 or left <= 0.0:
            classes[p] = 0.0
        elif asking >= rest * (1.0 - REGULAR):
            classes[p] = min(1.0, left / asking)
        else:
            opened, passes = left / batches, left / rest
            least = 1.0 - math.exp(-1.0 / opened)
            of_first = opened * least / (1.0 + asking / batches * least)
            if not varied:
                first = max(1.0, asking / batches)
                of_first = opened / first * (1.0 - math.exp(-first / opened))
            of_all = opened * least / (1.0 + rest / batches * least)
            saved = max(0.0, (passes - of_all) / (1.0 - of_all))
            classes[p] = min(1.0, left / asking, saved + (1.0 - saved) * of_first)
        left -= asking * classes[p]
        rest -= asking
