"""Seasons written in a few lines, as a scenario's file would say them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scenarios.catalogue import Loaded
from scenarios.history import History
from scenarios.scenario import Scenario

START = datetime(2026, 11, 11, tzinfo=UTC)

PLAIN: dict[str, Any] = {
    "title": "a test's season",
    "starts_at": START,
    "duration": "10min",
    "audience": {"size": 10_000, "reach": {"email": 0.5, "push": 0.8}},
    "pipeline": {"workers": {"count": 1, "service_time": "1ms"}},
    "provider": [{"name": "any", "channels": ["email", "push", "sms"]}],
}

Season = Callable[..., Loaded]


@pytest.fixture(scope="session")
def season() -> Season:
    """Build a Loaded: the plain season with these tables in place of its own."""

    def build(history: History | None = None, **tables: Any) -> Loaded:
        scenario = Scenario.model_validate(PLAIN | tables)
        return Loaded(scenario, history, "test", Path("test.toml"), "", "")

    return build
