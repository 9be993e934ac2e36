"""The ledger of fates that both engines write, window by window; it refuses windows that lose a message."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
)
OFFERED, ACCEPTED, DELIVERED, FRESH, EXPIRED, REJECTED, FAILED, ATTEMPTS, LIMITED, DEAD_LETTERED = range(
    len(QUANTITIES)
)
_OTHER_FATES = (EXPIRED, REJECTED, FAILED)
_FATES = (DELIVERED, *_OTHER_FATES)
ROUNDING_MESSAGES = 1e-4
"""Sums of 1e11 messages keep about so much."""

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.float32]


class ConservationError(AssertionError):
    """An engine lost or made up messages: a bug in it, never the user's fault."""


class Ledger:
    """Counts per quantity, stream and bin, and the sums that hold whatever the counts are rounded to.

    counts: float32 (quantities, streams, bins); pages that stay zero take no memory.
    backlog, under_way: float32 (streams, bins), at each bin's end: what waits (in the queue, in backoff), and
    what does not (with a worker, or accepted by a provider and neither delivered nor bounced).
    totals: float64 (quantities, streams).
    """

    def __init__(self, streams: int, bins: int) -> None:
        self.counts: Counts = np.zeros((len(QUANTITIES), streams, bins), dtype=np.float32)
        self.backlog: Counts = np.zeros((streams, bins), dtype=np.float32)
        self.under_way: Counts = np.zeros((streams, bins), dtype=np.float32)
        self.totals: Floats = np.zeros((len(QUANTITIES), streams))

    def post(self, first_bin: int, window: Floats, under_way: Floats, held: Floats) -> None:
        """Book one window: float64 (quantities, streams, n) counts in the bins from `first_bin`.

        under_way: float64 (streams, n), at each bin's end. held: float64 (streams,), the messages that the
        engine has in hand at the window's end, under way or not, counted there and not here.
        Raises ConservationError unless, for every stream, offered = delivered + expired + rejected + failed +
        held.
        """
        opening = self._open()
        last_bin = first_bin + window.shape[2]
        sums = window.sum(axis=2)
        for row in np.flatnonzero(sums.any(axis=1)).tolist():
            self.counts[row, :, first_bin:last_bin] = window[row]
        self.totals += sums
        open_ = window[OFFERED] - window[DELIVERED]
        for row in _OTHER_FATES:
            if sums[row].any():
                open_ -= window[row]
        backlog = np.cumsum(open_, axis=1)
        backlog += opening[:, None] - under_way
        # what rounding left is no message, and rows that stay zero take no memory
        if (backlog > ROUNDING_MESSAGES).any():
            self.backlog[:, first_bin:last_bin] = np.maximum(backlog, 0.0)
        if under_way.any():
            self.under_way[:, first_bin:last_bin] = under_way
        self._check(last_bin, held)

    def _open(self) -> Floats:
        return np.asarray(self.totals[OFFERED] - self.totals[list(_FATES)].sum(axis=0))

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
