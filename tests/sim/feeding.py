"""Deliveries as a test says them, and what the cohort resolution makes customers trigger by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scenarios.catalogue import Loaded
from sim.ledger import DELIVERED, FRESH
from sim.pipeline.feedback import Feedback, feedback_of
from sim.pipeline.kernelcache import compiled
from sim.pipeline.kernelfeedback import cause, send
from sim.pipeline.lanes import lanes_of
from sim.season.demand import base_traffic
from sim.season.upstream import HoldUp
from sim.traffic import Stream

Floats = npt.NDArray[np.float64]
LONGEST = (10**9,)


@compiled
def _send(feedback: Any, arrivals: Any, first_bin: int) -> int:
    return int(send(feedback, arrivals, first_bin, 0))


@compiled
def _cause(feedback: Any, out: Any, first_bin: int) -> None:
    cause(feedback, out, first_bin)


def streams_of(loaded: Loaded) -> tuple[Stream, ...]:
    return base_traffic(loaded, 1).streams


def fed(
    loaded: Loaded,
    delivered: Floats,
    steps: Sequence[int] = LONGEST,
    fresh: Floats | None = None,
    normals: Floats | None = None,
) -> tuple[Feedback, Floats]:
    """What is in hand after `delivered` (streams, bins), all of it fresh if nobody says how much, in windows
    of `steps` in turn; and the arrivals (streams, bins). normals: (triggers, bins), 0 if nobody says.
    Its slopes are those of all bins then."""
    streams, bins = streams_of(loaded), delivered.shape[1]
    feedback = feedback_of(loaded.scenario, streams, lanes_of([HoldUp()] * len(streams)), bins, 1.0, bins)
    arrivals, out, first, turn = np.zeros_like(delivered), np.zeros((4, *delivered.shape)), 0, 0
    slopes = np.zeros_like(feedback.slopes)
    out[DELIVERED], out[FRESH] = delivered, delivered if fresh is None else fresh
    while first < bins:
        n = min(steps[turn % len(steps)], feedback.horizon_bins, bins - first)
        window = slice(first, first + n)
        if normals is not None:
            feedback.normals[:, :n] = normals[:, window]
        coming = np.zeros((len(streams), n))
        assert _send(feedback, coming, first) == n
        arrivals[:, window], slopes[:, window] = coming, feedback.slopes[:, :n]
        _cause(feedback, np.ascontiguousarray(out[:, :, window]), first)
        first, turn = first + n, turn + 1
    return feedback._replace(slopes=slopes), arrivals


def expected(
    loaded: Loaded, delivered: Floats, steps: Sequence[int] = LONGEST, fresh: Floats | None = None
) -> Floats:
    """Expected sends (streams, bins)."""
    feedback, _ = fed(loaded, delivered, steps, fresh)
    found = np.zeros_like(delivered)
    found[feedback.streams] = np.maximum(np.cumsum(feedback.slopes, axis=1), 0.0)
    return found
