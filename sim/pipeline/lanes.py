"""The cohort's lanes: what of a stream is alike in all that decides on its delay.

A stream whose messages are held up upstream, each by a delay of its own, is cut into lanes by that delay, so
that who is late already is told from who is not. Any other stream is one lane. Conservation is asserted on
lanes as on streams: what a stream is, its lanes add up to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.pipeline.spreading import laid
from sim.season.delays import beyond, points
from sim.season.upstream import HoldUp
from sim.traffic import Stream

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Lay = Callable[[Floats, Floats, Indices, Floats], None]
"""As sim.pipeline.kernelfeedback.lay_causes."""

_CUTS = (0, 40, 150, 280, 410, 540, 670, 770, 850, 910, 950, 978, 996, 1007, 1014, 1019, 1022, 1024)
"""Where 1024 equally probable delays are cut: finer where the tail is."""
_RARE = 1e-6
"""Of a stream: so few that are too old at the door have no lane."""
_LAGS = 48
"""Lags at most on which a lane's delay is laid."""


@dataclass(frozen=True)
class Lane:
    """A `share` of the messages of one stream; ages_s: float64 (n,), equally probable ages at the door."""

    stream: int
    share: float = 1.0
    ages_s: Floats | None = None

    @cached_property
    def age_s(self) -> float:
        """The mean age at the door."""
        return 0.0 if self.ages_s is None else float(self.ages_s.mean())

    @cached_property
    def age_var(self) -> float:
        """The variance of the ages at the door."""
        return 0.0 if self.ages_s is None else float(self.ages_s.var())


def lanes_of(hold_ups: Sequence[HoldUp], freshness_s: Sequence[float] = ()) -> list[Lane]:
    """The lanes of all streams, each stream's together and in order; cut as well where a message is as old at
    the door as its stream's freshness."""
    fresh_s = list(freshness_s) + [math.inf] * (len(hold_ups) - len(freshness_s))
    return [lane for i, hold_up in enumerate(hold_ups) for lane in _lanes(i, hold_up, fresh_s[i])]


def _lanes(stream: int, hold_up: HoldUp, freshness_s: float) -> list[Lane]:
    if hold_up.nothing:
        return [Lane(stream)]
    if not hold_up.delays:
        return [Lane(stream, ages_s=np.array([hold_up.fixed_s]))]
    ages_s = hold_up.fixed_s + points(hold_up.delays, _CUTS[-1])
    fresh = int(np.searchsorted(ages_s, freshness_s))
    cuts = sorted({*_CUTS, fresh})
    lanes = [Lane(stream, (last - first) / len(ages_s), ages_s[first:last]) for first, last in pairwise(cuts)]
    late, late_s = beyond(hold_up.delays, freshness_s - hold_up.fixed_s)
    if fresh == 0 or (fresh == len(ages_s) and late < _RARE):
        return lanes
    if fresh == len(ages_s):
        lanes.append(Lane(stream, 0.0, np.array([hold_up.fixed_s + late_s])))
    return _with_late(lanes, late, cuts.index(fresh))


def _with_late(lanes: Sequence[Lane], late: float, fresh: int) -> list[Lane]:
    """The same lanes, of which the first `fresh` are the share 1 - `late` of their stream: points tell the
    tail of a delay no better than to half of one."""
    sums = sum(lane.share for lane in lanes[:fresh]), sum(lane.share for lane in lanes[fresh:])
    wanted = [(1.0 - late) * lane.share / sums[0] for lane in lanes[:fresh]]
    wanted += [late * (lane.share / sums[1] if sums[1] else 1.0) for lane in lanes[fresh:]]
    return [replace(lane, share=share) for lane, share in zip(lanes, wanted, strict=True)]


def lane_streams(lanes: Sequence[Lane], streams: Sequence[Stream]) -> list[Stream]:
    """The stream of each lane."""
    return [streams[lane.stream] for lane in lanes]


class Doors:
    """Streams and their lanes at the door. `held_up`: streams whose messages come later than their events."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        at_once = [(lane.stream, i) for i, lane in enumerate(lanes) if lane.ages_s is None]
        self._at_once = list(_stretches(at_once))
        later = [i for i, lane in enumerate(lanes) if lane.ages_s is not None]
        self._later = [own for own, _ in _stretches([(i, i) for i in later])]
        self.held_up = sorted({lanes[i].stream for i in later})

    def let_in(self, events: npt.NDArray[np.int64], arrivals: Floats) -> None:
        """Into `arrivals` (lanes, n): `events` (streams, n) of the streams that nothing holds up."""
        for streams, lanes in self._at_once:
            arrivals[lanes] = events[streams]
        for own in self._later:
            arrivals[own] = 0.0


def _stretches(pairs: Sequence[tuple[int, int]]) -> Iterator[tuple[slice, slice]]:
    """Both sides of pairs that count up together, as slices: they are copied in a third of the time."""
    for _, together in groupby(pairs, lambda pair: pair[1] - pair[0]):
        own = list(together)
        yield slice(own[0][0], own[-1][0] + 1), slice(own[0][1], own[-1][1] + 1)


def by_stream(lanes: Sequence[Lane], of_lanes: Floats, streams: int) -> Floats:
    """The sums (..., streams, n) over each stream's lanes of (..., lanes, n) or (lanes, n)."""
    if len(lanes) == streams:
        return of_lanes
    firsts = np.searchsorted([lane.stream for lane in lanes], np.arange(streams))
    return np.asarray(np.add.reduceat(of_lanes, firsts, axis=-2))


class Approach:
    """From the events of `streams` that stages hold up to the arrivals of their lanes, stretch by stretch.

    lay: sim.pipeline.kernelfeedback.lay_causes.
    """

    def __init__(self, lanes: Sequence[Lane], streams: Sequence[int], bin_s: float, lay: Lay) -> None:
        self._lay = lay
        self._rows = [i for i, lane in enumerate(lanes) if lane.stream in streams]
        self._causes = [streams.index(lanes[i].stream) for i in self._rows]
        self._jumps = [_jumps(lanes[i], bin_s) for i in self._rows]
        self._reach = max((1 + int(lags[-1]) for lags, _ in self._jumps), default=0)
        self._slopes = np.zeros((len(self._rows), self._reach))
        self._levels = np.zeros((len(self._rows), 1))
        self._ahead = 0

    @property
    def any(self) -> bool:
        """Whether anything may be on its way."""
        return self._ahead > 0

    def let_in(self, events: npt.NDArray[np.integer[Any]], arrivals: Floats) -> None:
        """Into `arrivals` (lanes, n): what `events` (streams, n) of the n bins that follow, and those before
        them, bring to the door."""
        n = events.shape[1]
        happened = [i for i, own in enumerate(events) if own.any()]
        if not happened and self._ahead <= 0:
            return
        slopes = np.hstack((self._slopes, np.zeros((len(self._rows), n))))
        for cause, (lags, jumps), slope in zip(self._causes, self._jumps, slopes, strict=True):
            if cause in happened:
                self._lay(events[cause].astype(np.float64), slope, lags, jumps)
        levels = self._levels + np.cumsum(slopes[:, :n], axis=1)
        self._ahead = self._reach if happened else self._ahead - n
        left = 1.0 if self._ahead > 0 else 0.0
        self._levels, self._slopes = levels[:, -1:] * left, slopes[:, n:] * left
        # cumulated differences leave residues of about 1e-16 of the peak on either side of zero
        arrivals[self._rows] = np.where(levels > _RESIDUE, levels, 0.0)


_RESIDUE = 1e-9
"""Less than this of a message is what rounding left."""


def _jumps(lane: Lane, bin_s: float) -> tuple[Indices, Floats]:
    """Lags in bins, and how the lane's arrivals a bin change at each for one event of its stream."""
    assert lane.ages_s is not None
    in_bins = lane.ages_s / bin_s
    first, last = math.floor(in_bins[0]), math.ceil(in_bins[-1]) + 1
    lags = np.unique(np.linspace(first, last, min(last - first, _LAGS) + 1).round().astype(np.int64))
    told = laid(in_bins, lags)
    return lags, lane.share * told[:, 1]
