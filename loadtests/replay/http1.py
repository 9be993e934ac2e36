"""HTTP/1.1 responses out of whatever pieces a socket gives: framing, limits, faults named (RFC 9112)."""

from __future__ import annotations

import re

from loadtests.replay.chunked import Chunks
from loadtests.replay.fates import Fault
from loadtests.replay.limits import BODY_BYTES_MAX, HEAD_BYTES_MAX, BadResponse

_NO_BODY = (204, 304)
_SWITCHING = 101
"""To another protocol, which nobody asked for."""
_LENGTH_DIGITS_MAX = 18
_UNTIL_CLOSE = -1
_CHUNKED = -2
_NOTHING = -3
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?![^ \r])")


class Inbox:
    """One response after another on one connection.

    `feed` returns True when a response is complete: then status, head (the header lines as received), body
    and keep_alive are set, and the next bytes belong to the next response, of which not a byte has come while
    `empty`.
    """

    __slots__ = (
        "_body",
        "_bytes",
        "_chunks",
        "_head",
        "_length",
        "body",
        "empty",
        "head",
        "keep_alive",
        "status",
    )

    def __init__(self) -> None:
        self.empty = True
        self.status = 0
        self.head = b""
        self.body = b""
        self.keep_alive = True
        self._head = b""
        self._length: int | None = None
        self._body: list[bytes] = []
        self._bytes = 0
        self._chunks: Chunks | None = None

    def feed(self, data: bytes) -> bool:
        """Take the next bytes (not b""). Raises BadResponse; the connection is then of no more use."""
        self.empty = False
        while self._length is None:
            data = self._head + data if self._head else data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._keep_head(data)
                return False
            self._read_head(data[:end])
            data = data[end + 4 :]
            if len(data) == self._length:
                return self._complete(data)
            if self._length == _NOTHING:
                # An interim response (1xx): the one that counts is still to come.
                self._head, self._length = b"", None
        return self._take_body(data)

    def end(self) -> bool:
        """The other side closed. True when that ends a response; raises BadResponse when it cuts one off."""
        if self._length == _UNTIL_CLOSE:
            self.keep_alive = False
            return self._complete(b"".join(self._body))
        raise BadResponse(Fault.CLOSED_EARLY)

    def _keep_head(self, data: bytes) -> None:
        if not b"HTTP/1.".startswith(data[:7]):
            raise BadResponse(Fault.MALFORMED)
        if len(data) > HEAD_BYTES_MAX:
            raise BadResponse(Fault.TOO_LARGE)
        self._head = data

    def _read_head(self, head: bytes) -> None:
        if len(head) > HEAD_BYTES_MAX:
            raise BadResponse(Fault.TOO_LARGE)
        started = _STATUS_LINE.match(head)
        if started is None:
            raise BadResponse(Fault.MALFORMED)
        self.status = status = int(started[1])
        self.head = head[head.find(b"\r\n") + 2 :]
        lower = head.lower()
        self.keep_alive = _kept_alive(lower)
        if status < 200:
            if status == _SWITCHING:
                raise BadResponse(Fault.MALFORMED)
            self._length = _NOTHING
            return
        if status in _NO_BODY:
            self._length = 0
            return
        self._length = length = _body_length(lower)
        if length == _CHUNKED:
            self._chunks = Chunks()
        elif length > BODY_BYTES_MAX:
            raise BadResponse(Fault.TOO_LARGE)

    def _take_body(self, data: bytes) -> bool:
        length = self._length
        if length == _CHUNKED:
            return self._take_chunks(data)
        if not self._body and len(data) == length:
            return self._complete(data)
        self._body.append(data)
        self._bytes += len(data)
        if length == _UNTIL_CLOSE:
            if self._bytes > BODY_BYTES_MAX:
                raise BadResponse(Fault.TOO_LARGE)
            return False
        return self._take_counted()

    def _take_counted(self) -> bool:
        missing = (self._length or 0) - self._bytes
        if missing > 0:
            return False
        body = b"".join(self._body)
        if missing < 0:
            # Bytes that nobody asked for: this response stands, the connection cannot be trusted further.
            self.keep_alive = False
            body = body[:missing]
        return self._complete(body)

    def _take_chunks(self, data: bytes) -> bool:
        assert self._chunks is not None
        if not self._chunks.feed(data):
            return False
        if self._chunks.left_over:
            self.keep_alive = False
        return self._complete(self._chunks.body())

    def _complete(self, body: bytes) -> bool:
        self.body = body
        self.empty = True
        self._length = None
        if self._head:
            self._head = b""
        if self._bytes or self._chunks:
            self._chunks, self._bytes, self._body = None, 0, []
        return True


def _kept_alive(lower: bytes) -> bool:
    at = lower.find(b"\r\nconnection:")
    if lower[7:8] == b"0":
        return at >= 0 and b"keep-alive" in _value(lower, at + 13)
    return at < 0 or b"close" not in _value(lower, at + 13)


def _body_length(lower: bytes) -> int:
    """Bytes of the body, or _CHUNKED, or _UNTIL_CLOSE (RFC 9112, 6.3)."""
    at = lower.find(b"\r\ntransfer-encoding:")
    if at >= 0:
        return _CHUNKED if _value(lower, at + 20).endswith(b"chunked") else _UNTIL_CLOSE
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return _UNTIL_CLOSE
    value = _value(lower, at + 17)
    again = lower.rfind(b"\r\ncontent-length:")
    if not value.isdigit() or (again != at and _value(lower, again + 17) != value):
        raise BadResponse(Fault.MALFORMED)
    return int(value[:_LENGTH_DIGITS_MAX])


def _value(lower: bytes, at: int) -> bytes:
    end = lower.find(b"\r\n", at)
    return (lower[at:] if end < 0 else lower[at:end]).strip()
