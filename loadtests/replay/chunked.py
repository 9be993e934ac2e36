"""Chunked bodies (RFC 9112, 7.1) out of whatever pieces a socket gives."""

from __future__ import annotations

from loadtests.replay.fates import Fault
from loadtests.replay.limits import BODY_BYTES_MAX, HEAD_BYTES_MAX, BadResponse

CHUNK_LINE_BYTES_MAX = 4096


class Chunks:
    """A chunked body (RFC 9112, 7.1). `feed` returns True once the last chunk and the trailers are read."""

    def __init__(self) -> None:
        self.left_over = b""
        self._pending = b""
        self._data: list[bytes] = []
        self._bytes = 0
        self._missing = 0
        self._in_trailers = False

    def body(self) -> bytes:
        """All chunks joined."""
        return b"".join(self._data)

    def feed(self, data: bytes) -> bool:
        """Take the next bytes. Raises BadResponse."""
        rest = self._pending + data
        while not self._in_trailers:
            before = len(rest)
            rest = self._take_data(rest) if self._missing else self._take_line(rest)
            if len(rest) == before or (not rest and not self._in_trailers):
                self._pending = rest
                return False
        return self._take_trailers(rest)

    def _take_line(self, rest: bytes) -> bytes:
        end = rest.find(b"\r\n")
        if end < 0:
            if len(rest) > CHUNK_LINE_BYTES_MAX:
                raise BadResponse(Fault.MALFORMED)
            return rest
        size = _hexadecimal(rest[:end].split(b";", 1)[0].strip())
        if size == 0:
            self._in_trailers = True
            return rest[end:]
        self._bytes += size
        if self._bytes > BODY_BYTES_MAX:
            raise BadResponse(Fault.TOO_LARGE)
        self._missing = size + 2
        return rest[end + 2 :]

    def _take_data(self, rest: bytes) -> bytes:
        """Cut data off; the two bytes behind a chunk must be CR LF and are taken together."""
        data = max(0, min(len(rest), self._missing - 2))
        if data:
            self._data.append(rest[:data])
            self._missing -= data
            return rest[data:]
        if len(rest) < 2:
            return rest
        if rest[:2] != b"\r\n":
            raise BadResponse(Fault.MALFORMED)
        self._missing = 0
        return rest[2:]

    def _take_trailers(self, rest: bytes) -> bool:
        """`rest` starts at the CR LF of the last chunk's line; an empty line ends the trailers."""
        end = rest.find(b"\r\n\r\n")
        if end < 0:
            if len(rest) > HEAD_BYTES_MAX:
                raise BadResponse(Fault.TOO_LARGE)
            self._pending = rest
            return False
        self.left_over = rest[end + 4 :]
        return True


def _hexadecimal(digits: bytes) -> int:
    if not digits or len(digits) > 16 or digits.strip(b"0123456789abcdefABCDEF"):
        raise BadResponse(Fault.MALFORMED)
    return int(digits, 16)
