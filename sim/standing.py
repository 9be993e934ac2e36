"""The backlog of a bin is what stands in it: the least number of messages that waits at any of its moments.

What comes and goes within a bin is no backlog, however busy the workers: a queue that is empty for a moment
holds up nobody for as long as a bin (the standing queue of Nichols and Jacobson 2012, Controlling Queue
Delay, found like theirs by the least over an interval). The number at one moment is no quantity that amounts
could tell: of a lightly loaded stream it is chance alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.ledger import DELIVERED, OFFERED, OTHER_FATES

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Happened = tuple[Indices, Floats]
"""Streams and times, (n,) each."""


def lesser_end(opening: Floats, ends: Floats) -> Floats:
    """float64 (streams, n): what waits at the lesser of a bin's two ends.

    That is what stands where amounts change evenly. opening: float64 (streams,), before the first bin; ends:
    float64 (streams, n).
    """
    found = np.empty_like(ends)
    np.minimum(opening, ends[:, 0], out=found[:, 0])
    np.minimum(ends[:, :-1], ends[:, 1:], out=found[:, 1:])
    return found


def least(
    opening: Floats, ends: Floats, edges_s: Floats, steps: tuple[list[Happened], list[Happened]]
) -> Floats:
    """float64 (streams, n): the least number that waits at any moment of each bin, message by message.

    As `lesser_end`, with the bins' edges, float64 (n + 1,), and who begins and who ceases to wait within
    them: at the same moment those first.
    """
    found = lesser_end(opening, ends)
    for stream in np.flatnonzero(found.any(axis=1)):
        begin_s, cease_s = (_own(int(stream), each) for each in steps)
        inside = np.searchsorted(cease_s, edges_s[:-1])
        # nobody need look but just after somebody ceased
        begun = np.searchsorted(begin_s, cease_s, side="right")
        levels = opening[stream] + begun - np.arange(1.0, len(cease_s) + 1.0)
        for j in np.flatnonzero(found[stream]):
            own = levels[inside[j] : inside[j + 1] if j + 1 < len(inside) else None]
            found[stream, j] = min(found[stream, j], own.min(initial=np.inf))
    return found


def levels(in_hand: Floats, window: Floats, standing: Floats) -> tuple[Floats, Floats]:
    """Backlog and under_way as sim.ledger takes them: what stands in a window's bins, float64 (streams, n),
    and what else is in hand at their ends. in_hand: float64 (streams,), before the window."""
    ends: Floats = window[OFFERED] - window[DELIVERED]
    for fate in OTHER_FATES:
        ends -= window[fate]
    np.cumsum(ends, axis=1, out=ends)
    ends += in_hand[:, None]
    return np.maximum(standing, 0.0), ends - standing


def _own(stream: int, happened: Sequence[Happened]) -> Floats:
    """Ascending times of what happened to one stream."""
    return np.sort(np.concatenate([times_s[streams == stream] for streams, times_s in happened]))
