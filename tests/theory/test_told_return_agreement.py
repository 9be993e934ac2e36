"""What was told to wait for one moment comes back together: mixed, and more than workers can take at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim import cohort, message
from sim.progress import SILENT
from tests.sim.pipelines import block, scenario, stream, traffic

BINS = 60
CREW = {"count": 30, "service_time": "100ms", "distribution": "deterministic"}
REFILLED = {"kind": "refilled bucket", "messages": 3000, "every": "1min", "phase": "30.3s"}
RETRIES = {"attempts": 9, "backoff": "1s", "cap": "1s", "jitter": 0.2}
engines = pytest.mark.parametrize("engine", [message, cohort], ids=["message", "cohort"])


def outcome_of(engine: Any, freshness_s: float, then: float) -> Any:
    """300/s come for 20 s to workers of as many, and `then` a second; 3000 pass until 30.3 s."""
    provider = [{"name": "p", "channels": ["email"], "limits": [REFILLED], "retry_after": True}]
    counts = np.array([block(300, 5, 25, BINS, 1) + block(then, 25, BINS, BINS, 2)])
    loaded = scenario(BINS, CREW, provider=provider, retries=RETRIES)
    return engine.run(loaded, traffic([stream("sale", freshness_s=freshness_s)], counts), 1, SILENT)[1]


@engines
def test_who_asks_in_the_bin_in_which_a_window_ends_is_told_that_moment_as_all_before(engine: Any) -> None:
    """They are back from 31.1 s on: of that second the workers have 0.9 for them, and newcomers had 0.1; by
    message the first of them ask a service later."""
    asked = outcome_of(engine, 1e6, 20.0).rows("attempts")[0]
    assert asked[31] == pytest.approx(0.85 * 300 + 0.1 * 20, abs=35.0)
    assert asked[32] == pytest.approx(300.0, abs=2.0)


def test_who_lies_mixed_with_others_and_is_too_old_waits_until_a_worker_gets_there() -> None:
    """At 32.8 s, 30 % of those that come back from 31.1 s on are looked at, and half are too old already."""
    exact, found = (outcome_of(engine, 12.0, 0.0) for engine in (message, cohort))
    for quantity in ("expired", "delivered"):
        one, other = (np.cumsum(outcome.rows(quantity)[0]) for outcome in (exact, found))
        assert other[[32, 34, -1]] == pytest.approx(one[[32, 34, -1]], rel=0.05, abs=20.0), quantity
    assert found.expired[0, :33].sum() < 0.5 * found.expired.sum()


@engines
def test_a_full_queue_lets_newcomers_in_from_the_moment_on_at_which_a_window_begins(engine: Any) -> None:
    """At 37 s 1,900 wait or more and the bound is reached: until 40.2 s all that workers take is refused and
    keeps its place, then 110/s leave."""
    begins_s, came = 40.2, block(300, 5, 15, BINS, 1) + block(105, 15, BINS, BINS, 2)
    limit = REFILLED | {"messages": 1000, "phase": f"{begins_s}s"}
    provider = [{"name": "p", "channels": ["email"], "limits": [limit], "retry_after": True}]
    crew, queue = CREW | {"count": 11}, {"bound": 4200}
    loaded = scenario(
        BINS, crew, queue=queue, provider=provider, retries=RETRIES | {"backoff": "4s", "cap": "4s"}
    )
    outcome = engine.run(loaded, traffic([stream("sale")], np.array([came])), 1, SILENT)[1]
    assert outcome.rejected[0, 39] == pytest.approx(came[39], abs=1.0)
    assert outcome.rejected[0, 40] == pytest.approx(came[40] - 0.8 * 110, abs=12.0)
