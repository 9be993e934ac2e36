"""Runs of spans in which a limit surely passes all that asks, and what it books then, against one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.providers import limit_of
from sim.pipeline import breakerlaws, calllaws, deferrallaws, limitlaws, limits, sparelaws
from sim.pipeline.limits import SWITCH, WINDOW, Fluid, law

EPOCH_S = 1_763_938_800.0
RATE = 100.0
"""What every limit below passes in the long run, or for long, in messages/s: about."""
LIMITS: dict[str, dict[str, Any]] = {
    "token_bucket": {"kind": "token bucket", "rate": "100/s", "burst": 150},
    "window": {"kind": "fixed window", "messages": 2000, "window": "20s"},
    "window of a bucket": {"kind": "refilled bucket", "messages": 1500, "every": "15s", "phase": "4s"},
    "window at odds with spans": {
        "kind": "refilled bucket",
        "messages": 730,
        "every": "7.3s",
        "phase": "2.6s",
    },
    "window shorter than spans": {"kind": "fixed window", "messages": 60, "window": "600ms"},
    "rolling": {"kind": "rolling quota", "messages": 3000, "window": "30s"},
    "switch": {"kind": "switch-off", "messages": 3000, "window": "30s", "off": "9s"},
    "started": {"kind": "concurrency cap", "calls": 60, "call_duration": "300ms"},
    "started, a call for a span": {"kind": "concurrency cap", "calls": 150, "call_duration": "960ms"},
    "started, calls longer than spans": {"kind": "concurrency cap", "calls": 400, "call_duration": "2500ms"},
    "paced": {"kind": "paced queue", "rate": "100/s", "queue": "5s"},
    "reputation": {
        "kind": "mailbox deferral",
        "rate": "110/s",
        "burst": 200,
        "review": "10s",
        "reputation": 0.8,
    },
    "warm_up": {"kind": "ip warm-up", "ips": 10, "day": 10},
}
SPANS_S = (1.0, 0.5, 4.0)
AT_ODDS = (
    "window at odds with spans",
    "window shorter than spans",
    "started, a call for a span",
    "started, calls longer than spans",
)
"""Of these some spans, or all, are left to be asked one by one."""


def fluid_of(name: str) -> Fluid:
    return law(limit_of(LIMITS[name]), 0.0, EPOCH_S).fluid


def opened(fluid: Fluid, state: list[float], at: int, span_s: float, asking: float) -> float:
    """The most of `asking` that one span passes."""
    if fluid.law == WINDOW:
        return limitlaws.window_pass(state, fluid.figures, at * span_s, span_s, asking)
    if fluid.law == SWITCH:
        return limitlaws.switch_pass(state, fluid.figures, at * span_s, span_s, asking)
    return limits._OPENS[fluid.law](state, fluid.figures, at * span_s, span_s)


def book(fluid: Fluid, state: list[float], at: int, span_s: float, asking: float) -> float:
    """One span; returns how many of those asking pass."""
    taken = max(0.0, min(asking, opened(fluid, state, at, span_s, asking)))
    if fluid.law == WINDOW:
        limitlaws.window_book(state, fluid.figures, at * span_s, span_s, asking, taken)
    elif fluid.law == SWITCH:
        limitlaws.switch_book(state, fluid.figures, at * span_s, span_s, asking, taken)
    else:
        TAKES[fluid.law](state, fluid.figures, at * span_s, taken)
    return taken


TAKES = (
    limitlaws.token_bucket_take,
    limitlaws.window_take,
    limitlaws.rolling_take,
    limitlaws.switch_take,
    deferrallaws.paced_take,
    deferrallaws.reputation_take,
    deferrallaws.warm_up_take,
    calllaws.started_take,
)
"""By the law of amounts."""


def run_laws(name: str) -> tuple[Any, Any]:
    kind = next(
        kind for kind in ("token_bucket", "warm_up", name.split()[0].rstrip(",")) if name.startswith(kind)
    )
    return getattr(sparelaws, f"{kind}_spare"), getattr(sparelaws, f"{kind}_note")


@st.composite
def runs(draw: st.DrawFn) -> tuple[float, Sequence[float], Sequence[float]]:
    """A span, what asked before, about or above the limit, and what asks then: mostly below it."""
    span_s = draw(st.sampled_from(SPANS_S))
    loads = st.floats(0.0, 1.6) | st.sampled_from([0.0, 0.9, 1.0, 3.0])
    before = draw(st.lists(loads, max_size=40))
    level = draw(st.sampled_from([0.3, 0.7, 0.95, 1.0, 1.05]))
    asks = draw(st.lists(st.floats(0.6, 1.1) | st.just(0.0), min_size=1, max_size=40))
    return span_s, [x * RATE * span_s for x in before], [x * level * RATE * span_s for x in asks]


@pytest.mark.parametrize("name", LIMITS)
@settings(deadline=None, max_examples=25)
@given(run=runs())
def test_a_sure_run_passes_whole_span_by_span_and_leaves_the_same_behind(
    name: str, run: tuple[float, Sequence[float], Sequence[float]]
) -> None:
    span_s, before, asks = run
    fluid, (spare, note), first = fluid_of(name), run_laws(name), len(before)
    state = list(fluid.state)
    for at, asking in enumerate(before):
        book(fluid, state, at, span_s, asking)
    n = spare(state, fluid.figures, first, span_s, asks)
    one_by_one, together = list(state), list(state)
    for i in range(n):
        assert book(fluid, one_by_one, first + i, span_s, asks[i]) == pytest.approx(asks[i], rel=1e-9)
    if n:
        note(together, fluid.figures, first, span_s, asks[:n])
    for at in range(first + n, first + n + 12):
        asking = 1.02 * RATE * span_s
        found = [book(fluid, own, at, span_s, asking) for own in (together, one_by_one)]
        assert found[0] == pytest.approx(found[1], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", LIMITS)
@settings(deadline=None, max_examples=25)
@given(run=runs())
def test_looking_for_a_sure_run_changes_nothing(
    name: str, run: tuple[float, Sequence[float], Sequence[float]]
) -> None:
    span_s, before, asks = run
    fluid, spare = fluid_of(name), run_laws(name)[0]
    looked, other = list(fluid.state), list(fluid.state)
    for at, asking in enumerate(before):
        spare(looked, fluid.figures, at, span_s, asks)
        found = [book(fluid, own, at, span_s, asking) for own in (looked, other)]
        assert found[0] == pytest.approx(found[1], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in LIMITS if name not in AT_ODDS])
@pytest.mark.parametrize("load", [0.0, 0.5])
def test_at_half_of_its_rate_a_limit_is_sure_for_long(name: str, load: float) -> None:
    fluid, spare = fluid_of(name), run_laws(name)[0]
    assert spare(list(fluid.state), fluid.figures, 0, 1.0, [load * RATE] * 32) == 32


@pytest.mark.parametrize("name", LIMITS)
def test_a_span_that_asks_for_too_much_is_never_sure(name: str) -> None:
    fluid, spare = fluid_of(name), run_laws(name)[0]
    assert spare(list(fluid.state), fluid.figures, 0, 1.0, [0.0, 0.0, 1e5, 0.0]) <= 2


calls = st.lists(st.floats(0.0, 50.0), min_size=1, max_size=60)


@settings(deadline=None)
@given(before=calls, failed=st.floats(0.0, 60.0), asks=calls, span_s=st.sampled_from([0.5, 1.0, 7.0]))
def test_a_breaker_that_rests_stays_closed_and_counts_what_it_counts_span_by_span(
    before: Sequence[float], failed: float, asks: Sequence[float], span_s: float
) -> None:
    figures, state, first = (0.5, 10.0, 20.0, 30.0, 3.0), list(breakerlaws.CLOSED), len(before)
    for i, asking in enumerate(before):
        if breakerlaws.breaker_wait(state, figures, i * span_s) == 0.0 and asking > 0.0:
            breakerlaws.breaker_note(
                state, figures, i * span_s, asking, min(asking, failed) if i % 2 else 0.0
            )
    if not breakerlaws.breaker_rests(state, figures, first * span_s):
        return
    together = list(state)
    for i, asking in enumerate(asks):
        assert breakerlaws.breaker_wait(state, figures, (first + i) * span_s) == 0.0
        breakerlaws.breaker_note(state, figures, (first + i) * span_s, asking, 0.0)
    breakerlaws.breaker_note_run(together, figures, first, span_s, asks)
    assert together == pytest.approx(state, rel=1e-12)
