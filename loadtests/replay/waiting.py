"""Sends that are due and have no connection: in an exchange's hands, or behind those in somebody else's."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from loadtests.replay.agenda import Send

Waiting = tuple[Send, int, int, bytes | None, int]
"""(send, attempt, picked_ns, its bytes where they are rendered already, since when it waits in ns)."""


class Behind(Protocol):
    """Sends that wait behind those of an exchange, in somebody else's hands."""

    @property
    def begun(self) -> int:
        """How many ever left those hands: started there, or released."""

    @property
    def lacking(self) -> int:
        """How many of them no free connection is at hand for."""

    def release(self, most: int) -> list[Waiting]:
        """Up to so many, those that wait longest first: they are the exchange's now."""


class Nobody:
    """Nobody waits there."""

    begun = lacking = 0

    def release(self, most: int) -> list[Waiting]:  # noqa: ARG002 - there is none
        """None."""
        return []


def columns(waiting: Collection[Waiting]) -> tuple[list[int], list[int], list[int]]:
    """Requests, attempts, picked_ns of many at once: there may be a hundred thousand, and a stop is quick."""
    rows = [(send[1], attempt, picked_ns) for send, attempt, picked_ns, _, _ in waiting]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
