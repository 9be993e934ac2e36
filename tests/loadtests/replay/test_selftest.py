"""The generator measures itself against a server that does nothing, with the target's own requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loadtests.ceiling.ceiling import find_ceiling
from loadtests.replay.launch import Engine
from loadtests.replay.schedule import constant
from loadtests.replay.selftest import SHORT_BUDGET_S, USABLE_SHARE, own_maximum
from loadtests.targets.target import at, shipped
from scenarios.objectives import parse_objective
from sim.progress import SILENT

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def test_the_own_maximum_grows_with_the_batch_and_the_target_sees_none_of_it(
    serve, answering, tmp_path: Path
) -> None:
    server = serve(answering(ACCEPTED))
    target = at(shipped("sendgrid"), f"http://127.0.0.1:{server.port}")
    with Engine(target, tmp_path) as engine:
        engine.play(constant(50.0, 0.1), "before")
        one, many = (own_maximum(engine, tmp_path, batch=batch, budget_s=1.0) for batch in (1, 100))
        assert engine.last is not None
        assert engine.last.name == "before"
    assert one.per_s > 500.0
    assert many.per_s > 5 * one.per_s
    assert one.short
    assert one.usable_per_s == USABLE_SHARE * one.per_s
    assert "short test" in one.words()
    assert len(server.requests) == 5


def test_a_ceiling_that_ends_at_the_generators_own_is_a_lower_bound_limited_by_the_generator(
    serve, answering, tmp_path: Path
) -> None:
    server = serve(answering(ACCEPTED))
    target = at(shipped("sendgrid"), f"http://127.0.0.1:{server.port}")
    with Engine(target, tmp_path) as engine:
        found = find_ceiling(
            engine,
            [parse_objective("p99<=5s", "send api")],
            budget_s=SHORT_BUDGET_S,
            watcher=SILENT,
            hint_per_s=300.0,
            generator_per_s=400.0,
        )
    assert found.generator_per_s == 400.0
    assert max(trial.offered_per_s for trial in found.trials) <= USABLE_SHARE * 400.0
    assert (found.is_lower_bound, found.limited_by, found.stopped_by) == (True, "generator", "max rate")
    assert found.low_per_s == pytest.approx(280.0, rel=0.005)
    assert np.isinf(found.high_per_s)
