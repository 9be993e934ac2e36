"""Waits, and sums of two independent times, laid into the bins of sim.histogram: compiled, for delays at a
run's end."""

from __future__ import annotations

from sim.pipeline.kernelcache import compiled, part
from sim.pipeline.state import Floats


@compiled
def lay_sums(messages: Floats, waits_s: Floats, points_s: Floats, edges_s: Floats, into: Floats) -> None:
    """Add messages (rows, n) that have waited `waits_s` (n,) to the bins of `into` (rows, BINS), after a time
    more that is any of `points_s` (size,) alike. Both times ascend: each bin is looked for from the last one.
    """
    first = 0
    for i in range(waits_s.shape[0]):
        while waits_s[i] + points_s[0] >= edges_s[first + 1]:
            first += 1
        at, counted = first, 0.0
        for j in range(points_s.shape[0]):
            while waits_s[i] + points_s[j] >= edges_s[at + 1]:
                _lay(messages, i, counted / points_s.shape[0], at, into)
                at, counted = at + 1, 0.0
            counted += 1.0
        _lay(messages, i, counted / points_s.shape[0], at, into)


@compiled
def lay_density(messages: Floats, slopes: Floats, edges_s: Floats, into: Floats) -> None:
    """Add to `into` (BINS,) messages by wait: those in bins, those of a density that changes from bin to bin.

    Behind the last change it is 0, and what is left of the sum is rounding: in bins of hours, messages.
    """
    last = -1
    for i in range(into.shape[0]):
        into[i] += messages[i]
        last = i if slopes[i] != 0.0 else last
    density = 0.0
    for i in range(last):
        density += slopes[i]
        into[i] += density * (edges_s[i + 1] - edges_s[i])
    if last >= 0:
        for i in range(into.shape[0]):
            into[i] = max(into[i], 0.0)


@part
def _lay(messages: Floats, i: int, share: float, at: int, into: Floats) -> None:
    if share > 0.0:
        for row in range(messages.shape[0]):
            into[row, at] += share * messages[row, i]
