"""The ledger of fates that both engines write, window by window; it refuses windows that lose a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.shelf import Shelf
from sim.standing import lesser_end

QUANTITIES = (
    "offered",
    "accepted",
    "delivered",
    "fresh",
    "expired",
    "rejected",
    "failed",
    "attempts",
    "limited",
    "dead_lettered",
    "by_standby",
    "redelivered",
    "duplicates",
)
(
    OFFERED,
    ACCEPTED,
    DELIVERED,
    FRESH,
    EXPIRED,
    REJECTED,
    FAILED,
    ATTEMPTS,
    LIMITED,
    DEAD_LETTERED,
    BY_STANDBY,
    REDELIVERED,
    DUPLICATES,
) = range(len(QUANTITIES))
ONCE = REDELIVERED
"""So many quantities there are where no message is taken from the queue again; the others count 0."""
LEVELS = ("backlog", "under_way")
BUSY_SHARE = "busy_share"
ROWS = (*QUANTITIES, *LEVELS, BUSY_SHARE)
"""All that is kept per bin: counts and levels by stream, busy shares by stage."""
_OTHER_FATES = (EXPIRED, REJECTED, FAILED)
_FATES = (DELIVERED, *_OTHER_FATES)
ROUNDING_MESSAGES = 1e-4
"""Sums of 1e11 messages keep about so much."""

PAGE_BINS = 300
"""Windows are checked one by one; they go to the shelf so many bins at a time, which costs a third."""

Floats = npt.NDArray[np.float64]
BusyShare = Callable[[Floats, Floats], Floats]
"""From a window's counts and the workers' share of it to the stages' shares: see sim.stages."""


class ConservationError(AssertionError):
    """An engine lost or made up messages: a bug in it, never the user's fault."""


@dataclass(frozen=True)
class _Window:
    """As it was posted; sums: float64 (quantities, streams)."""

    counts: Floats
    under_way: Floats
    worker_share: Floats
    standing: Floats | None
    sums: Floats


def _joined(parts: Sequence[Floats]) -> Floats:
    """Along the bins, which come last."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


class Ledger:
    """Sums per quantity and stream, held against what the engine has in hand; the windows go to the shelf.

    totals: float64 (quantities, streams), whatever the counts on the shelf are rounded to.
    """

    def __init__(self, streams: int, shelf: Shelf, busy_share: BusyShare) -> None:
        self.shelf, self._busy_share = shelf, busy_share
        self.totals: Floats = np.zeros((len(QUANTITIES), streams))
        self._opening: Floats = np.zeros(streams)
        self._waiting: Floats = np.zeros(streams)
        self._windows: list[_Window] = []
        self._bins = 0

    def post(
        self,
        first_bin: int,
        window: Floats,
        under_way: Floats,
        held: Floats,
        worker_share: Floats,
        standing: Floats | None = None,
    ) -> None:
        """Book one window: float64 (quantities, streams, n) counts in the bins from `first_bin`; an engine
        may leave out the last quantities, always.

        under_way: float64 (streams, n), with a worker or from a provider at each bin's end. held: float64
        (streams,), the messages that the engine has in hand at the window's end, under way or not, counted
        there and not here. worker_share: float64 (n,), of the workers' time that is used. standing: float64
        (streams, n), see sim.standing; without it, of amounts that change evenly within a bin (an engine
        always says it or never). Raises ConservationError unless,
        for every stream, offered = delivered + expired + rejected + failed + held. Afterwards the arrays are
        the caller's again.
        """
        sums = window @ np.ones(window.shape[2])  # a third of the time that sum() takes
        self.totals[: len(sums)] += sums
        self._check(first_bin + window.shape[2], held)
        self._bins += window.shape[2]
        if self._bins >= PAGE_BINS:
            self._windows.append(_Window(window, under_way, worker_share, standing, sums))
            self._shelve()
        else:
            kept = (window.copy(), under_way.copy(), worker_share.copy())
            self._windows.append(_Window(*kept, None if standing is None else standing.copy(), sums))

    def closed(self) -> Shelf:
        """The shelf, with all that was posted."""
        if self._windows:
            self._shelve()
        return self.shelf

    def _shelve(self) -> None:
        """All windows since the last page as one page."""
        window = _joined([each.counts for each in self._windows])
        under_way = _joined([each.under_way for each in self._windows])
        worker_share = _joined([each.worker_share for each in self._windows])
        happened = np.any([each.sums.any(axis=1) for each in self._windows], axis=0)
        page = {QUANTITIES[row]: window[row] for row in np.flatnonzero(happened)}
        page[BUSY_SHARE] = self._busy_share(window, worker_share)
        open_ = window[OFFERED] - window[DELIVERED]
        for row in _OTHER_FATES:
            if happened[row]:
                open_ -= window[row]
        waiting = np.cumsum(open_, axis=1)
        waiting += self._opening[:, None] - under_way
        # what rounding left is no message, and rows that stay zero take no memory
        if (waiting > ROUNDING_MESSAGES).any():
            told = [each.standing for each in self._windows if each.standing is not None]
            backlog = _joined(told) if told else lesser_end(self._waiting, waiting)
            under_way += waiting - backlog
            if (backlog > ROUNDING_MESSAGES).any():
                page["backlog"] = np.maximum(backlog, 0.0)
        self._opening, self._waiting = self._open(), waiting[:, -1].copy()
        if under_way.any():
            page["under_way"] = under_way
        self._windows, self._bins = [], 0
        self.shelf.put(page)

    def _open(self) -> Floats:
        open_: Floats = self.totals[OFFERED].copy()
        for fate in _FATES:
            open_ -= self.totals[fate]
        return open_

    def _check(self, bin_: int, held: Floats) -> None:
        missing = self._open() - held
        # counts are whole at message resolution; at cohort resolution sums of 1e11 keep about 1e-5
        allowed = 1e-6 + 1e-9 * self.totals[OFFERED]
        if (np.abs(missing) > allowed).any():
            worst = int(np.argmax(np.abs(missing) - allowed))
            raise ConservationError(
                f"stream {worst}, end of bin {bin_}: offered - fates = {self._open()[worst]!r}, "
                f"but the engine holds {held[worst]!r}"
            )
