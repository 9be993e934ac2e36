"""What the queue keeps: entries of one request, packed into blocks, and what a backend must do with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple, Protocol

import msgspec

from scenarios.words import CHANNELS, PRIORITIES, Channel, Priority

BLOCK_BYTES = 4 * 1024 * 1024
"""A block that has grown to this takes no further entry, so that reading one back stays cheap."""


class Lane(NamedTuple):
    """Messages of one priority on one channel, first in first out."""

    priority: Priority
    channel: Channel


LANES = tuple(Lane(priority, channel) for priority, channel in product(PRIORITIES, CHANNELS))
LANE_OF = {(lane.priority, lane.channel): lane for lane in LANES}
"""Each lane, made once."""


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Messages of one request in one lane. `places`: their personalizations in `body`, [] = all, in order.

    `accepted_s` is Unix time: freshness is counted across restarts. `wire`: whose format `body` is in.
    """

    message_id: str
    accepted_s: float
    campaign: str
    ids: list[str]
    places: list[int]
    body: bytes
    wire: str = ""

    def is_stale(self, now_s: float, freshness_s: float) -> bool:
        """Whether it is older than `freshness_s` at the Unix time `now_s`; with 0 nothing ever is."""
        return freshness_s > 0.0 and now_s - self.accepted_s > freshness_s


class Block(NamedTuple):
    """Entries that were committed together. `key` is the backend's own and grows within a lane."""

    lane: Lane
    key: bytes
    messages: int
    size: int
    entries: list[Entry]


class Write(NamedTuple):
    """One block to append; `data` is its entries as msgpack."""

    lane: Lane
    messages: int
    data: bytes


class Once(NamedTuple):
    """That something is stored once under a name. `record` is kept with it for `keep_s`."""

    name: bytes
    record: bytes
    keep_s: float


class Stored(NamedTuple):
    """One block as a backend hands it back."""

    key: bytes
    messages: int
    data: bytes


class QueueFull(Exception):  # noqa: N818 - a state that the client is told of, not a failure
    """No room: nothing of the batch was stored."""


class StoreFailed(Exception):  # noqa: N818 - the field says "failed"
    """The backend did not say that the batch is on disk; it may be there or not."""


class Appender(Protocol):
    """Where commits go. Raises StoreFailed when the far side is gone."""

    @property
    def in_flight(self) -> int:
        """How many `append`s may be on their way at once."""

    async def append(self, writes: Sequence[Write]) -> Sequence[bytes]:
        """All blocks on disk before it returns. QueueFull when there is no room: none of them is.

        Their keys; () where they are not told, or others may have written between them.
        """

    async def append_once(self, writes: Sequence[Write], once: Once) -> bytes | None:
        """`append`, unless there is a record by that name: then this, and nothing is stored."""


class Backend(Appender, Protocol):
    """What a store must be able to do. Every method raises StoreFailed when the far side is gone."""

    @property
    def name(self) -> str:
        """ "valkey" or "sqlite"."""

    @property
    def durable(self) -> bool:
        """Whether `append` returns only once the blocks survive a power cut."""

    async def read(self, lane: Lane, after: bytes, count: int) -> list[Stored]:
        """Up to `count` blocks behind the key `after` (b"" = from the first), oldest first."""

    async def delete(self, keys: Sequence[tuple[Lane, bytes]]) -> None:
        """Forget these blocks for ever."""

    async def compact(self) -> None:
        """Give back the disk that forgotten blocks still take. It may go on after this returns."""

    async def ping(self) -> None:
        """Returns when the far side is there and would take a block."""

    async def close(self) -> None:
        """Leave; what is stored stays."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode


def unpacked(lane: Lane, stored: Stored) -> Block:
    """A block as its reader wants it."""
    return Block(lane, stored.key, stored.messages, len(stored.data), _decode(stored.data))


def packed(entries: Iterable[tuple[Lane, Entry]]) -> list[Write]:
    """The fewest blocks that hold these entries: one per lane, more where BLOCK_BYTES is reached."""
    lanes: dict[Lane, list[Entry]] = {}
    for lane, entry in entries:
        lanes.setdefault(lane, []).append(entry)
    return [
        Write(lane, sum(len(entry.ids) for entry in part), _encode(part))
        for lane, found in lanes.items()
        for part in _parts(found)
    ]


def _parts(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    part: list[Entry] = []
    size = 0
    for entry in entries:
        if part and size + len(entry.body) > BLOCK_BYTES:
            yield part
            part, size = [], 0
        part.append(entry)
        size += len(entry.body)
    yield part
