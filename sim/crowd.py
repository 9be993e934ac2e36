"""The message resolution's rows: the messages of one stream and one group of tenants.

With tenants each stream has `width` rows, one for each group, and a message's row is drawn when it is due.
Which tenant of the group it is of matters only once it waits, and is drawn then. Without, a row is a stream.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from scenarios.tenants import Tenants
from sim.pipeline.fairqueue import fair_queue_for
from sim.pipeline.queues import Message, PriorityQueue, queue_for
from sim.seeds import one_by_one
from sim.seeds import stream as random_stream
from sim.standing import Happened
from sim.tenants import cumulated, group_ends, shares
from sim.traffic import Stream

Value = TypeVar("Value")
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Crowd:
    """Who sends what of a season."""

    def __init__(self, scenario: Scenario, streams: Sequence[Stream], seed: int) -> None:
        ends = group_ends(scenario)
        self.width = max(1, len(ends))
        self.rows = self.each_row(streams)
        """The stream of each row."""
        self._random = random_stream(seed, "tenants", "groups")
        if scenario.tenants is not None:
            self._below = np.cumsum(shares(scenario.tenants, ends, streams), axis=1)[:, :-1]

    def each_row(self, of_streams: Sequence[Value]) -> list[Value]:
        """What streams have, row by row."""
        return [each for each in of_streams for _ in range(self.width)]

    def rows_of(self, streams: Indices) -> Indices:
        """int64 (n,): a row for each of the messages of these streams."""
        if self.width == 1:
            return streams
        drawn = self._random.random(len(streams))
        return np.asarray(streams * self.width + (drawn[:, None] >= self._below[streams]).sum(axis=1))

    def row_of(self, stream: int) -> int:
        """The row of one message of a stream."""
        return stream if self.width == 1 else int(self.rows_of(np.array([stream]))[0])

    def of_streams(self, happened: Happened) -> Happened:
        """The streams of what happened to rows."""
        rows, times_s = happened
        return (rows if self.width == 1 else rows // self.width), times_s

    def by_stream(self, of_rows: Floats) -> Floats:
        """The sums (..., streams, n) over each stream's rows of (..., rows, n)."""
        if self.width == 1:
            return of_rows
        *ahead, rows, n = of_rows.shape
        return np.asarray(of_rows.reshape(*ahead, rows // self.width, self.width, n).sum(axis=-2))

    def by_group(self, of_rows: Floats) -> Floats:
        """The sums (..., width, n) over all streams of (..., rows, n)."""
        *ahead, rows, n = of_rows.shape
        return np.asarray(of_rows.reshape(*ahead, rows // self.width, self.width, n).sum(axis=-3))


class Members:
    """Which tenant of its row's group a message is of: drawn when it is first asked, then always the same."""

    def __init__(self, scenario: Scenario, tenants: Tenants, seed: int) -> None:
        self._ends = group_ends(scenario)
        self._cumulated = cumulated(tenants).tolist()
        below = [0.0, *(self._cumulated[end - 1] for end in self._ends)]
        self._spans = list(pairwise(below))
        self._draw = one_by_one(random_stream(seed, "tenants", "members").random).__next__

    def __call__(self, message: Message) -> int:
        try:
            return message.tenant
        except AttributeError:
            group = message.stream % len(self._ends)
            least, most = self._spans[group]
            at = bisect_left(self._cumulated, least + (most - least) * self._draw())
            message.tenant = min(at, self._ends[group] - 1)
            return message.tenant


def queue_of(scenario: Scenario, rows: Sequence[Stream], seed: int) -> PriorityQueue:
    """The queue that the scenario asks for."""
    queue, tenants = scenario.pipeline.queue, scenario.tenants
    if queue.fair_share and tenants is not None:
        return fair_queue_for(queue, rows, Members(scenario, tenants, seed))
    return queue_for(queue, rows)
