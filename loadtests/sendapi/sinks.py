"""Where delivered messages go. The counting sink counts them and notices an id that comes twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from loadtests.sendapi.blocks import Entry, Lane

PAGE = 1 << 16
"""Numeric ids are ticked off on pages of this many."""
PAGES_MAX = 4096
NAMES_MAX = 500_000
"""Other ids: at least this many of the latest are remembered."""
DIGITS_MAX = 18
FEW = 32
"""Up to here a plain loop is faster than numpy."""


class Sink(Protocol):
    """Takes messages from the dispatcher; they are delivered once this returns."""

    async def deliver(self, lane: Lane, entry: Entry, first: int, count: int) -> None:
        """Messages first … first + count - 1 of an entry."""


class CountingSink:
    """Counts messages, and ids that came before."""

    def __init__(self) -> None:
        self.delivered = 0
        self.duplicated = 0
        self._seen = Seen()

    async def deliver(self, lane: Lane, entry: Entry, first: int, count: int) -> None:  # noqa: ARG002 - Sink's shape
        """Count them."""
        self.delivered += count
        self.duplicated += self._seen.add(entry.ids[first : first + count])


class Seen:
    """Ids met so far, in bounded memory: numeric ones on pages of ticks, others in two generations.

    Beyond PAGES_MAX pages the oldest is forgotten, beyond NAMES_MAX names the generation before last.
    """

    def __init__(self) -> None:
        self._pages: dict[int, npt.NDArray[np.uint8]] = {}
        self._names: set[str] = set()
        self._older: set[str] = set()

    def add(self, ids: Sequence[str]) -> int:
        """How many of these were met before, or twice in here."""
        numbers = [int(name) for name in ids if _is_number(name)]
        repeated = 0
        if len(numbers) < len(ids):
            repeated = self._add_names([name for name in ids if not _is_number(name)])
        if len(numbers) <= FEW:
            return repeated + sum(map(self._add_number, numbers))
        return repeated + self._add_numbers(np.array(numbers, dtype=np.int64))

    def _add_number(self, number: int) -> int:
        page, place = self._page(number // PAGE), number % PAGE
        repeated = int(page[place])
        page[place] = 1
        return repeated

    def _add_numbers(self, numbers: npt.NDArray[np.int64]) -> int:
        unique = np.unique(numbers)
        pages, starts = np.unique(unique // PAGE, return_index=True)
        repeated = len(numbers) - len(unique)
        for number, places in zip(pages.tolist(), np.split(unique % PAGE, starts[1:]), strict=True):
            page = self._page(number)
            repeated += int(np.count_nonzero(page[places]))
            page[places] = 1
        return repeated

    def _page(self, number: int) -> npt.NDArray[np.uint8]:
        page = self._pages.get(number)
        if page is None:
            if len(self._pages) >= PAGES_MAX:
                del self._pages[next(iter(self._pages))]
            page = self._pages[number] = np.zeros(PAGE, dtype=np.uint8)
        return page

    def _add_names(self, ids: Sequence[str]) -> int:
        repeated = 0
        for name in ids:
            repeated += name in self._names or name in self._older
            self._names.add(name)
        if len(self._names) >= NAMES_MAX:
            self._names, self._older = set(), self._names
        return repeated


def _is_number(name: str) -> bool:
    return name.isdecimal() and len(name) <= DIGITS_MAX
