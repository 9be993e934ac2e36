"""What a cohort plan says of messages that are taken again, and the rings that hold them.

Columns are shared with sim.pipeline.kernelagain, which works on them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from scenarios.faults import RegionLoss, WorkerLoss
from scenarios.pipeline import Workers
from scenarios.scenario import Scenario
from sim.pipeline.columns import NEVER, RUN_BINS
from sim.pipeline.redelivery import (
    Services,
    away_for_bins,
    away_s,
    crash_rate,
    forgets,
    occupied,
    points_of,
    services,
    services_of,
    up_share,
)
from sim.pipeline.state import Floats, Indices

# First columns of Plan.again: shares of what is taken that a crash ends and that outlast the time-out;
# whether there is a time-out; how many bins later it has passed, and for which share one more.
LOST, LATE, ACKS, LAG, NEXT = range(5)
# The time-out; crashes per second of service; mean seconds of a service that ends well, and of all until they
# end or crash; capacity if nobody is away / capacity on average; how much of a bin those serve who are there
# at its start (so much that as many are away in the long run as should be), 0 = as many are away in every bin
# as on average; for how many bins more who crashed is away, and for which share one more.
TIMEOUT_S, CRASHES, SERVED_S, BUSY_S, WHOLE, PRESENT, GONE_LAG, GONE_NEXT = range(5, 13)
FIRST_LATE = 13
"""From here on LATE_POINTS equally probable seconds for which late services go on after the time-out, and
then KEPT_POINTS of those of any service."""
LATE_POINTS, KEPT_POINTS = 32, 256
AGAIN_PARCELS = 10
"""Parcels of a lane that come again in a bin at most, and messages that late workers ask for."""
FIRST_KEPT = FIRST_LATE + LATE_POINTS

TIMES = 4
"""State.recalled has messages apart by how often they were hidden, up to so often."""
# Rows of State.taken, for a lane and a run of bins: what asks the provider, and what of it will be too late.
ASKING, TOO_LATE = range(2)

# First columns of State.again: messages that a crash ended, their due times (from the bin in which they are
# visible again), squared due times and attempts weighted by them; the same of late ones, and of those that
# a crash ended after a wait of about the time-out: who was hidden twice is not mixed with who was once.
ENDED, LATE_ONES, ENDED_LATER = 0, 4, 8
KINDS = 12


def recall_figures(scenario: Scenario, bins: int, bin_s: float) -> dict[str, Any]:
    """Plan.again and Plan.losses; both empty where every message is taken once."""
    if not forgets(scenario):
        return {"again": np.zeros(0), "losses": np.zeros(1)}
    workers, timeout_s = scenario.pipeline.workers, scenario.pipeline.queue.visibility_timeout
    losses = _losses(scenario, services(scenario), bins, bin_s)
    return {"again": _figures(workers, timeout_s, bin_s), "losses": losses}


@lru_cache(maxsize=16)  # eras differ in what one provider does
def _figures(workers: Workers, timeout_s: float | None, bin_s: float) -> Floats:
    """Plan.again; to be read only."""
    found = services_of(workers, timeout_s)
    every, whole_s = found.good + found.late, occupied(workers)[0]
    good = float(found.good.sum())
    figures = np.zeros(FIRST_KEPT + KEPT_POINTS)
    figures[LOST], figures[LATE] = found.lost_share, found.late_share
    if timeout_s is not None:
        figures[ACKS], figures[TIMEOUT_S] = 1.0, timeout_s
        figures[LAG], figures[NEXT] = _lag(timeout_s / bin_s)
        later_s = points_of(found.kept_s, found.late, LATE_POINTS) - timeout_s
        figures[FIRST_LATE:FIRST_KEPT] = np.maximum(later_s, 0.0)
    figures[CRASHES] = crash_rate(workers)
    if away_for_bins(workers, bin_s):
        figures[PRESENT] = 1.0 / (1.0 + crash_rate(workers) * bin_s / 2.0)
    figures[SERVED_S] = float(found.kept_s @ found.good) / good if good else 0.0
    figures[BUSY_S], figures[WHOLE] = whole_s * up_share(workers), 1.0 / up_share(workers)
    figures[GONE_LAG], figures[GONE_NEXT] = divmod(max(0.0, away_s(workers) / bin_s - 0.5), 1.0)
    figures[FIRST_KEPT:] = points_of(found.kept_s, every, KEPT_POINTS)
    return figures


def _lag(in_bins: float) -> tuple[float, float]:
    """Bins after which something has passed that began evenly within one, one at least, and for which share
    one more."""
    whole = math.floor(in_bins)
    return (float(whole), in_bins - whole) if whole else (1.0, 0.0)


def _losses(scenario: Scenario, found: Services, bins: int, bin_s: float) -> Floats:
    """float64 (bins,): share of what is taken in a bin that is in hand of a worker when a fault takes it."""
    lost, workers = np.zeros(bins), scenario.pipeline.workers
    if scenario.pipeline.queue.visibility_timeout is None:
        return lost
    ends = found.good + found.late
    likely, in_bins = ends / max(1e-300, float(ends.sum())), found.kept_s / bin_s
    for fault in scenario.faults:
        if not isinstance(fault, WorkerLoss | RegionLoss):
            continue
        edge, share = fault.bins(scenario.starts_at, bin_s)[0], fault.share
        if workers.autoscaling is None:
            share = round(share * workers.count) / workers.count
        first, last = max(0, edge - math.ceil(in_bins[-1])), min(edge, bins)
        held = np.diff(_mean_above(in_bins, likely, edge - np.arange(first, max(first, last) + 1.0)))
        lost[first:last] = 1.0 - (1.0 - lost[first:last]) * (1.0 - share * held)
    return lost


def _mean_above(times: Floats, likely: Floats, least: Floats) -> Floats:
    """The mean of max(0, time - least) for each `least` (n,), of ascending times that are so likely each."""
    from_ = np.searchsorted(times, least)
    shares, sums = (np.append(np.cumsum(own[::-1])[::-1], 0.0) for own in (likely, likely * times))
    return np.asarray(sums[from_] - least * shares[from_])


def recall_room(again: Floats, rows: int, bins: int, bin_s: float) -> dict[str, Any]:
    """What State says of messages taken again and of workers away, for `rows` lanes and a Plan.again."""
    if not len(again):
        none = {"again": np.zeros((1, 0, KINDS)), "mixed": np.zeros(1), "recalled": np.zeros((1, 0, TIMES))}
        at_work = {"recalled_for": _no_bins(1), "turns": _no_bins((2, 0)), "taken": np.zeros((2, 0))}
        return {**none, **at_work, "late": np.zeros((1, 0, 3)), "down": np.zeros(1)}
    # a run of bins takes out what comes again only when the bin behind it has hidden its own
    ahead = min(int(again[LAG]), bins) + 2 + min(RUN_BINS, bins)
    longest = int(again[FIRST_KEPT - 1] / bin_s)
    return {
        "again": np.zeros((ahead, rows, KINDS)),
        "mixed": np.zeros(ahead),
        "recalled": np.zeros((ahead, rows, TIMES)),
        "recalled_for": _no_bins(ahead),
        "turns": _no_bins((2, RUN_BINS)),
        "taken": np.zeros((2, RUN_BINS)),
        "late": np.zeros((min(longest, bins) + 3, rows, 3)),
        "down": np.zeros(min(int(again[GONE_LAG]), bins) + 5),
    }


def _no_bins(cells: int | tuple[int, int]) -> Indices:
    """So many cells, each for a bin that never comes."""
    return np.full(cells, NEVER, dtype=np.int64)
