"""The cohort kernel's further units: only for plans that ask for them, and nothing changes for the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim import cohort
from sim.outcome import Outcome
from sim.pipeline.eras import Era
from sim.pipeline.kernelwindows import window_of, with_units
from sim.pipeline.lanes import lanes_of
from sim.pipeline.planning import empty_state, plan_of
from sim.pipeline.provisions import goes_beyond
from sim.progress import SILENT
from sim.season.upstream import HoldUp
from tests.sim.pipelines import poisson, scenario, stream, traffic

BINS = 120
PLAIN = {"name": "plain", "channels": ["email"], "limits": [{"rate": "45/s", "burst": 60}]}
OTHER: dict[str, Any] = {"name": "other", "channels": ["sms"], "limits": [{"rate": "30/s", "burst": 40}]}
WORKERS = {"count": 20, "service_time": "0.1s"}
STREAMS = [stream("a", "email"), stream("b", "sms")]


def asks_for_more(provider: dict[str, Any], **parts: Any) -> bool:
    loaded = scenario(BINS, WORKERS, provider=[PLAIN, provider], **parts)
    lanes = lanes_of([HoldUp()] * len(STREAMS))
    return goes_beyond(plan_of(Era(0, loaded.scenario), STREAMS, lanes, BINS, 1.0))


def test_limits_that_refuse_and_forget_need_one_unit() -> None:
    off = {"kind": "switch-off", "messages": 5, "window": "1h", "off": "1h"}
    assert not asks_for_more(OTHER)
    assert not asks_for_more({**OTHER, "limits": [{"rate": "30/s"}, off]})


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        ({"retry_after": True}, {}),
        ({"limits": [{"kind": "paced queue", "rate": "30/s", "queue": "1h"}]}, {}),
        ({"limits": [{"kind": "mailbox deferral", "rate": "30/s"}]}, {}),
        ({}, {"breaker": {}}),
        ({}, {"retries": {"budget": 0.2}}),
    ],
)
def test_what_only_some_providers_do_needs_both_units(more: dict[str, Any], parts: dict[str, Any]) -> None:
    assert asks_for_more({**OTHER, **more}, **parts)


@pytest.mark.parametrize("overflow", ["reject", "drop oldest", "spill"])
def test_only_a_queue_that_drops_or_spills_needs_the_third_unit(overflow: str) -> None:
    loaded = scenario(BINS, WORKERS, provider=[PLAIN, OTHER], queue={"bound": 9, "overflow": overflow})
    plan = plan_of(Era(0, loaded.scenario), STREAMS, lanes_of([HoldUp()] * len(STREAMS)), BINS, 1.0)
    state, empty = empty_state(loaded.scenario, [plan], len(STREAMS), BINS), window_of(2, len(STREAMS), 1)
    window = with_units(empty, plan, state)
    assert (window.full != 0, window.beyond) == (overflow != "reject", 0)


def season(provider: dict[str, Any]) -> Outcome:
    """The first stream asks for more than its provider takes, the second for less; workers suffice."""
    counts = np.stack([poisson(60.0, BINS, 1), poisson(25.0, BINS, 2)])
    loaded = scenario(BINS, WORKERS, provider=[PLAIN, provider])
    return cohort.run(loaded, traffic(STREAMS, counts), 1, SILENT)[1]


def test_a_plain_provider_answers_the_same_beside_one_that_needs_more() -> None:
    alone, beside = season(OTHER), season({**OTHER, "retry_after": True})
    assert alone.totals[:, 0] == pytest.approx(beside.totals[:, 0], rel=1e-12)
    assert np.allclose(alone.delay_counts[0], beside.delay_counts[0], rtol=1e-12)
    assert alone.totals[:, 0].any()
