"""The ledger of fates that both engines write, window by window; it refuses windows that lose a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.shelf import Shelf

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
OTHER_FATES = (EXPIRED, REJECTED, FAILED)
_FATES = (DELIVERED, *OTHER_FATES)
ROUNDING_MESSAGES = 1e-4
"""Sums of 1e11 messages keep about so much."""

PAGE_BINS = 300
"""Windows are checked one by one; they go to the shelf so many bins at a time, which costs a third."""

Floats = npt.NDArray[np.float64]
BusyShare = Callable[[Floats, Floats | None, Floats], Floats]
"""From what was asked and refused and the workers' share to the stages' shares: see sim.stages."""


class ConservationError(AssertionError):
    """An engine lost or made up messages: a bug in it, never the user's fault."""


@dataclass(frozen=True)
class _Window:
    """As it was posted; sums: float64 (quantities, streams)."""

    counts: Floats
    backlog: Floats
    under_way: Floats
    worker_share: Floats
    sums: Floats


def summed_up(window: Floats) -> Floats:
    """float64 (quantities, streams): the sums of (quantities, streams, n)."""
    # in a third of the time that sum() takes; so does a matrix product, whose threads then wait for more
    return np.asarray(np.einsum("qsn->qs", window))


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
        self._windows: list[_Window] = []
        self._bins = 0

    def post(
        self,
        first_bin: int,
        window: Floats,
        levels: tuple[Floats, Floats],
        held: Floats,
        worker_share: Floats,
        sums: Floats | None = None,
    ) -> None:
        """Book one window: float64 (quantities, streams, n) counts in the bins from `first_bin`; an engine
        may leave out the last quantities, always.

        levels: backlog and under_way, float64 (streams, n) each, see sim.standing. held: float64 (streams,),
        the messages that the engine has in hand at the window's end, counted there and not here.
        worker_share: float64 (n,), of the workers' time that is used. Raises ConservationError unless, for
        every stream, offered = delivered + expired + rejected + failed + held. Afterwards the arrays are the
        caller's again. sums: float64 (quantities, streams), the window's, for who knows them already.
        """
        sums = summed_up(window) if sums is None else sums
        self.totals[: len(sums)] += sums
        self._check(first_bin + window.shape[2], held)
        self._bins += window.shape[2]
        if self._bins >= PAGE_BINS:
            self._windows.append(_Window(window, *levels, worker_share, sums))
            self._shelve()
        else:
            backlog, under_way = (each.copy() for each in levels)
            self._windows.append(_Window(window.copy(), backlog, under_way, worker_share.copy(), sums))

    def closed(self) -> Shelf:
        """The shelf, with all that was posted."""
        if self._windows:
            self._shelve()
        return self.shelf

    def _shelve(self) -> None:
        """All windows since the last page as one page; rows that stay zero take no memory."""
        window = _joined([each.counts for each in self._windows])
        happened = np.any([each.sums.any(axis=1) for each in self._windows], axis=0)
        page = {QUANTITIES[row]: window[row] for row in np.flatnonzero(happened)}
        worker_share = _joined([each.worker_share for each in self._windows])
        refused = window[LIMITED] if happened[LIMITED] else None
        page[BUSY_SHARE] = self._busy_share(window[ATTEMPTS], refused, worker_share)
        backlog = _joined([each.backlog for each in self._windows])
        if backlog.max(initial=0.0) > 0.0:
            page["backlog"] = backlog
        under_way = _joined([each.under_way for each in self._windows])
        if under_way.max(initial=0.0) > 0.0:
            page["under_way"] = under_way
        self._windows, self._bins = [], 0
        self.shelf.put(page)

    def in_hand(self) -> Floats:
        """float64 (streams,): messages that met no fate by the end of the last window."""
        open_: Floats = self.totals[OFFERED].copy()
        for fate in _FATES:
            open_ -= self.totals[fate]
        return open_

    def _check(self, bin_: int, held: Floats) -> None:
        missing = self.in_hand() - held
        # counts are whole at message resolution; at cohort resolution sums of 1e11 keep about 1e-5
        allowed = 1e-6 + 1e-9 * self.totals[OFFERED]
        if (np.abs(missing) > allowed).any():
            worst = int(np.argmax(np.abs(missing) - allowed))
            raise ConservationError(
                f"stream {worst}, end of bin {bin_}: offered - fates = {self.in_hand()[worst]!r}, "
                f"but the engine holds {held[worst]!r}"
            )
