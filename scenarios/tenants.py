"""The platform's customers: how many there are, how unevenly they send, what a scenario may say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from scenarios.complaints import Complaint
from scenarios.positions import KeyPath
from scenarios.quantities import Count
from scenarios.salvage import held
from scenarios.words import Word

if TYPE_CHECKING:
    from scenarios.scenario import Scenario
    from scenarios.streams import AnyStream

TENANTS_MAX = 1_000_000
_NAMED = "a table [tenants] with their `count`"
_RANGE = re.compile(r"tenant (?P<only>\d+)|tenants (?P<first>\d+)-(?P<last>\d+)")


class Tenants(Word):
    """The platform's customers, by rank: 1 sends most.

    A stream's messages are split among them by Zipf's law, in proportion to 1 / rank^`skew` (0 = evenly),
    unless the stream is one tenant's own.
    """

    count: Count = Field(gt=0, le=TENANTS_MAX)
    skew: float = Field(default=1.0, ge=0.0, le=5.0)


def ranks_of(name: str) -> tuple[int, int] | None:
    """First and last rank of `tenant N` or `tenants A-B`; None for any other name."""
    match = _RANGE.fullmatch(name)
    if match is None:
        return None
    first, last = match["only"] or match["first"], match["only"] or match["last"]
    return int(first), int(last)


def name_of(first: int, last: int) -> str:
    """What `ranks_of` reads."""
    return f"tenant {first}" if first == last else f"tenants {first}-{last}"


def are_tenants(scenario: Scenario, name: str) -> bool:
    """Whether a name is that of some of the scenario's tenants."""
    ranks, tenants = ranks_of(name), scenario.tenants
    return ranks is not None and tenants is not None and 1 <= ranks[0] <= ranks[1] <= tenants.count


def tenant_complaints(scenario: Scenario, streams: Sequence[tuple[KeyPath, AnyStream]]) -> list[Complaint]:
    """Tenants that are named where there are none, or not so many; a fair share among nobody."""
    found = held(_shared_by_somebody, scenario)
    for path, stream in streams:
        found += held(_is_there, scenario, path, stream)
    return found


def _shared_by_somebody(scenario: Scenario) -> Iterator[Complaint]:
    queue, path = scenario.pipeline.queue, ("pipeline", "queue", "fair_share")
    if queue.fair_share and scenario.tenants is None:
        yield Complaint(path, "there are no tenants to share among", _NAMED)


def _is_there(scenario: Scenario, path: KeyPath, stream: AnyStream) -> Iterator[Complaint]:
    if stream.tenant is None:
        return
    if scenario.tenants is None:
        yield Complaint((*path, "tenant"), "there are no tenants", _NAMED)
    elif stream.tenant > scenario.tenants.count:
        reason = f"there are {scenario.tenants.count:,} tenants"
        yield Complaint((*path, "tenant"), reason, f"a rank from 1 to {scenario.tenants.count}")
