"""What master and workers of a fleet say to each other, as bytes inside Locust's own messages."""

from __future__ import annotations

from typing import cast

import msgspec

from loadtests.replay.bounds import Bounds
from loadtests.replay.orders import StandIn

TYPE = "peakday"
"""Locust's name for all of these."""


class Message(msgspec.Struct, frozen=True, tag_field="kind"):
    """`play` numbers the replays of a fleet: what belongs to another one is passed over."""

    play: int


class Begin(Message, frozen=True, tag="begin"):
    """Get ready. start_ns: time 0 on the master's clock. target: as JSON; each worker checks its address.
    stand_in: on the worker's own machine.
    """

    start_ns: int
    duration_s: float
    streams: tuple[str, ...]
    channels: tuple[str, ...]
    campaigns: tuple[str, ...]
    priorities: tuple[str, ...]
    run: str
    target: str
    bounds: Bounds
    stand_in: StandIn | None = None


class Part(Message, frozen=True, tag="part"):
    """A share to carry: int64 request, int64 due (ns after time 0), int64 first message id, int64 messages,
    int64 stream, as bytes of equal length. over: nothing comes after it."""

    request: bytes
    due_ns: bytes
    first_id: bytes
    messages: bytes
    stream: bytes
    over: bool


class End(Message, frozen=True, tag="end"):
    """End now: what waits is dropped."""


class Ping(Message, frozen=True, tag="ping"):
    """A worker asks for the time; `sent_ns` on its own clock."""

    sent_ns: int


class Pong(Message, frozen=True, tag="pong"):
    """The master's clock when the ping was read."""

    sent_ns: int
    here_ns: int


class Block(Message, frozen=True, tag="block"):
    """Finished attempts: int64 rows (rows.ROW) with times on the master's clock; what is under way."""

    rows: bytes
    in_flight: int
    waiting: int


class Ended(Message, frozen=True, tag="ended"):
    """All that a worker did: number of rows, float64 histogram of service times; why it gave up, or ""."""

    rows: int
    service_counts: bytes
    error: str = ""


Any = Begin | Part | End | Ping | Pong | Block | Ended


def pack(message: Message) -> dict[str, bytes]:
    """As Locust carries it."""
    return {TYPE: msgspec.msgpack.encode(message)}


def unpack(data: dict[str, bytes]) -> Any:
    """What `pack` made."""
    return cast(Any, msgspec.msgpack.decode(data[TYPE], type=Any))
