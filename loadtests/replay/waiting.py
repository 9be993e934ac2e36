"""Sends that are due and have no connection: in an exchange's hands, or behind those in somebody else's."""

from __future__ import annotations

from typing import Protocol

from loadtests.replay.agenda import Send

Waiting = tuple[Send, int, int, bytes | None, int]
"""(send, attempt, picked_ns, its bytes where they are rendered already, since when it waits in ns)."""


class Behind(Protocol):
    """Sends that wait behind those of an exchange, in somebody else's hands."""

    @property
    def lacking(self) -> int:
        """How many of them no free connection is at hand for."""

    def release(self, most: int) -> list[Waiting]:
        """Up to so many, those that wait longest first: they are the exchange's now."""


class Nobody:
    """Nobody waits there."""

    lacking = 0

    def release(self, most: int) -> list[Waiting]:  # noqa: ARG002 - there is none
        """None."""
        return []
