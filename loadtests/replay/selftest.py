"""The generator's own maximum: the same requests, as fast as they go, to a server that does nothing.

A rate near it says more about the generator than about a target, so a search stays below USABLE_SHARE of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np

from loadtests.children import Child, python_module
from loadtests.replay.fates import Fault
from loadtests.replay.orders import StandIn
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule, constant
from sim.formats import require

FORMAT = "peakday generator 1"

USABLE_SHARE = 0.7
CONNECTIONS = 32
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

    @property
    def over_tls(self) -> bool:
        """Whether anything goes to the target over TLS."""

    def play_at(self, stand_in: StandIn, schedule: Schedule, name: str) -> SendRecords:
        """Replay against a server on this machine in the place of the target."""


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
    """Measure it, in about a second, over TLS where the target asks for it. `mix` gives requests their
    streams; the log stays in `folder`.

    Raises ChildFailed when the server does not start.
    """
    short = budget_s < SHORT_BUDGET_S
    with null_server(folder / "null.log", tls=engine.over_tls) as stand_in:

        def burst(requests: int, name: str) -> float:
            schedule = mix(constant(requests * batch / BURST_S, BURST_S, batch=batch))
            return _answered_per_s(engine.play_at(stand_in, schedule, name))

        wanted = burst(PROBE_REQUESTS, "self-test-probe") / batch * (SHORT_TEST_S if short else TEST_S)
        requests = int(min(max(wanted, PROBE_REQUESTS), REQUESTS_MAX))
        per_s = burst(requests, "self-test")
    return Maximum(per_s, batch, requests * batch / per_s, short)


@contextmanager
def null_server(log: Path, *, tls: bool) -> Iterator[StandIn]:
    """A server that does nothing, running; its certificate lives as long. Raises ChildFailed."""
    with TemporaryDirectory(prefix="peakday-null-") as place:
        words = [*python_module("loadtests.sendapi.null"), *([place] if tls else [])]
        with Child("null server", words, log=log) as server:
            ready = server.expect("ready", START_S_MAX)
            yield StandIn(CONNECTIONS, ready["port"], ready["tls_port"], ready["certificate"])


def _answered_per_s(records: SendRecords) -> float:
    """Messages/s of requests that were all due at once."""
    answered = records.fault == Fault.NONE
    took_s = float(np.max(records.ended_s[answered]) - np.min(records.started_s[answered]))
    return float(records.messages[answered].sum()) / took_s
