"""What the front processes and the one behind them say to each other, framed by length on a socket pair."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from loadtests.sendapi.answer import Answer, Asked
from loadtests.sendapi.blocks import Once, Write

LENGTH_BYTES = 4


class Keep(msgspec.Struct, tag=True, frozen=True):
    """Front: keep these blocks; under a name, once."""

    number: int
    writes: list[Write]
    once: Once | None = None


class Kept(msgspec.Struct, tag=True, frozen=True):
    """Back: they are on disk, unless it is `full` or something `failed`. `earlier`: the name's record."""

    number: int
    earlier: bytes | None = None
    full: bool = False
    failed: str = ""


class Ask(msgspec.Struct, tag=True, frozen=True):
    """Front: a request for a route that is not a send."""

    number: int
    asked: Asked


class Told(msgspec.Struct, tag=True, frozen=True):
    """Back: its answer."""

    number: int
    answer: Answer


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """One answered request, as the meter counts it."""

    wire: str
    status: int
    took_s: float
    messages: int


class Noted(msgspec.Struct, tag=True, frozen=True):
    """Front: what it answered since it last said so; `limited`: requests that it turned away."""

    answered: list[Answered]
    limited: int


Frame = Keep | Kept | Ask | Told | Noted

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


class Frames(asyncio.Protocol):
    """One end. `heard` is called with each frame, `gone` once when the other end has left."""

    def __init__(self, heard: Callable[[Frame], None], gone: Callable[[], None]) -> None:
        self._heard = heard
        self._gone = gone
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand on every frame that is complete."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= LENGTH_BYTES:
            ends = at + LENGTH_BYTES + int.from_bytes(self._buffer[at : at + LENGTH_BYTES])
            if len(self._buffer) < ends:
                break
            frame = bytes(self._buffer[at + LENGTH_BYTES : ends])
            at = ends
            self._heard(_decode(frame))
        del self._buffer[:at]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        """The other end has left."""
        self._transport = None
        self._gone()

    @property
    def open(self) -> bool:
        """Whether something can be said."""
        return self._transport is not None

    def say(self, frame: Frame) -> None:
        """Write a frame; to nobody, where the other end has left."""
        if self._transport is not None:
            text = _encode(frame)
            self._transport.writelines([len(text).to_bytes(LENGTH_BYTES), text])

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
