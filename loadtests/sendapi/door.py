"""A model of the door's own capacity: each request holds one of `workers` servers for a service time.

First come, first served, by arithmetic on the clock: each server is known by when it becomes free, so the
capacity is exactly workers / service time however coarse the timers are. A stall freezes all work at once.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import random
import time
from collections.abc import Callable

import msgspec

from loadtests.sendapi.knobs import Knobs, Stall

ROUNDING_S = 1e-6
"""Work that ends this short before a stall ends with it: the sums of a long run round either way."""


class Busy(Exception):  # noqa: N818 - a state that the client is told of, not a failure
    """The wait for a free server would pass the bound; `retry_after_s` says when to ask again."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"the wait would be {retry_after_s:.1f} s")


class Door:
    """Books requests onto servers. The first stall ends `every_s` after the door was made, by `clock`."""

    def __init__(self, knobs: Knobs, clock: Callable[[], float] = time.monotonic) -> None:
        self._asked = self._knobs = knobs
        self._clock = clock
        self._started_s = clock()
        self._free_at = [0.0] * knobs.workers
        self._random = random.Random(knobs.seed)
        self.open = knobs.service_time_s == 0.0 and knobs.stall is None

    def change(self, service_time_s: float | None, stall: Stall | None) -> None:
        """From now on these hold; None = what the knobs say. The first stall ends `every_s` after now."""
        service_s = self._asked.service_time_s if service_time_s is None else service_time_s
        stall = stall or self._asked.stall
        self._knobs = msgspec.structs.replace(self._asked, service_time_s=service_s, stall=stall)
        self._started_s = self._clock()
        self._free_at = [0.0] * self._knobs.workers
        self.open = service_s == 0.0 and stall is None

    async def pass_through(self) -> None:
        """Wait for a server and be served. Raises Busy where the wait would pass the bound."""
        if self.open:
            return
        finish_s = self.book(self._clock())
        while (left_s := finish_s - self._clock()) > 0.0:
            await asyncio.sleep(left_s)

    def book(self, now_s: float) -> float:
        """When a request that arrives now is served. Raises Busy where the wait would pass the bound."""
        stall = self._knobs.stall
        now_active_s = active(now_s - self._started_s, stall)
        start_s = max(now_active_s, self._free_at[0])
        if start_s - now_active_s > self._knobs.wait_bound_s:
            raise Busy(start_s - now_active_s)
        finish_s = start_s + self._service_s()
        if self._knobs.service_time_s > 0.0:
            heapq.heapreplace(self._free_at, finish_s)
        return self._started_s + elapsed(finish_s, stall)

    def _service_s(self) -> float:
        mean_s, variation = self._knobs.service_time_s, self._knobs.variation
        if mean_s == 0.0 or self._knobs.distribution == "deterministic":
            return mean_s
        if self._knobs.distribution == "exponential":
            return self._random.expovariate(1.0 / mean_s)
        variance = math.log1p(variation * variation)
        return self._random.lognormvariate(math.log(mean_s) - variance / 2.0, math.sqrt(variance))


def active(elapsed_s: float, stall: Stall | None) -> float:
    """Seconds of work done `elapsed_s` after the start; the last `length_s` of each `every_s` are frozen."""
    if stall is None:
        return elapsed_s
    whole, part_s = divmod(elapsed_s, stall.every_s)
    return whole * (stall.every_s - stall.length_s) + min(part_s, stall.every_s - stall.length_s)


def elapsed(active_s: float, stall: Stall | None) -> float:
    """The inverse: when that much work is done. Work that ends as a stall begins ends with the stall."""
    if stall is None:
        return active_s
    thawed_s = stall.every_s - stall.length_s
    whole, part_s = divmod(active_s, thawed_s)
    if thawed_s - part_s < ROUNDING_S:
        whole, part_s = whole + 1, 0.0
    return whole * stall.every_s + part_s
