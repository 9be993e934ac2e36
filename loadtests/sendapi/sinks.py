"""Where delivered messages go. The counting sink counts them and notices an id that comes twice."""

from __future__ import annotations

from collections.abc import Sequence
from string import digits
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import DELIVERED, Fate

PAGE = 4096
"""Ids that end in a number are ticked off on pages of this many, a byte each."""
PAGES_MAX = 16_384
NAMES_MAX = 500_000
DIGITS_MAX = 18
"""More do not fit into 64 bits."""
FEW = 32
"""Up to here a plain loop is faster than numpy."""


class Sink(Protocol):
    """Takes messages from the dispatcher; they are delivered once this returns."""

    async def deliver(self, lane: Lane, entry: Entry, first: int, count: int) -> None:
        """Messages first … first + count - 1 of an entry."""


@runtime_checkable
class BulkSink(Sink, Protocol):
    """A sink that also takes many entries in one go, for providers without limits."""

    async def deliver_all(self, lane: Lane, entries: Sequence[Entry]) -> None:
        """Every message of these entries."""


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

    async def deliver_all(self, lane: Lane, entries: Sequence[Entry]) -> None:  # noqa: ARG002 - Sink's shape
        """Count them, in one go where they are small."""
        small = [name for entry in entries if len(entry.ids) <= FEW for name in entry.ids]
        large = [entry.ids for entry in entries if len(entry.ids) > FEW]
        for ids in (small, *large):
            self.delivered += len(ids)
            self.duplicated += self._seen.add(ids)

    def hears(self, entry: Entry) -> bool:  # noqa: ARG002 - Listener's shape
        """Whatever is delivered elsewhere is counted here."""
        return True

    def told(self, lane: Lane, entry: Entry, places: Sequence[int], fate: Fate, attempt: int) -> None:  # noqa: ARG002 - Listener's shape
        """Count what somebody else delivered."""
        if fate is DELIVERED:
            self.delivered += len(places)
            self.duplicated += self._seen.add([entry.ids[place] for place in places])


class Seen:
    """Ids met so far, in bounded memory.

    Ids that end in a number are ticked off on pages, one row of pages for each stem before the number;
    beyond PAGES_MAX pages the oldest is forgotten. Of other ids at least NAMES_MAX are remembered.
    """

    def __init__(self) -> None:
        self._pages: dict[tuple[str, int, int], bytearray] = {}
        self._names: set[str] = set()
        self._older: set[str] = set()

    def add(self, ids: Sequence[str]) -> int:
        """How many of these were met before, or twice in here."""
        if len(ids) > FEW and (found := _series(ids)) is not None:
            return self._add_numbers(*found)
        return sum([self._add_one(name) for name in ids])

    def _add_numbers(self, stem: str, length: int, numbers: npt.NDArray[np.int64]) -> int:
        """A stem, a length and a number make exactly one id, leading zeros or not."""
        unique = numbers if (numbers[1:] > numbers[:-1]).all() else np.unique(numbers)
        first, last = int(unique[0]) // PAGE, int(unique[-1]) // PAGE
        if first == last:
            parts = [(first, unique % PAGE)]
        else:
            pages, starts = np.unique(unique // PAGE, return_index=True)
            parts = list(zip(pages.tolist(), np.split(unique % PAGE, starts[1:]), strict=True))
        repeated = len(numbers) - len(unique)
        for number, places in parts:
            page = np.frombuffer(self._page((stem, length, number)), np.uint8)
            repeated += int(np.count_nonzero(page[places]))
            page[places] = 1
        return repeated

    def _add_one(self, name: str) -> int:
        stem, length = name.rstrip(digits), len(name)
        if not 0 < length - len(stem) <= DIGITS_MAX:
            return self._add_name(name)
        number, place = divmod(int(name[len(stem) :]), PAGE)
        page = self._page((stem, length, number))
        repeated = page[place]
        page[place] = 1
        return repeated

    def _page(self, key: tuple[str, int, int]) -> bytearray:
        page = self._pages.get(key)
        if page is None:
            if len(self._pages) >= PAGES_MAX:
                del self._pages[next(iter(self._pages))]
            page = self._pages[key] = bytearray(PAGE)
        return page

    def _add_name(self, name: str) -> int:
        repeated = int(name in self._names or name in self._older)
        self._names.add(name)
        if len(self._names) >= NAMES_MAX:
            self._names, self._older = set(), self._names
        return repeated


def _series(ids: Sequence[str]) -> tuple[str, int, npt.NDArray[np.int64]] | None:
    """Stem, length and numbers of ids that differ in their number only; None where they are not such."""
    stem, length = ids[0].rstrip(digits), len(ids[0])
    text = "".join(ids)
    if not 0 < length - len(stem) <= DIGITS_MAX or not text.isascii():
        return None
    if len(text) != length * len(ids) or set(map(len, ids)) != {length}:
        return None
    letters = np.frombuffer(text.encode(), np.uint8).reshape(len(ids), length)
    if (letters[:, : len(stem)] != letters[0, : len(stem)]).any():
        return None
    figures = letters[:, len(stem) :] - np.uint8(ord("0"))  # what is below "0" wraps round to above 9
    if (figures > 9).any():
        return None
    return stem, length, figures @ 10 ** np.arange(figures.shape[1] - 1, -1, -1, dtype=np.int64)
