"""What the message resolution writes down as it goes, and how that becomes a window of the ledger."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim import histogram
from sim.crowd import Crowd
from sim.ledger import (
    ACCEPTED,
    ATTEMPTS,
    BY_STANDBY,
    DEAD_LETTERED,
    DELIVERED,
    EXPIRED,
    FAILED,
    FRESH,
    LIMITED,
    OFFERED,
    QUANTITIES,
    REDELIVERED,
    REJECTED,
)
from sim.standing import Happened, least

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


_NONE = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)


class Moments:
    """When something happens to a message of which stream; the moment may lie ahead."""

    __slots__ = ("_due_s", "_streams", "_times_s", "add")

    add: Callable[[int, float, float], None]
    """One more: stream, time_s, and a second moment for those who ask about a span."""

    def __init__(self) -> None:
        self._streams, self._times_s, self._due_s = array("q"), array("d"), array("d")
        add_stream, add_time, add_due = self._streams.append, self._times_s.append, self._due_s.append

        def add(stream: int, time_s: float, earlier_s: float) -> None:
            add_stream(stream)
            add_time(time_s)
            add_due(earlier_s)

        self.add = add

    def extend(self, streams: Indices, times_s: Floats) -> None:
        """Many more at once."""
        self._streams.frombytes(streams.astype(np.int64).tobytes())
        self._times_s.frombytes(times_s.tobytes())
        self._due_s.frombytes(times_s.tobytes())

    def drain(self, collected: list[tuple[int, float]]) -> None:
        """Those that somebody else collected as (stream, time_s); they are forgotten there."""
        for stream, time_s in collected:
            self.add(stream, time_s, 0.0)
        collected.clear()

    def take(self, until_s: float) -> tuple[Indices, Floats, Floats]:
        """Streams, times and due times of all that happened before `until_s`; they are forgotten here."""
        if not self._times_s:
            return _NONE
        streams = np.array(self._streams, dtype=np.int64)
        times_s, due_s = np.array(self._times_s), np.array(self._due_s)
        del self._streams[:], self._times_s[:], self._due_s[:]
        come = times_s < until_s
        if come.all():
            return streams, times_s, due_s
        later = ~come
        self._streams.frombytes(streams[later].tobytes())
        self._times_s.frombytes(times_s[later].tobytes())
        self._due_s.frombytes(due_s[later].tobytes())
        return streams[come], times_s[come], due_s[come]

    def left(self, streams: int) -> Indices:
        """int64 (streams,): how many of each stream are still written down."""
        return np.bincount(np.array(self._streams, dtype=np.int64), minlength=streams)


@dataclass(frozen=True)
class Page:
    """One window of the diary.

    counts: float64 (quantities, streams, n). standing: float64 (streams, n), the least number that waits at
    any moment of a bin. busy_s: float64 (n,), seconds that workers spent serving.
    """

    counts: Floats
    standing: Floats
    busy_s: Floats


class Diary:
    """Every happening since the last window was closed.

    Deliveries and bounces are written down when the provider accepts, with the moment at which they will
    happen; attempts with the moment at which their service started. A service ends with one attempt, but for
    a provider whose breaker is open, or a worker that crashed (`withheld`), or a standby (`asked_again`).
    turned_away: taken by nobody; lapsed: expired behind a provider's door; dropped: by a full queue;
    redelivered: visible again. What is called a stream here is a row of the `crowd`; pages are by stream.
    freshness_s: float64 (rows,).
    """

    def __init__(self, freshness_s: Floats, bin_s: float, crowd: Crowd) -> None:
        self._freshness_s, self._bin_s, self._crowd = freshness_s, bin_s, crowd
        self._rows = len(freshness_s)
        self.offered, self.rejected, self.expired = Moments(), Moments(), Moments()
        self.attempts, self.limited, self.exhausted = Moments(), Moments(), Moments()
        self.asked_again, self.withheld, self.turned_away = Moments(), Moments(), Moments()
        self.delivered, self.bounced, self.lapsed = Moments(), Moments(), Moments()
        self.dropped, self.by_standby, self.redelivered = Moments(), Moments(), Moments()
        self._plain = (
            (OFFERED, self.offered),
            (REJECTED, self.rejected),
            (EXPIRED, self.expired),
            (LIMITED, self.limited),
            (FAILED, self.bounced),
            (DEAD_LETTERED, self.exhausted),
        )
        self._serving = 0
        self._waiting = np.zeros(self._rows // crowd.width)
        self.delay_counts = np.zeros((self._rows, histogram.BINS))
        self.totals = np.zeros((len(QUANTITIES), self._rows))

    def close(self, first_bin: int, n: int, serving: tuple[Indices, Floats]) -> Page:
        """What happened in the `n` bins from `first_bin`. It is forgotten here.

        serving: streams of the messages that are with a worker at the end, and when each was started.
        """
        until_s = (first_bin + n) * self._bin_s
        window = np.zeros((len(QUANTITIES), self._rows, n))
        happened: dict[int, Happened] = {}
        for row, moments in self._plain:
            happened[row] = moments.take(until_s)[:2]
            window[row] += self._counted(*happened[row], first_bin, n)
        window[ACCEPTED] = window[OFFERED] - window[REJECTED]
        turned_away, dropped = (each.take(until_s)[:2] for each in (self.turned_away, self.dropped))
        back, out = (self._counted(*each, first_bin, n) for each in (turned_away, dropped))
        waits = window[ACCEPTED] + back - window[DEAD_LETTERED] - window[EXPIRED] - out
        window[FAILED] += window[DEAD_LETTERED] + out
        window[EXPIRED] += self._taken(self.lapsed, first_bin, n)
        window[BY_STANDBY] = self._taken(self.by_standby, first_bin, n)
        self._close_deliveries(window, first_bin, until_s)
        streams, ended_s, started_s = self.attempts.take(until_s)
        window[ATTEMPTS] = self._counted(streams, ended_s, first_bin, n)
        window[ATTEMPTS] += self._taken(self.asked_again, first_bin, n)
        window[ATTEMPTS] -= self._taken(self.withheld, first_bin, n)
        window[REDELIVERED] = self._taken(self.redelivered, first_bin, n)
        now = np.concatenate((started_s, serving[1])) >= first_bin * self._bin_s
        streams = np.concatenate((streams, serving[0]))[now]
        started_s = np.concatenate((started_s, serving[1]))[now]
        taken = self._counted(streams, started_s, first_bin, n)
        begin = [happened[OFFERED], turned_away]
        gone = [happened[row] for row in (REJECTED, DEAD_LETTERED, EXPIRED)]
        cease = [*gone, dropped, (streams, started_s)]
        by_stream = self._crowd.by_stream
        standing = self._standing(by_stream(waits - taken), first_bin, (begin, cease))
        self.totals += window.sum(axis=2)
        busy_s = self._busy_s(started_s, ended_s, first_bin, n)
        return Page(by_stream(window), standing, busy_s)

    def _standing(
        self, changes: Floats, first_bin: int, steps: tuple[list[Happened], list[Happened]]
    ) -> Floats:
        """float64 (streams, n). changes: of how many wait, from each bin's beginning to its end."""
        ends = self._waiting[:, None] + np.cumsum(changes, axis=1)
        edges_s = np.arange(first_bin, first_bin + changes.shape[1] + 1) * self._bin_s
        begin, cease = ([self._crowd.of_streams(each) for each in step] for step in steps)
        standing = least(self._waiting, ends, edges_s, (begin, cease))
        self._waiting = ends[:, -1]
        return standing

    def _taken(self, moments: Moments, first_bin: int, n: int) -> Floats:
        """float64 (streams, n): how many there were in each bin; they are forgotten here."""
        streams, times_s, _ = moments.take((first_bin + n) * self._bin_s)
        return self._counted(streams, times_s, first_bin, n)

    def _close_deliveries(self, window: Floats, first_bin: int, until_s: float) -> None:
        n = window.shape[2]
        streams, times_s, due_s = self.delivered.take(until_s)
        delay_s = times_s - due_s
        fresh = delay_s <= self._freshness_s[streams]
        window[DELIVERED] = self._counted(streams, times_s, first_bin, n)
        window[FRESH] = self._counted(streams[fresh], times_s[fresh], first_bin, n)
        # numpy is seven times as fast where there is one index
        np.add.at(self.delay_counts.reshape(-1), streams * histogram.BINS + histogram.index(delay_s), 1.0)

    def _busy_s(self, started_s: Floats, ended_s: Floats, first_bin: int, n: int) -> Floats:
        """float64 (n,): seconds that workers spent serving in each bin."""
        starts, started_left_s = self._left(started_s, first_bin, n)
        ends, ended_left_s = self._left(ended_s, first_bin, n)
        serving = self._serving + np.cumsum(starts - ends)
        opening = np.concatenate(([self._serving], serving[:-1]))
        self._serving = int(serving[-1])
        return np.asarray(opening * self._bin_s + started_left_s - ended_left_s)

    def under_way(self) -> Indices:
        """int64 (rows,):

        accepted by the provider, neither delivered nor bounced when the window closed.
        """
        return self.delivered.left(self._rows) + self.bounced.left(self._rows)

    def _bins(self, times_s: Floats, first_bin: int, n: int) -> Indices:
        # a sum of floats may end up an ulp beyond the edge that bounds the window
        bins = (times_s / self._bin_s).astype(np.int64) - first_bin
        return np.maximum(np.minimum(bins, n - 1), 0)

    def _counted(self, streams: Indices, times_s: Floats, first_bin: int, n: int) -> Floats:
        if not len(times_s):
            return np.zeros((self._rows, n))
        flat = streams * n + self._bins(times_s, first_bin, n)
        counts = np.bincount(flat, minlength=self._rows * n)
        return counts.reshape(self._rows, n).astype(np.float64)

    def _left(self, times_s: Floats, first_bin: int, n: int) -> tuple[Floats, Floats]:
        """How many fell into each bin, and the sum of what was left of the bin after each."""
        at = self._bins(times_s, first_bin, n)
        left_s = (first_bin + at + 1) * self._bin_s - times_s
        counts = np.bincount(at, minlength=n).astype(np.float64)
        return counts, np.bincount(at, weights=left_s, minlength=n).astype(np.float64)
