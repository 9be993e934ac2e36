"""The message resolution against closed forms: each inside the 99.9 % interval of replications.

Two sizes of the same cases: coarse and quick here, and to 1 % of the value under `torture`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sim import histogram
from sim.outcome import Outcome
from sim.pipeline.workers import serve
from tests.theory import closed_forms as theory
from tests.theory.stationary import MEASURED, Queue, crew, interval, replications, sojourn_s

QUICK, SHARP = 10, 30
"""Replications."""
QUICK_MESSAGES = 40_000
HALF_SHARE = 0.01
"""Half of the interval may be this share of the value."""
S = float(histogram.CENTRES[histogram.index([0.02])[0]])
"""A service time of 20 ms in the middle of a bin of delays: constant ones are counted as what they are."""


def wait_s(outcome: Outcome) -> float:
    """The same without the mean service."""
    return sojourn_s(outcome) - S


def share(fate: str) -> Callable[[Outcome], float]:
    """Of all offered, how many met this fate."""
    return lambda outcome: float(
        outcome.rows(fate)[MEASURED].sum(dtype=float) / outcome.rows("offered")[MEASURED].sum(dtype=float)
    )


def waiting(servers: int, load: float) -> Callable[[Outcome], float]:
    """The chance to wait, in proportion to the mean wait in M/M/c."""
    return lambda outcome: wait_s(outcome) * (servers - load) / S


@dataclass(frozen=True)
class Case:
    """A queue, the figure that is asked of it, its exact value.

    messages: how many bring that precision, over all replications.
    """

    queue: Queue
    figure: Callable[[Outcome], float]
    exact: float
    messages: float


def at(load: float, workers: dict[str, Any], freshness_s: float = 1e6, **parts: Any) -> Queue:
    """A queue under `load` erlangs."""
    return Queue(load / S, workers, parts, freshness_s)


def cap(calls: int) -> list[dict[str, Any]]:
    """A provider that refuses who finds all calls taken."""
    limits = [{"kind": "concurrency cap", "calls": calls, "call_duration": f"{S!r}s"}]
    return [{"name": "p", "channels": ["email"], "limits": limits}]


def case(
    name: str,
    messages: float,
    queue: Queue,
    figure: Callable[[Outcome], float],
    exact: float,
) -> Any:
    """A case under its name."""
    return pytest.param(Case(queue, figure, exact, messages), id=name)


def batches(load: float) -> Queue:
    """One worker that takes up to four messages at once."""
    return at(load, crew(1, S, "deterministic") | {"batch": 4})


def varied(variation: float) -> dict[str, Any]:
    """One worker."""
    return crew(1, S, "lognormal", variation)


EXPONENTIAL = crew(1, S, "exponential")
IMPATIENT = at(0.9, EXPONENTIAL, 3.0 * S)
THREE = crew(3, S, "exponential")
EIGHT_PLACES = at(3.6, THREE, queue={"bound": 5})
UNWAITING = at(5.0, crew(4, S, "lognormal", 1.0), freshness_s=1e-9)
CALLS = at(5.0, crew(500, S, "exponential"), provider=cap(4), retries={"attempts": 1})
every_case = pytest.mark.parametrize(
    "case",
    [
        case("M/M/1", 3.2e6, at(0.6, EXPONENTIAL), sojourn_s, S / (1.0 - 0.6)),
        case("M/M/3", 1.0e6, at(1.8, THREE), sojourn_s, S + theory.mmc_wait_s(3, 1.8, S)),
        case("Erlang C", 12e6, at(1.0, crew(2, S, "exponential")), waiting(2, 1.0), theory.erlang_c(2, 1.0)),
        case("M/D/1", 1.8e6, at(0.5, crew(1, S, "deterministic")), wait_s, theory.mg1_wait_s(0.5, S, 0.0)),
        case("M/G/1, even", 3.4e6, at(0.5, varied(0.5)), wait_s, theory.mg1_wait_s(0.5, S, 0.5)),
        case("M/G/1, varied", 2e6, at(0.4, varied(1.2)), sojourn_s, S + theory.mg1_wait_s(0.4, S, 1.2)),
        case("M/M/3/8, lost", 1.8e6, EIGHT_PLACES, share("rejected"), theory.mmck(3, 8, 3.6)[-1]),
        case("M/M/3/8, inside", 7e5, EIGHT_PLACES, sojourn_s, theory.mmck_sojourn_s(3, 8, 3.6, 3.6 / S)),
        case("Erlang B, workers", 4e5, UNWAITING, share("expired"), theory.erlang_b(4, 5.0)),
        case("Erlang B, calls", 4e5, CALLS, share("failed"), theory.erlang_b(4, 5.0)),
        case("batches, half full", 8e5, batches(1.2), wait_s, theory.bulk_wait_s(1.2, S, 4)),
        case("batches, full", 8e5, batches(2.2), wait_s, theory.bulk_wait_s(2.2, S, 4)),
        case("patience", 3e6, IMPATIENT, share("expired"), theory.impatient_loss(0.9, 3.0)),
    ],
)


def assert_inside(case: Case, n: int, messages: float, half_share: float) -> None:
    measured_s = int(messages / case.queue.rate_per_s / n) + 1
    found = interval([case.figure(outcome) for outcome in replications(case.queue, n, measured_s)])
    assert found.half <= half_share * case.exact, f"{found} is too wide to tell anything"
    assert abs(found.mean - case.exact) <= found.half, f"{found}, exact {case.exact:.6g}"


@every_case
def test_the_interval_of_replications_holds_the_exact_value(case: Case) -> None:
    """As wide as so few messages make it."""
    half_share = 2.0 * HALF_SHARE * math.sqrt(case.messages / QUICK_MESSAGES)
    assert_inside(case, QUICK, QUICK_MESSAGES, half_share)


@pytest.mark.torture
@pytest.mark.timeout(900)
@every_case
def test_the_interval_holds_the_exact_value_to_one_percent(case: Case) -> None:
    assert_inside(case, SHARP, case.messages, HALF_SHARE)


@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0])
def test_served_schedules_wait_as_pollaczek_and_khinchine_say(variation: float) -> None:
    """The arithmetic that calibration fits with."""
    found = []
    for seed in range(QUICK):
        random = np.random.default_rng(seed)
        due_s = np.cumsum(random.exponential(1.0, 60_000))
        sigma2 = math.log1p(variation**2)
        service_s = 0.6 * random.lognormal(-sigma2 / 2.0, math.sqrt(sigma2), 60_000)
        started_s, _ = serve(due_s, service_s, 1)
        found.append(float((started_s - due_s).mean()))
    told, exact = interval(found), theory.mg1_wait_s(0.6, 0.6, variation)
    assert told.half <= 0.12 * exact
    assert abs(told.mean - exact) <= told.half
