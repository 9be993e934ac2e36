"""The laws of limits, told apart by number, of breakers and of budgets, compiled for the cohort kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

from sim.pipeline import breakerlaws, calllaws, deferrallaws, limitlaws, retries, rhythmlaws
from sim.pipeline.calllaws import CALL_S, CALLS, LEAST_SPREAD
from sim.pipeline.kernelcache import part
from sim.pipeline.limits import PACED, REPUTATION, ROLLING, STARTED, SWITCH, WARM_UP, WINDOW
from sim.pipeline.state import Floats, Plan

BEHIND_LAWS = (PACED, REPUTATION, WARM_UP)


def compiled_laws(module: ModuleType, *known: Mapping[str, Any]) -> dict[str, Any]:
    """The functions of a module by name, compiled, calling each other's compiled selves, and those `known` of
    other modules."""
    space = dict(vars(module))
    plain = {name: it for name, it in space.items() if isinstance(it, FunctionType)}
    for name in [name for name, it in plain.items() if it.__module__ != module.__name__]:
        space[name] = next(own[name] for own in known if name in own)
        del plain[name]
    # numba looks a name up when it compiles its caller, so all may stand in one space before any is compiled
    space.update({name: part(FunctionType(it.__code__, space, name)) for name, it in plain.items()})
    return space


PLAIN, DEFERRALS, CALLING = (compiled_laws(each) for each in (limitlaws, deferrallaws, calllaws))
"""Compiled, by name."""
_leads = compiled_laws(rhythmlaws, CALLING)
lead_of_clumps, thin_wait = _leads["lead_of_clumps"], _leads["thin_wait"]
_breaker, _retries = compiled_laws(breakerlaws), compiled_laws(retries)
_bucket_open, _bucket_take = PLAIN["token_bucket_open"], PLAIN["token_bucket_take"]
_window_open, _window_take = PLAIN["window_open"], PLAIN["window_take"]
_rolling_open, _rolling_take = PLAIN["rolling_open"], PLAIN["rolling_take"]
_switch_open, _switch_take = PLAIN["switch_open"], PLAIN["switch_take"]
_started_open, _started_take = CALLING["started_open"], CALLING["started_take"]
_started_idle, blocked_share = CALLING["started_idle"], CALLING["blocked_share"]
_idle_in_rhythm, _blocked_by_chance = CALLING["idle_in_rhythm"], CALLING["blocked_by_chance"]
_blocks_nobody = CALLING["blocks_nobody"]
_window_pass, _window_book = PLAIN["window_pass"], PLAIN["window_book"]
_switch_pass, _switch_book = PLAIN["switch_pass"], PLAIN["switch_book"]
_bucket_wait, _window_wait = PLAIN["token_bucket_wait"], PLAIN["window_wait"]
_rolling_wait, _switch_wait = PLAIN["rolling_wait"], PLAIN["switch_wait"]
_started_wait = CALLING["started_wait"]
_paced_open, _paced_take, _paced_wait = (DEFERRALS[f"paced_{what}"] for what in ("open", "take", "wait"))
_mail_open, _mail_take, _mail_wait = (DEFERRALS[f"reputation_{what}"] for what in ("open", "take", "wait"))
_warm_open, _warm_take, _warm_wait = (DEFERRALS[f"warm_up_{what}"] for what in ("open", "take", "wait"))
_mail_refuse = DEFERRALS["reputation_refuse"]
breaker_wait, breaker_note = _breaker["breaker_wait"], _breaker["breaker_note"]
breaker_probes, breaker_rests = _breaker["breaker_probes"], _breaker["breaker_rests"]
breaker_note_run = _breaker["breaker_note_run"]
budget_earn, budget_spend = _retries["budget_earn"], _retries["budget_spend"]


@part
def plain_open(state: Floats, figures: Floats, now_s: float, span_s: float) -> float:
    """The most that a limit passes in [now_s, now_s + span_s); the last of its figures says which law: one of
    PLAIN_LAWS."""
    law = int(figures[-1])
    if law == WINDOW:
        return float(_window_open(state, figures, now_s, span_s))
    if law == ROLLING:
        return float(_rolling_open(state, figures, now_s, span_s))
    if law == SWITCH:
        return float(_switch_open(state, figures, now_s, span_s))
    if law == STARTED:
        return float(_started_open(state, figures, now_s, span_s))
    return float(_bucket_open(state, figures, now_s, span_s))


@part
def plain_pass(
    plan: Plan,
    state: Floats,
    figures: Floats,
    now_s: float,
    span_s: float,
    asking: tuple[float, float],
    busy: float,
) -> float:
    """The most that a limit of one of PLAIN_LAWS passes of so many messages of a span.

    asking: all, and first attempts; busy: the share of the span that their workers are.
    """
    law = int(figures[-1])
    if law == WINDOW:
        return float(_window_pass(state, figures, now_s, span_s, asking[0]))
    if law == SWITCH:
        return float(_switch_pass(state, figures, now_s, span_s, asking[0]))
    if law == STARTED:
        return float(_calls_pass(plan, state, figures, now_s, span_s, asking, busy))
    return float(plain_open(state, figures, now_s, span_s))


@part
def _calls_pass(
    plan: Plan,
    state: Floats,
    figures: Floats,
    now_s: float,
    span_s: float,
    asks: tuple[float, float],
    busy: float,
) -> float:
    """The same of a cap on calls.

    Workers who are never idle ask as evenly as they serve, and where they serve evenly in a rhythm; of others
    the moments are those of what comes, made even by sqrt(c) workers (Whitt 1983). How many first attempts
    come in a bin is known, of retries only how many on average.
    """
    asking = asks[0]
    opened = float(_started_open(state, figures, now_s, span_s))
    if _blocks_nobody(figures, span_s, asking):
        return opened
    offered = asking * figures[CALL_S] / span_s
    share = min(1.0, asking / plan.capacity * plan.bin_s / span_s)
    excess, always = share * (plan.asking_spread - 1.0), busy >= 1.0
    if plan.batch == 1 and not always:
        excess *= busy / math.sqrt(max(1.0, plan.workers))
    if offered > figures[CALLS]:
        idle = float(_started_idle(figures, offered, max(1.0 + excess, LEAST_SPREAD)))
        if always and excess < 0.0 and plan.workers > 1.0:
            starts = figures[CALLS] / figures[CALL_S] * plan.bin_s * plan.workers / plan.capacity
            idle -= excess * float(_idle_in_rhythm(max(starts, share * plan.workers), starts))
        opened -= idle * math.ceil(span_s / figures[CALL_S] - 1e-9)
    if always:
        told, untold = share * plan.asking_spread, 1.0 - share
    else:
        told = (1.0 + excess) * min(1.0, asks[1] / asking) if asking > 0.0 else 0.0
        untold = 1.0 + excess - told
    spreads = asking, told, untold
    return min(opened, asking * (1.0 - float(_blocked_by_chance(state, figures, now_s, span_s, spreads))))


@part
def limit_open(state: Floats, figures: Floats, now_s: float, span_s: float) -> float:
    """The same of a limit of any law."""
    law = int(figures[-1])
    if law == PACED:
        return float(_paced_open(state, figures, now_s, span_s))
    if law == REPUTATION:
        return float(_mail_open(state, figures, now_s, span_s))
    if law == WARM_UP:
        return float(_warm_open(state, figures, now_s, span_s))
    return float(plain_open(state, figures, now_s, span_s))


@part
def plain_take(state: Floats, figures: Floats, now_s: float, messages: float) -> None:
    """Book an amount with a limit of one of PLAIN_LAWS."""
    law = int(figures[-1])
    if law == WINDOW:
        _window_take(state, figures, now_s, messages)
    elif law == ROLLING:
        _rolling_take(state, figures, now_s, messages)
    elif law == SWITCH:
        _switch_take(state, figures, now_s, messages)
    elif law == STARTED:
        _started_take(state, figures, now_s, messages)
    else:
        _bucket_take(state, figures, now_s, messages)


@part
def limit_pass(
    plan: Plan,
    state: Floats,
    figures: Floats,
    now_s: float,
    span_s: float,
    asking: tuple[float, float],
    busy: float,
) -> float:
    """The same as `plain_pass` of a limit of any law; a span may be over before it begins."""
    law = int(figures[-1])
    if span_s <= 0.0 or law in BEHIND_LAWS:
        return float(limit_open(state, figures, now_s, span_s))
    return float(plain_pass(plan, state, figures, now_s, span_s, asking, busy))


@part
def plain_book(
    state: Floats, figures: Floats, now_s: float, span_s: float, asking: float, messages: float
) -> None:
    """Book with a limit of one of PLAIN_LAWS those of `asking` messages of a span who pass."""
    law = int(figures[-1])
    if law == WINDOW:
        _window_book(state, figures, now_s, span_s, asking, messages)
    elif law == SWITCH:
        _switch_book(state, figures, now_s, span_s, asking, messages)
    else:
        plain_take(state, figures, now_s, messages)


@part
def limit_book(
    state: Floats, figures: Floats, now_s: float, span_s: float, asking: float, messages: float
) -> None:
    """The same with a limit of any law."""
    law = int(figures[-1])
    if span_s <= 0.0 or law in BEHIND_LAWS:
        limit_take(state, figures, now_s, messages)
    else:
        plain_book(state, figures, now_s, span_s, asking, messages)


@part
def limit_take(state: Floats, figures: Floats, now_s: float, messages: float) -> None:
    """The same with a limit of any law."""
    law = int(figures[-1])
    if law == PACED:
        _paced_take(state, figures, now_s, messages)
    elif law == REPUTATION:
        _mail_take(state, figures, now_s, messages)
    elif law == WARM_UP:
        _warm_take(state, figures, now_s, messages)
    else:
        plain_take(state, figures, now_s, messages)


@part
def limit_refuse(state: Floats, figures: Floats, now_s: float, messages: float) -> None:
    """Tell a limit that wants to know that it refused an amount."""
    if int(figures[-1]) == REPUTATION:
        _mail_refuse(state, figures, now_s, messages)


@part
def limit_wait(state: Floats, figures: Floats, now_s: float) -> float:
    """Seconds until one message would pass; 0.0 where nobody can tell."""
    law = int(figures[-1])
    if law == WINDOW:
        wait_s = _window_wait(state, figures, now_s, 1.0)
    elif law == ROLLING:
        wait_s = _rolling_wait(state, figures, now_s, 1.0)
    elif law == SWITCH:
        wait_s = _switch_wait(state, figures, now_s, 1.0)
    elif law == STARTED:
        wait_s = _started_wait(state, figures, now_s, 1.0)
    elif law == PACED:
        wait_s = _paced_wait(state, figures, now_s, 1.0)
    elif law == REPUTATION:
        wait_s = _mail_wait(state, figures, now_s, 1.0)
    elif law == WARM_UP:
        wait_s = _warm_wait(state, figures, now_s, 1.0)
    else:
        wait_s = _bucket_wait(state, figures, now_s, 1.0)
    return 0.0 if wait_s == math.inf else float(wait_s)
