"""Where an engine puts what it found, window by window, and where an Outcome finds it again: memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float32]
Page = Mapping[str, npt.NDArray[np.floating[Any]]]
"""One window: (rows, n) by quantity. A quantity that is left out is 0."""

ALIKE = {"accepted": "offered", "fresh": "delivered"}
"""Quantities that are the same as others in most windows."""
PIECE = 4_000_000
"""Values for which memory is asked at a time: 16 MB."""


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
    """Both a Shelf and its Series; what stays zero takes no memory, nor does what is told twice."""

    def __init__(self, rows: Mapping[str, int], bins: int) -> None:
        self.bins = bins
        self.cpu_s = 0.0
        self._filled = 0
        self._quantities = frozenset(rows)
        self._pages: list[tuple[int, dict[str, Counts]]] = []
        self._room = np.empty(0, dtype=np.float32)

    def put(self, page: Page) -> None:
        """Copy the next window."""
        kept: dict[str, Counts] = {}
        for name, values in page.items():
            if name not in self._quantities:
                raise KeyError(name)
            like = page.get(ALIKE.get(name, ""))
            same = like is not None and np.array_equal(values, like)
            kept[name] = kept[ALIKE[name]] if same and ALIKE[name] in kept else self._copied(values)
        self._pages.append((self._filled, kept))
        self._filled += width(page)

    def _copied(self, values: npt.NDArray[np.floating[Any]]) -> Counts:
        """As float32, one behind the other in great pieces of memory, which cost less than small ones."""
        if values.size > len(self._room):
            self._room = np.empty(max(PIECE, values.size), dtype=np.float32)
        own, self._room = self._room[: values.size].reshape(values.shape), self._room[values.size :]
        own[:] = values
        return own

    def series(self, _told: Callable[[], Mapping[bytes, str]]) -> Memory:
        """Itself."""
        return self

    def rows(self, quantity: str, which: Sequence[int]) -> Counts:
        """float32 (which, bins); zeros of a quantity that nobody put here."""
        found, wanted = np.zeros((len(which), self.bins), dtype=np.float32), list(which)
        for first, page in self._pages:
            if quantity in page:
                found[:, first : first + width(page)] = page[quantity][wanted]
        return found

    def total(self, quantity: str, which: Sequence[int]) -> npt.NDArray[np.float64]:
        """float64 (bins,): the sum of these rows."""
        return summed(self, quantity, which)


def in_memory(page: Page) -> Series:
    """A season of one page."""
    memory = Memory({quantity: len(values) for quantity, values in page.items()}, width(page))
    memory.put(page)
    return memory
