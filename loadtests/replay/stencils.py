"""Requests whose only open places are their messages' ids: what compiled code fills in by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from loadtests.replay.pauses import Ints

ID_DIGITS = 12
"""Ids count the messages of a run; they stand in requests with leading zeros."""

STENCIL_MESSAGES_MAX = 7
"""Requests of so many messages and more are rendered by Python; no stencil is asked for."""
_UNKNOWN, _NONE = -2, -1


@dataclass(frozen=True)
class Stencil:
    """`text`: the complete request. places: (position of ID_DIGITS digits, which message of the batch)."""

    text: bytes
    places: tuple[tuple[int, int], ...]

    def filled(self, first_id: int) -> bytes:
        """The request for messages first_id, first_id + 1, …"""
        text = bytearray(self.text)
        for at, message in self.places:
            text[at : at + ID_DIGITS] = b"%0*d" % (ID_DIGITS, first_id + message)
        return bytes(text)


class Stencils:
    """The stencils of `streams` streams, one for each number of messages, as arrays.

    stencil(stream, messages) makes one. texts: uint8; table: int64 rows (where its text begins, its bytes,
    its first place, places); places: int64 rows (position in the text, message of the batch).
    """

    def __init__(self, streams: int, stencil: Callable[[int, int], Stencil | None]) -> None:
        self._stencil = stencil
        self._of = np.full((streams, STENCIL_MESSAGES_MAX + 1), _UNKNOWN, dtype=np.int64)
        self._of[:, STENCIL_MESSAGES_MAX] = _NONE
        self.texts = np.zeros(1, dtype=np.uint8)
        self.table = np.zeros((1, 4), dtype=np.int64)
        self.places = np.zeros((1, 2), dtype=np.int64)

    def of(self, sends: Ints) -> Ints:
        """The stencil of each send, int64; -1: Python renders it. Learns those that it meets first."""
        streams, messages = sends[:, 4], np.minimum(sends[:, 3], STENCIL_MESSAGES_MAX)
        found = self._of[streams, messages]
        if (found == _UNKNOWN).any():
            for stream, count in set(zip(streams.tolist(), messages.tolist(), strict=True)):
                self._learn(stream, count)
            found = self._of[streams, messages]
        return found

    def _learn(self, stream: int, messages: int) -> None:
        if self._of[stream, messages] != _UNKNOWN:
            return
        stencil = self._stencil(stream, messages)
        self._of[stream, messages] = _NONE if stencil is None else len(self.table)
        if stencil is not None:
            places = np.array(stencil.places, dtype=np.int64).reshape(-1, 2)
            row = (self.texts.size, len(stencil.text), len(self.places), len(places))
            self.table = np.vstack((self.table, np.array([row], dtype=np.int64)))
            self.places = np.vstack((self.places, places))
            self.texts = np.concatenate((self.texts, np.frombuffer(stencil.text, dtype=np.uint8)))
