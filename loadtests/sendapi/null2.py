"""The null server's HTTP/2: every request gets the same few bytes, and nothing of it is looked at.

Headers are not decoded: frames alone tell where a request ends (RFC 9113, 4.1).
"""

from __future__ import annotations

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD_BYTES = 9
STREAMS_MAX = 1000
WINDOW_BYTES = 1 << 30
REPLENISH_BYTES = 1 << 28

_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE = 3, 4
_STATUS_202 = b"\x48\x03202"
"""`:status: 202`: its name by index 8 of the static table, the value as it is (RFC 7541, 6.2.1)."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack("!I", len(payload))[1:] + bytes((kind, flags)) + struct.pack("!I", stream) + payload


def greeting() -> bytes:
    """What the server says first: settings, and room for whatever comes."""
    settings = struct.pack("!HIHI", _MAX_CONCURRENT_STREAMS, STREAMS_MAX, _INITIAL_WINDOW_SIZE, WINDOW_BYTES)
    return frame(_SETTINGS, 0, 0, settings) + _window(WINDOW_BYTES)


class Frames:
    """The bytes behind the preface, in whatever pieces, to the bytes that answer them."""

    def __init__(self) -> None:
        self._rest = b""
        self._taken = 0

    def answer(self, data: bytes) -> bytes:
        """What is to be written now."""
        data = self._rest + data
        answers, at = [], 0
        while at + FRAME_HEAD_BYTES <= len(data):
            end = at + FRAME_HEAD_BYTES + int.from_bytes(data[at : at + 3], "big")
            if end > len(data):
                break
            answers.append(self._to(data[at:end]))
            at = end
        self._rest = data[at:]
        return b"".join(answers)

    def _to(self, one: bytes) -> bytes:
        kind, flags, payload = one[3], one[4], one[FRAME_HEAD_BYTES:]
        if kind == _SETTINGS and not flags & _ACK:
            return frame(_SETTINGS, _ACK, 0)
        if kind == _PING and not flags & _ACK:
            return frame(_PING, _ACK, 0, payload)
        if kind not in (_DATA, _HEADERS):
            return b""
        stream = int.from_bytes(one[5:9], "big")
        answer = (
            frame(_HEADERS, _END_HEADERS | _END_STREAM, stream, _STATUS_202) if flags & _END_STREAM else b""
        )
        return answer + self._replenished(len(payload) if kind == _DATA else 0)

    def _replenished(self, taken: int) -> bytes:
        self._taken += taken
        if self._taken < REPLENISH_BYTES:
            return b""
        more, self._taken = self._taken, 0
        return _window(more)


def _window(more: int) -> bytes:
    return frame(_WINDOW_UPDATE, 0, 0, struct.pack("!I", more))
