"""The head of a rendered HTTP/1.1 request as HTTP/2 has it (RFC 9113, 8.3)."""

from __future__ import annotations

HEADS_KEPT = 256
_OF_HTTP_1 = frozenset({b"host", b"connection", b"transfer-encoding", b"keep-alive"})

Fields = tuple[tuple[bytes, bytes], ...]


class FieldsOf(dict[bytes, Fields]):
    """`fields_of` by head; heads repeat, so that few are read."""

    def __init__(self, scheme: bytes) -> None:
        super().__init__()
        self._scheme = scheme

    def __missing__(self, head: bytes) -> Fields:
        if len(self) >= HEADS_KEPT:
            self.clear()
        self[head] = fields = fields_of(head, self._scheme)
        return fields


def fields_of(head: bytes, scheme: bytes) -> Fields:
    """Names in small letters, the host as authority, nothing about the connection."""
    first, *lines = head.split(b"\r\n")
    method, path, _ = first.split(b" ", 2)
    named = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    authority = dict(named).get(b"host", b"")
    pseudo = (
        (b":method", method),
        (b":scheme", scheme),
        (b":authority", authority),
        (b":path", path),
    )
    return (*pseudo, *(field for field in named if field[0] not in _OF_HTTP_1))
