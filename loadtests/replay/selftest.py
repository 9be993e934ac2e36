"""The generator's own maximum: the same requests, as fast as they go, to a server that does nothing.

A rate near it says more about the generator than about a target, so a search stays below USABLE_SHARE of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from loadtests.children import Child, python_module
from loadtests.replay.records import Fault, SendRecords
from loadtests.replay.schedule import Schedule, constant
from sim.formats import require

FORMAT = "peakday generator 1"

USABLE_SHARE = 0.7
TEST_S = 0.8
SHORT_TEST_S = 0.08
SHORT_BUDGET_S = 10.0
"""A search with less time than this gets the short test, which scatters more."""
PROBE_REQUESTS = 300
REQUESTS_MAX = 200_000
START_S_MAX = 10.0
BURST_S = 1e-3


class Player(Protocol):
    """What the test needs of the replay engine."""

    def play_at(self, port: int, schedule: Schedule, name: str) -> SendRecords:
        """Replay against a server on this machine, over few connections, in the place of the target."""


@dataclass(frozen=True)
class Maximum:
    """What the generator carried by itself: messages/s in batches of `batch`, measured for `tested_s`.

    short: the test was cut down for a small budget.
    """

    per_s: float
    batch: int
    tested_s: float
    short: bool

    @property
    def usable_per_s(self) -> float:
        """The highest rate that may be asked of it, messages/s."""
        return USABLE_SHARE * self.per_s

    def words(self) -> str:
        """One line for whoever waits."""
        cut = " (short test: the budget is small)" if self.short else ""
        return f"the generator's own maximum is {self.per_s:.3g}/s{cut}"


def to_document(own: Maximum) -> dict[str, Any]:
    """As it is kept."""
    return {"format": FORMAT, **asdict(own)}


def from_document(document: Mapping[str, Any]) -> Maximum:
    """What `to_document` made. Raises UserError for another format."""
    require(document.get("format"), FORMAT)
    return Maximum(**{field.name: document[field.name] for field in fields(Maximum)})


def own_maximum(
    engine: Player,
    folder: Path,
    *,
    batch: int,
    budget_s: float,
    mix: Callable[[Schedule], Schedule] = lambda schedule: schedule,
) -> Maximum:
    """Measure it, in about a second. `mix` gives requests their streams; the log stays in `folder`.

    Raises ChildFailed when the server does not start.
    """
    short = budget_s < SHORT_BUDGET_S
    with Child("null server", python_module("loadtests.sendapi.null"), log=folder / "null.log") as server:
        port = int(server.expect("ready", START_S_MAX)["port"])
        probe_per_s = _burst(engine, port, mix, PROBE_REQUESTS, batch, "self-test-probe")
        wanted = probe_per_s / batch * (SHORT_TEST_S if short else TEST_S)
        requests = int(min(max(wanted, PROBE_REQUESTS), REQUESTS_MAX))
        per_s = _burst(engine, port, mix, requests, batch, "self-test")
    return Maximum(per_s, batch, requests * batch / per_s, short)


def _burst(
    engine: Player, port: int, mix: Callable[[Schedule], Schedule], requests: int, batch: int, name: str
) -> float:
    """Messages/s of `requests` that are all due at once."""
    schedule = mix(constant(requests * batch / BURST_S, BURST_S, batch=batch))
    records = engine.play_at(port, schedule, name)
    answered = records.fault == Fault.NONE
    took_s = float(np.max(records.ended_s[answered]) - np.min(records.started_s[answered]))
    return float(records.messages[answered].sum()) / took_s
