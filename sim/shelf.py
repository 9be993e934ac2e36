"""Where an engine puts what it found, window by window, and where an Outcome finds it again: memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float32]
Page = Mapping[str, npt.NDArray[np.floating[Any]]]
"""One window: (rows, n) by quantity. A quantity that is left out is 0."""


def width(page: Page) -> int:
    """Its bins."""
    return int(next(iter(page.values())).shape[1])


class Series(Protocol):
    """Values per bin: float32 rows (one a stream, or a stage) of each quantity."""

    bins: int

    def rows(self, quantity: str, which: Sequence[int]) -> Counts:
        """float32 (which, bins)."""

    def total(self, quantity: str, which: Sequence[int]) -> npt.NDArray[np.float64]:
        """float64 (bins,): the sum of these rows."""


def summed(series: Series, quantity: str, which: Sequence[int]) -> npt.NDArray[np.float64]:
    """float64 (bins,): the sum of these rows, one in hand at a time."""
    sums = np.zeros(series.bins)
    for i in which:
        sums += series.rows(quantity, [i])[0]
    return sums


class Shelf(Protocol):
    """Takes pages in order, from bin 0 on and without gaps; `series` gives them back once it is closed.

    cpu_s: CPU seconds that it spent on a file: no part of the simulation.
    """

    cpu_s: float

    def put(self, page: Page) -> None:
        """The next window."""

    def series(self, told: Callable[[], Mapping[bytes, str]]) -> Series:
        """Nothing more will come; what `told` gives goes into the file, where there is one."""


class Memory:
    """Both a Shelf and its Series; pages that stay zero take no memory."""

    def __init__(self, rows: Mapping[str, int], bins: int) -> None:
        self.bins = bins
        self.cpu_s = 0.0
        self._filled = 0
        self._arrays = {name: np.zeros((n, bins), dtype=np.float32) for name, n in rows.items()}

    def put(self, page: Page) -> None:
        """Copy the next window."""
        first, self._filled = self._filled, self._filled + width(page)
        for name, values in page.items():
            self._arrays[name][:, first : self._filled] = values

    def series(self, _told: Callable[[], Mapping[bytes, str]]) -> Memory:
        """Itself."""
        return self

    def rows(self, quantity: str, which: Sequence[int]) -> Counts:
        """float32 (which, bins); zeros of a quantity that nobody put here."""
        if quantity not in self._arrays:
            return np.zeros((len(which), self.bins), dtype=np.float32)
        return self._arrays[quantity][list(which)]

    def total(self, quantity: str, which: Sequence[int]) -> npt.NDArray[np.float64]:
        """float64 (bins,): the sum of these rows."""
        return summed(self, quantity, which)


def in_memory(page: Page) -> Series:
    """A season of one page."""
    memory = Memory({quantity: len(values) for quantity, values in page.items()}, width(page))
    memory.put(page)
    return memory
