"""Words between those who carry messages to somebody that may refuse them, and those who listen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from loadtests.sendapi.blocks import Entry, Lane


class Fate(NamedTuple):
    """What became of one message. `later`: not now, `after_s` says when (None: nobody said); `never`: not at
    all; `expired`: too old before its turn. `reason`: what the far side said."""

    kind: Literal["delivered", "later", "never", "expired"]
    reason: str = ""
    after_s: float | None = None


DELIVERED = Fate("delivered")
EXPIRED = Fate("expired", "expired")


class Listener(Protocol):
    """Who wants to know what becomes of messages."""

    def hears(self, entry: Entry) -> bool:
        """Whether it wants to know of these."""

    def told(self, lane: Lane, entry: Entry, places: Sequence[int], fate: Fate, attempt: int) -> None:
        """Messages of `entry` at these places of its `ids` met a fate on their attempt, counted from 1."""


class Carrier(Protocol):
    """Carries messages. `most`: how many at once; `connections`: how many times at once."""

    @property
    def most(self) -> int:
        """Messages that one `carry` takes."""

    @property
    def connections(self) -> int:
        """`carry`s that may be under way at once."""

    async def carry(self, lane: Lane, entry: Entry, places: Sequence[int]) -> list[Fate]:
        """The fate of each message of `entry` at these places of its `ids`, in their order. Never raises."""

    async def close(self) -> None:
        """Hang up."""
