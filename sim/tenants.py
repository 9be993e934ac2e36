"""The platform's tenants in a simulation: which are told together, and what share of a stream is theirs.

Tenants are ranks from 1. A *group* is what results are told by: the first, the second to tenth, …, and
whoever a stream or an objective names. A *band* is a part of a group whose members send alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from scenarios.objectives import judged_names
from scenarios.scenario import Scenario
from scenarios.season import Background, Campaign, Trigger
from scenarios.tenants import Tenants, name_of, ranks_of
from sim.traffic import EVERY_TENANT, Stream

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_ENDS = (1, 10, 100)
"""Ranks that end a group: the greatest sender, the next nine, the next ninety, the rest."""
_GROWTH = 1.5
"""The ranks of a band are within this factor of each other, or it has one."""


@dataclass(frozen=True)
class Group:
    """Tenants that results are told of together, and what became of their messages.

    totals: float64 (quantities of sim.ledger,). delay_counts: float64 (BINS,), delivered - due.
    """

    first: int
    last: int
    totals: Floats
    delay_counts: Floats

    @property
    def name(self) -> str:
        """As objectives call it."""
        return name_of(self.first, self.last)


def group_ends(scenario: Scenario) -> list[int]:
    """The last rank of each group, ascending; none without tenants."""
    if scenario.tenants is None:
        return []
    count = scenario.tenants.count
    streams: tuple[Campaign | Background | Trigger, ...]
    streams = (*scenario.campaigns, *scenario.backgrounds, *scenario.triggers)
    own = [stream.tenant for stream in streams]
    judged = [ranks_of(name) for name in judged_names(scenario.objectives.season)]
    singled = [(rank, rank) for rank in own if rank] + [ranks for ranks in judged if ranks]
    ends = {*_ENDS, count, *(end for first, last in singled for end in (first - 1, last))}
    return sorted(end for end in ends if 1 <= end <= count)


def band_ends(groups: Sequence[int]) -> list[int]:
    """The last rank of each band of the groups that end at these ranks."""
    found: list[int] = []
    for before, last in pairwise((0, *groups)):
        end = before
        while end < last:
            end = min(last, max(end + 1, int((end + 1) * _GROWTH) - 1))
            found.append(end)
    return found


def shares(tenants: Tenants, ends: Sequence[int], streams: Sequence[Stream]) -> Floats:
    """float64 (streams, ends): the share of each stream's messages that is of the tenants up to each end."""
    below = np.concatenate(([0.0], cumulated(tenants)))[[0, *ends]]
    split = np.tile(np.diff(below), (len(streams), 1))
    for row, stream in zip(split, streams, strict=True):
        if stream.tenant != EVERY_TENANT:
            row[:] = 0.0
            row[int(np.searchsorted(ends, int(stream.tenant)))] = 1.0
    return split


def cumulated(tenants: Tenants) -> Floats:
    """float64 (count,): the share of messages that is of the tenants up to each rank, by Zipf's law."""
    weights = np.arange(1, tenants.count + 1, dtype=np.float64) ** -tenants.skew
    return np.asarray(np.cumsum(weights) / weights.sum())


def groups_of(scenario: Scenario, totals: Floats, delay_counts: Floats) -> tuple[Group, ...]:
    """The groups, of totals (quantities, groups) and delay_counts (groups, BINS)."""
    ends = group_ends(scenario)
    return tuple(
        Group(before + 1, last, totals[:, i], delay_counts[i])
        for i, (before, last) in enumerate(pairwise((0, *ends)))
    )


def groups_named(groups: Sequence[Group], name: str) -> list[Group]:
    """Those whose tenants make up the ranks that a name tells; none where they do not, or it tells none."""
    ranks = ranks_of(name)
    found = [g for g in groups if ranks and ranks[0] <= g.first and g.last <= ranks[1]]
    return found if found and (found[0].first, found[-1].last) == ranks else []


def split_evenly(
    scenario: Scenario, streams: Sequence[Stream], totals: Floats, delay_counts: Floats
) -> tuple[Group, ...]:
    """The groups where the send path does not tell tenants apart: of each stream a share of all its fates.

    totals: float64 (quantities, streams); delay_counts: float64 (streams, BINS).
    """
    if scenario.tenants is None:
        return ()
    split = shares(scenario.tenants, group_ends(scenario), streams)
    return groups_of(scenario, totals @ split, split.T @ delay_counts)
