"""Blocks that were committed a moment ago, kept in memory until they are taken: what was written need not be
read back.

A lane's are those that lie right behind its reader's cursor, without a gap. Where the next one is not known
or has no room, the lane is closed: none follows until its reader has caught up by reading.
"""

from __future__ import annotations

from collections import deque

from loadtests.sendapi.blocks import LANES, Lane, Stored

FRESH_BYTES = 16 * 1024 * 1024
"""All lanes together hold this much."""


class Fresh:
    """All lanes are closed at first."""

    def __init__(self, bytes_max: int = FRESH_BYTES) -> None:
        self._lanes: dict[Lane, deque[Stored]] = {lane: deque() for lane in LANES}
        self._open: set[Lane] = set()
        self._room = bytes_max

    def open(self, lane: Lane) -> None:
        """The reader of a lane has caught up: the next block to be committed lies right behind its cursor."""
        self._open.add(lane)

    def close(self, lane: Lane) -> None:
        """The next block of a lane is not known. What was kept before still lies behind the cursor."""
        self._open.discard(lane)

    def close_all(self) -> None:
        """As `close`, of every lane."""
        self._open.clear()

    def add(self, lane: Lane, block: Stored) -> None:
        """The next block of a lane; it is let go where the lane is closed."""
        if lane not in self._open:
            return
        if len(block.data) > self._room:
            self.close(lane)
            return
        self._room -= len(block.data)
        self._lanes[lane].append(block)

    def take(self, lane: Lane, count: int) -> list[Stored]:
        """Up to `count` blocks behind the cursor, oldest first; what lies behind these must be read."""
        kept = self._lanes[lane]
        found = [kept.popleft() for _ in range(min(count, len(kept)))]
        self._room += sum(len(block.data) for block in found)
        return found
