"""Requests and responses as the wire formats see them: no ASGI, no sockets."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:  # formats stand on answers; nothing here looks into what they make
    from loadtests.sendapi.formats import Accepted

Headers = list[tuple[bytes, bytes]]
Client = tuple[str, int] | None
"""Address and port of who asks, where that is known."""

BODY_BYTES_MAX = 30 * 1024 * 1024

JSON = (b"content-type", b"application/json")
NOTHING = (b"content-length", b"0")


class Asked(msgspec.Struct, frozen=True):
    """A request without its body. `target`: path and query as they stood in the request line."""

    method: str
    path: str
    target: str
    headers: Mapping[bytes, bytes]

    def content_type(self) -> bytes:
        """The media type alone, in small letters."""
        return self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


class Answer(msgspec.Struct, frozen=True):
    """One response. `fault`: the fault switched on by an administrator that it comes from."""

    status: int
    headers: Headers
    body: bytes = b""
    fault: str = ""


class Taken(msgspec.Struct, frozen=True):
    """A request that passed every check, and what it is answered once its messages are durable."""

    request: Accepted
    answer: Answer

    @property
    def messages(self) -> int:
        """Messages that became durable with it: none in sandbox mode."""
        return 0 if self.request.sandbox else self.request.messages


class Wire(Protocol):
    """One provider's way to ask and to answer. `name`: what it is called in counts and logs."""

    @property
    def name(self) -> str:
        """ "sendgrid"."""

    def carries(self, path: str) -> bool:
        """Whether a path is one of its routes."""

    def refuse(self, asked: Asked, key: str) -> Answer | None:
        """What can be refused before the body is read: keys, kinds of content. `key` "" takes any key."""

    def read(self, asked: Asked, body: bytes, key: str, message_id: str) -> Taken | Answer:
        """The messages of a body, or the refusal that names what is wrong."""

    def told(self, status: int, message: str, headers: Headers) -> Answer:
        """A refusal in the provider's own form: 405, 413, 429, 503."""


class Short(NamedTuple):
    """A request without its body that nothing refused so far, and the wire that is to read it."""

    wire: Wire
    asked: Asked


def json_answer(status: int, document: Any, headers: Headers | None = None) -> Answer:
    """A response with a JSON body."""
    content = msgspec.json.encode(document)
    return Answer(status, [JSON, length_of(content), *(headers or [])], content)


def length_of(content: bytes) -> tuple[bytes, bytes]:
    """The Content-Length header."""
    return b"content-length", str(len(content)).encode()


def used_up(limit: int, headers: Headers) -> Headers:
    """`headers` with X-RateLimit-* of a limit that has nothing left for a second, unless they have them."""
    if any(name == b"x-ratelimit-limit" for name, _ in headers):
        return headers
    figures = {b"limit": limit, b"remaining": 0, b"reset": int(time.time()) + 1}
    return [*headers, *((b"x-ratelimit-" + name, b"%d" % figure) for name, figure in figures.items())]


def retry_after(after_s: float) -> Headers:
    """The Retry-After header: whole seconds, at least one."""
    return [(b"retry-after", str(max(1, math.ceil(after_s))).encode())]
