"""The sends that customers trigger, at cohort resolution: in figures, and in hand between two bins.

The bins are taken in strides of at most `horizon_bins`, the first lag of all flows: what is sent within a
stride was caused before it. So how long strides are, and windows, changes no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from sim.pipeline.lanes import Lane
from sim.season.response import Flow, flows
from sim.traffic import Stream

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# Columns of Feedback.marks: the first bin of the stride in hand, and the bin after it; from then on, flow by
# flow, the bin until which its slopes are known.
BEGAN, KNOWN_UNTIL, FLOW_UNTIL = range(3)

# Last column of Feedback.weights: sends that a delivery in time causes, and one that is too late.
BY_FRESH, BY_STALE = range(2)

AT_ONCE_BINS = 2048
"""Bins at most that a flow's slopes are told of at one go: what makes them is read in long stretches."""

HELD_UP = -1
"""Instead of a lane: stages hold these sends up before the door."""


class Feedback(NamedTuple):
    """Letters in shapes: T triggers that cause any sends, F flows of one delay each, S streams."""

    horizon_bins: int
    streams: Indices
    """(T,): of which stream each trigger's sends are."""
    lanes: Indices
    """(T,): by which lane they come to the door, or HELD_UP."""
    weights: Floats
    """(F, S, 2)"""
    triggers: Indices
    """(F,): which of the T each flow's sends are of."""
    jumps: Floats
    """(F, lags, 2): lag (bins, >= 1) at which the sends a bin change for one sent in all, and by how much."""
    marks: Indices
    """(2 + F,)"""
    flows: Floats
    """(F, AT_ONCE_BINS): how each flow's expected sends change, in the last bins before FLOW_UNTIL."""
    slopes: Floats
    """(T, bins of a window): the same of each trigger's, in the stride in hand."""
    levels: Floats
    """(T,): expected sends in the last bin of the stride in hand."""
    caused: Floats
    """(F, bins): what each flow's deliveries cause, by the bin in which they are delivered."""
    normals: Floats
    """(T, bins of a window): standard normal numbers from which the sends are drawn."""
    sent: npt.NDArray[np.int32]
    """(T, bins): sends, as drawn."""


def feedback_of(
    scenario: Scenario,
    streams: Sequence[Stream],
    lanes: Sequence[Lane],
    bins: int,
    bin_s: float,
    window_bins: int,
) -> Feedback:
    """The beginning of a season of `bins`, in windows of at most `window_bins`; without triggers a stride is
    one of these."""
    found = list(flows(scenario, streams, bin_s))
    rows, horizon_bins = sorted({flow.row for flow in found}), _horizon(found, window_bins)
    weights = np.zeros((len(found), len(streams), 2))
    for own, flow in zip(weights, found, strict=True):
        own[:, BY_FRESH], own[:, BY_STALE] = flow.by_fresh, flow.by_stale
    at_once = {lane.stream: i for i, lane in enumerate(lanes) if lane.ages_s is None}
    return Feedback(
        horizon_bins=horizon_bins,
        streams=np.array(rows, dtype=np.int64),
        lanes=np.array([at_once.get(row, HELD_UP) for row in rows], dtype=np.int64),
        weights=weights,
        triggers=np.array([rows.index(flow.row) for flow in found], dtype=np.int64),
        jumps=_jumps(found, bins),
        marks=np.zeros(FLOW_UNTIL + len(found), dtype=np.int64),
        flows=np.zeros((len(found), max(horizon_bins, AT_ONCE_BINS))),
        slopes=np.zeros((len(rows), window_bins)),
        levels=np.zeros(len(rows)),
        caused=np.zeros((len(found), bins)),
        normals=np.zeros((len(rows), window_bins)),
        sent=np.zeros((len(rows), bins), dtype=np.int32),
    )


def _horizon(found: Sequence[Flow], window_bins: int) -> int:
    return min((int(flow.laid_out.lags[0]) for flow in found), default=window_bins)


def _jumps(found: Sequence[Flow], bins: int) -> Floats:
    """(F, longest, 2); shorter ones are filled up with lags beyond the season."""
    laid_out = [flow.laid_out for flow in found]
    jumps = np.zeros((len(found), max((len(own.lags) for own in laid_out), default=0), 2))
    jumps[:, :, 0] = bins
    for row, own in zip(jumps, laid_out, strict=True):
        row[: len(own.lags)] = np.column_stack((own.lags, own.jumps))
    return jumps
