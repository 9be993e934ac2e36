"""Why a replay is not at its target rate, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtests.replay.live import Figures
from loadtests.replay.pace import why_not_at_target

SLOW = Figures(
    at_s=20.0,
    due=20_000,
    started=20_000,
    dropped=0,
    in_flight=700,
    waiting=0,
    accepted=12_000,
    limited=0,
    errors=0,
    target_per_s=1000.0,
    actual_per_s=600.0,
    lateness_s_p99=0.0002,
    latency_s_p50=0.9,
    latency_s_p99=2.0,
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"actual_per_s": 960.0}, ""),
        ({"at_s": 2.0, "actual_per_s": 860.0}, ""),
        ({"target_per_s": 0.0, "actual_per_s": 0.0}, ""),
        ({}, "the target is slow: 700 in flight, p50 900 ms"),
        ({"at_s": 0.4, "actual_per_s": 100.0}, "it has just begun"),
        ({"waiting": 1200}, "1,200 due sends wait for a connection, 700 are in flight"),
        ({"waiting": 5, "dropped": 30}, "30 sends were dropped: no connection was free for them in time"),
        ({"lateness_s_p99": 0.3}, "the generator is late: p99 300 ms"),
        ({"errors": 9000, "errors_by_kind": {"reset": 8990, "timeout": 10}}, "8,990 reset, 10 timeout"),
        ({"dropped": 7, "errors_by_kind": {"lost worker": 7}}, "7 sends were lost with a worker"),
    ],
)
def test_the_most_telling_reason_comes_first(changes: dict[str, object], words: str) -> None:
    said = why_not_at_target(replace(SLOW, **changes))
    assert (words in said) if words else said == ""
