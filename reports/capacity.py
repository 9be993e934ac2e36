"""The least constant rate at which a season's messages go out fresh, or drain in time: fluid bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from scenarios.words import PRIORITIES
from sim import draining
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
    highest = max(float(arrivals.max()) for arrivals, _ in classes) / traffic.bin_s
    return _least(lambda rate: _fresh(classes, rate, traffic.bin_s), highest)


def least_draining_rate_per_s(traffic: Traffic, streams: Sequence[int], within_s: float) -> float:
    """Messages/s that take the backlog of `streams` from its maximum to 1 % of it within `within_s`."""
    arrivals = traffic.counts[list(streams)].sum(axis=0).astype(np.float64)
    if not arrivals.any():
        return 0.0
    wanted_bins = within_s / traffic.bin_s
    return _least(
        lambda rate: _drain_bins(backlog(arrivals, rate * traffic.bin_s)) <= wanted_bins,
        float(arrivals.max()) / traffic.bin_s,
    )


def _least(enough: Callable[[float], bool], highest: float) -> float:
    """The least rate that is enough, `highest` being enough, by halving."""
    low, high = 0.0, highest
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _drain_bins(waiting: Series) -> int:
    """From the greatest backlog to 1 % of it; to the end and beyond where it stays."""
    top = int(np.argmax(waiting))
    drained = waiting[top:] <= draining.SHARE * waiting[top]
    return int(np.argmax(drained)) if drained.any() else len(waiting) + 1


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
