"""The least constant rate at which a season's messages go out fresh: a fluid bound, priorities first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scenarios.words import PRIORITIES
from sim.traffic import Traffic

STEPS = 40
"""Halvings of the bracket: 1e-12 of its width."""

Series = npt.NDArray[np.float64]


def least_rate_per_s(traffic: Traffic, streams: Sequence[int]) -> float:
    """Messages/s, from the door to the exit, that keep every message of `streams` within its freshness.

    A fluid server of rate r takes the higher priority first: a message of priority p due at t waits at most
    B_p(t) / r, B_p being the backlog of p and above. The least r with B_p(t) <= r x freshness wherever
    messages fall due is found by halving. It is a lower bound: noise, retries and delays come on top.
    """
    classes = _classes(traffic, streams)
    if not classes:
        return 0.0
    low, high = 0.0, max(float(arrivals.max()) for arrivals, _ in classes) / traffic.bin_s
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if _fresh(classes, middle, traffic.bin_s) else (middle, high)
    return high


def backlog(arrivals: Series, served_per_bin: float) -> Series:
    """Backlog at each bin's end under a constant service: Lindley's recursion, solved (messages)."""
    net = np.cumsum(arrivals - served_per_bin)
    return np.asarray(net - np.minimum(np.minimum.accumulate(net), 0.0), dtype=np.float64)


def _classes(traffic: Traffic, streams: Sequence[int]) -> list[tuple[Series, Series]]:
    """Per priority, highest first: arrivals of it and above, and the tightest freshness due in each bin."""
    found = []
    above = np.zeros(traffic.counts.shape[1])
    for priority in PRIORITIES:
        mine = [i for i in streams if traffic.streams[i].priority == priority]
        if not mine:
            continue
        above = above + traffic.counts[mine].sum(axis=0)
        fresh_s = np.array([[traffic.streams[i].freshness_s] for i in mine])
        due = np.where(traffic.counts[mine] > 0, fresh_s, np.inf).min(axis=0)
        found.append((above, due))
    return found


def _fresh(classes: list[tuple[Series, Series]], rate_per_s: float, bin_s: float) -> bool:
    return all(
        bool(np.all(backlog(arrivals, rate_per_s * bin_s) <= rate_per_s * due)) for arrivals, due in classes
    )
