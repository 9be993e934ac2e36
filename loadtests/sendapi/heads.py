"""Heads of sends that were parsed before: one that comes again, byte for byte, need not be parsed again."""

from __future__ import annotations

from typing import NamedTuple

from loadtests.sendapi.answer import Short

END = b"\r\n\r\n"
HEADS_MAX = 256
HEAD_BYTES_MAX = 2048


class Met(NamedTuple):
    """A whole request: what nothing refused before its body, and its body."""

    short: Short
    body: bytes


class Heads:
    """What the parser made of a head, for all connections of one process; HEADS_MAX, the oldest is let go."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Short, int]] = {}

    def met(self, data: bytes) -> Met | None:
        """The request that `data` is, where it is exactly one and its head is known."""
        ends = data.find(END) + len(END)
        known = self._known.get(data[:ends])
        if known is None or len(data) - ends != known[1]:
            return None
        return Met(known[0], data[ends:])

    def learn(self, data: bytes, short: Short, body: bytes) -> None:
        """The parser found `body` in a request that keeps its connection; `data` is all that it was given.

        Only where these bytes are one head and this body, which a stated length has ended, will the same head
        mean the same again.
        """
        ends = data.find(END) + len(END)
        if not body or ends > HEAD_BYTES_MAX or data[ends:] != body:
            return
        if len(self._known) >= HEADS_MAX:
            del self._known[next(iter(self._known))]
        self._known[data[:ends]] = (short, len(body))
