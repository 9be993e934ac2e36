"""Where delivered messages go. The counting sink counts them and notices an id that comes twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from loadtests.sendapi.blocks import Entry, Lane

PAGE = 1 << 16
"""Numeric ids are ticked off on pages of this many."""
PAGES_MAX = 4096
NAMES_MAX = 500_000
"""Other ids: at least this many of the latest are remembered."""
DIGITS_MAX = 18


class Sink(Protocol):
    """Takes messages from the dispatcher; a message is delivered once this returns."""

    async def deliver(self, lane: Lane, entry: Entry, first: int, count: int) -> None:
        """Messages first … first + count - 1 of an entry."""


class CountingSink:
    """Counts messages per lane and ids that came before."""

    def __init__(self) -> None:
        self.delivered = 0
        self.duplicated = 0
        self._seen = Seen()

    async def deliver(self, lane: Lane, entry: Entry, first: int, count: int) -> None:  # noqa: ARG002 - Sink's shape
        """Count them."""
        self.delivered += count
        self.duplicated += self._seen.add(entry.ids[first : first + count])


class Seen:
    """Ids met so far, in bounded memory: numeric ones on pages of ticks, others in two generations."""

    def __init__(self) -> None:
        self._pages: dict[int, np.ndarray[tuple[int], np.dtype[np.bool_]]] = {}
        self._names: set[str] = set()
        self._older: set[str] = set()

    def add(self, ids: Sequence[str]) -> int:
        """How many of these were met before (or twice in here)."""
        if all(map(str.isdecimal, ids)) and len(max(ids, key=len)) <= DIGITS_MAX:
            return self._add_numbers(np.array(ids, dtype=object).astype(np.int64))
        return self._add_names(ids)

    def _add_numbers(self, numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
        pages = numbers // PAGE
        repeated = 0
        for number in {int(pages[0]), int(pages[-1])} if pages.min() == pages.max() else set(pages.tolist()):
            page = self._page(number)
            places = numbers[pages == number] % PAGE
            before = int(np.count_nonzero(page))
            page[places] = True
            repeated += len(places) - (int(np.count_nonzero(page)) - before)
        return repeated

    def _page(self, number: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        if number not in self._pages:
            if len(self._pages) >= PAGES_MAX:
                del self._pages[next(iter(self._pages))]
            self._pages[number] = np.zeros(PAGE, dtype=np.bool_)
        return self._pages[number]

    def _add_names(self, ids: Sequence[str]) -> int:
        repeated = 0
        for name in ids:
            repeated += name in self._names or name in self._older
            self._names.add(name)
        if len(self._names) >= NAMES_MAX:
            self._names, self._older = set(), self._names
        return repeated
