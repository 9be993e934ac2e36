"""The cohort's providers with more than plain limits are asked: breakers, outages, then their own queues and
mailboxes. Compiled into sim.pipeline.kernelbeyond.
"""

from __future__ import annotations

from sim.pipeline.breakerlaws import TO_PASS
from sim.pipeline.columns import ALIVE, DEFERRED_UNTIL, DETOUR, MASS, PIECES, PROVIDER, STREAM
from sim.pipeline.kernelcache import part
from sim.pipeline.kerneldoor import let_ask
from sim.pipeline.kernellimits import (
    breaker_note,
    breaker_probes,
    breaker_wait,
    limit_book,
    limit_open,
    limit_pass,
    limit_refuse,
    limit_take,
    limit_wait,
)
from sim.pipeline.kernelparts import turn_below_bin
from sim.pipeline.kernelrows import TINY
from sim.pipeline.limits import LITTLE_BY_LITTLE
from sim.pipeline.provisions import (
    ASKED_SHARE,
    ASKING,
    AT_ONCE,
    BINDS,
    BREAKER_FIGURES,
    BREAKER_STATE,
    BREAKS,
    DEFERS,
    DEFERS_UNTIL,
    DEPTH,
    FIRSTS,
    HEEDS,
    KEPT,
    LIGHT_CHANCE,
    LIGHT_S,
    MAIL_BIN,
    MAIL_BINDS,
    MAIL_FIRSTS,
    MAIL_SHARE,
    OUT,
    PACE_ROW,
    STANDBY,
    TELLS,
    TOLD_LAST,
    TOLD_S,
    TURN_FROM_S,
    TURN_TO_S,
)
from sim.pipeline.state import Floats, Plan, State


@part
def ask_standbys(plan: Plan, state: State, t: int, busy: float, shares: Floats) -> None:
    """Ask the standbys for what of this bin's pieces the others do not take. busy: see `ask_one`."""
    for w in range(shares.shape[0]):
        if plan.providers[w, STANDBY] > 0.0:
            asking = 0.0
            for i in range(state.marks[PIECES]):
                s = int(state.pieces[i, STREAM])
                detour = int(plan.streams[s, DETOUR])
                if detour >= 0 and int(plan.streams[detour, PROVIDER]) == w:
                    asking += state.pieces[i, MASS] * (1.0 - shares[int(plan.streams[s, PROVIDER])])
            shares[w] = ask_one(plan, state, t, w, asking, busy)


@part
def ask_one(plan: Plan, state: State, t: int, v: int, asking: float, busy: float) -> float:
    """The share of `asking` messages that provider `v` takes in bin `t`. busy: the workers' share of it.

    A breaker that is open at its beginning lets them ask in the rest of it, in which limits open.
    """
    figures, own = plan.providers[v], state.providers[v]
    from_s, for_s = let_ask(plan, state, t, v)
    let_in = asking * for_s / plan.bin_s if for_s > 0.0 else 0.0
    asks = let_in, own[FIRSTS] * for_s / plan.bin_s
    first, last = plan.limit_first[v], plan.limit_first[v + 1]
    opened = 0.0 if figures[OUT] > 0.0 else let_in
    for row in range(first, last):
        own_open = limit_pass(plan, state.limits[row], plan.limit_figures[row], from_s, for_s, asks, busy)
        if own_open < opened:
            opened, own[BINDS] = own_open, plan.limit_figures[row, -1]
    asked = let_in
    if figures[BREAKS] > 0.0:
        asked = _through_breaker(plan, state, v, from_s, let_in, opened)
    admitted = max(0.0, min(asked, opened))
    for row in range(first, last):
        if admitted < asked:
            _refuse(state.limits[row], plan.limit_figures[row], from_s, for_s, asked)
        limit_book(state.limits[row], plan.limit_figures[row], from_s, for_s, asked, admitted)
    own[ASKING], own[TOLD_S], own[AT_ONCE] = asking, 0.0, 1.0
    own[ASKED_SHARE] = asked / asking if asking > 0.0 else 1.0
    if admitted < asking and figures[HEEDS] > 0.0:
        own[TOLD_S] = _told(plan, state, t, v, asked < asking)
        own[TOLD_LAST] = max(own[TOLD_S], own[TOLD_LAST])
    if figures[PACE_ROW] >= 0.0 or figures[DEFERS] > 0.0:
        _go_behind(plan, state, t, v, admitted)
    return admitted / asking if asking > 0.0 else 1.0


@part
def _refuse(limit: Floats, figures: Floats, now_s: float, span_s: float, asked: float) -> None:
    """Tell a limit of what it refused itself of `asked`, before what passed is booked."""
    refused = asked - max(0.0, limit_open(limit, figures, now_s, span_s))
    if refused > 0.0:
        limit_refuse(limit, figures, now_s, refused)


@part
def _through_breaker(plan: Plan, state: State, v: int, now_s: float, let_in: float, opened: float) -> float:
    """How many of `let_in` messages that come from `now_s` on ask, when `opened` of them would be taken."""
    breaker, figures = state.providers[v, :BREAKER_STATE], plan.providers[v, :BREAKER_FIGURES]
    if let_in <= TINY:
        return 0.0
    asked = breaker_probes(breaker, let_in, opened)
    probes = min(asked, breaker[TO_PASS])
    if 0.0 < probes <= opened:
        breaker_note(breaker, figures, now_s, probes, 0.0)
    else:
        probes = 0.0
    failed = max(0.0, asked - max(0.0, opened))
    if asked > probes:
        failed = failed if failed > 1e-9 * asked else 0.0
        breaker_note(breaker, figures, now_s, asked - probes, failed)
    return float(asked)


@part
def _told(plan: Plan, state: State, t: int, v: int, withheld: bool) -> float:
    """The moment until which messages that are not taken in bin `t` are told to wait; below 0, for how long
    from then on, where a limit opens little by little; 0.0 = not told.

    Who asks before a moment within the bin is told that one, as who asked in the bins before.
    """
    ends_s, wait_s, own = (t + 1) * plan.bin_s, 0.0, state.providers[v]
    within_s = own[TOLD_LAST] if t * plan.bin_s < own[TOLD_LAST] < ends_s else 0.0
    if withheld:
        wait_s = breaker_wait(own[:BREAKER_STATE], plan.providers[v, :BREAKER_FIGURES], ends_s)
        return ends_s + wait_s if wait_s > 0.0 else within_s
    if plan.providers[v, TELLS] == 0.0 or plan.providers[v, OUT] > 0.0:
        return 0.0
    law = int(own[BINDS])
    for row in range(plan.limit_first[v], plan.limit_first[v + 1]):
        figures = plan.limit_figures[row]
        own_s = limit_wait(state.limits[row], figures, ends_s)
        if own_s > wait_s:
            wait_s, law = own_s, int(figures[-1])
    if wait_s <= 0.0 and within_s > 0.0:
        return within_s
    return -wait_s if law in LITTLE_BY_LITTLE else ends_s + wait_s


@part
def _go_behind(plan: Plan, state: State, t: int, v: int, admitted: float) -> None:
    """What happens behind the door of provider `v` to what it takes in bin `t`."""
    paced = plan.providers[v, PACE_ROW] >= 0.0
    if paced:
        _take_turns(plan, state, v, admitted)
    if plan.providers[v, DEFERS] > 0.0:
        ask_mailboxes(plan, state, t, v, 0.0 if paced else admitted)
        if state.providers[v, MAIL_SHARE] < 1.0 or (paced and admitted > 0.0):
            state.providers[v, AT_ONCE] = 0.0


@part
def _take_turns(plan: Plan, state: State, v: int, admitted: float) -> None:
    """The waits for a turn in the provider's own queue, of what it takes in bin `t`."""
    row, own, h = int(plan.providers[v, PACE_ROW]), state.providers[v], plan.bin_s
    queue, figures = state.limits[row], plan.limit_figures[row]
    rate, validity_s = figures[0], figures[2]
    before = max(0.0, queue[0] - admitted)
    kept = min(admitted, max(0.0, validity_s * rate - before + rate * h))
    queue[0] = before + kept
    after = max(0.0, before + kept - rate * h)
    own[KEPT] = kept / admitted if admitted > 0.0 else 1.0
    own[TURN_FROM_S], own[TURN_TO_S] = before / rate, after / rate
    own[LIGHT_S] = own[LIGHT_CHANCE] = 0.0
    if before <= 0.0 and after <= 0.0:
        own[LIGHT_S], own[LIGHT_CHANCE] = turn_below_bin(rate, h, kept)
    else:
        own[AT_ONCE] = 0.0
    if own[KEPT] < 1.0:
        own[AT_ONCE] = 0.0


@part
def ask_mailboxes(plan: Plan, state: State, t: int, v: int, newcomers: float) -> None:
    """Ask the mailbox providers behind provider `v` for newcomers and for what is due for another try."""
    own, now_s, providers = state.providers[v], t * plan.bin_s, plan.providers.shape[0]
    asking = newcomers + _returning(plan, state, t, v)
    admitted = asking
    first, last = plan.limit_first[providers + v], plan.limit_first[providers + v + 1]
    for row in range(first, last):
        opened = limit_open(state.limits[row], plan.limit_figures[row], now_s, plan.bin_s)
        if opened < admitted:
            admitted, own[MAIL_BINDS] = max(0.0, opened), plan.limit_figures[row, -1]
    for row in range(first, last):
        if admitted < asking:
            _refuse(state.limits[row], plan.limit_figures[row], now_s, plan.bin_s, asking)
        limit_take(state.limits[row], plan.limit_figures[row], now_s, admitted)
    own[MAIL_SHARE] = admitted / asking if asking > 0.0 else 1.0
    own[MAIL_FIRSTS] = newcomers / asking if asking > 0.0 else 1.0
    own[MAIL_BIN] = t


@part
def _returning(plan: Plan, state: State, t: int, v: int) -> float:
    """Messages that provider `v` tries in bin `t`: deferred before, or at their turn in its own queue."""
    total = 0.0
    if t > state.providers[v, DEFERS_UNTIL] + 1.0:
        return total
    for i in range(state.marks[ALIVE]):
        row = state.alive[i]
        if int(plan.streams[row, PROVIDER]) == v and t <= state.streams[row, DEFERRED_UNTIL] + 1.0:
            total += _returning_in(plan, state, t, v, row)
    return total


@part
def _returning_in(plan: Plan, state: State, t: int, v: int, row: int) -> float:
    """The same of one row; after the last of it, rounding is cleared."""
    total, over = 0.0, t > state.streams[row, DEFERRED_UNTIL]
    for tries in range(int(state.providers[v, DEPTH])):
        change = state.deferred[tries, row, t % state.deferred.shape[2]]
        level = state.deferred_level[row, tries]
        _age(level, plan.bin_s)
        for moment in range(3):
            level[moment] = 0.0 if over else level[moment] + change[moment]
            change[moment] = 0.0
        total += max(0.0, level[0])
    if plan.providers[v, PACE_ROW] >= 0.0:
        total += state.queued[row, t % state.queued.shape[1], 0]
    return total


@part
def _age(level: Floats, span_s: float) -> None:
    """Sums of messages' delays and squared delays when all have become so much longer."""
    level[2] += span_s * (2.0 * level[1] + span_s * level[0])
    level[1] += span_s * level[0]
