"""ASGI requests as the wire formats see them, and bodies, bounded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from loadtests.sendapi.answer import BODY_BYTES_MAX, Answer, Asked, Wire

TOO_LARGE = "the body is too large"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class HungUp(Exception):  # noqa: N818 - a state, not a failure
    """The client left before its request was complete."""


def asked_of(scope: Scope) -> Asked:
    """The request without its body."""
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    target = f"{path}?{query}" if query else path
    return Asked(scope["method"], scope["path"], target, dict(scope["headers"]))


def refusal(wire: Wire, asked: Asked, key: str) -> Answer | None:
    """What can be refused before the body is read; None = nothing."""
    if asked.method != "POST":
        return wire.told(405, "POST method allowed only", [(b"allow", b"POST")])
    if (refused := wire.refuse(asked, key)) is not None:
        return refused
    length = asked.headers.get(b"content-length", b"0")
    too_large = length.isdigit() and int(length) > BODY_BYTES_MAX
    return wire.told(413, TOO_LARGE, []) if too_large else None


async def no_body() -> Message:
    """What `receive` gives for a request that came without its body: that it is empty."""
    return {"type": "http.request"}


async def body_of(receive: Receive) -> bytes | None:
    """The whole body; None as soon as it is too large. HungUp where it does not come to its end."""
    parts: list[bytes] = []
    size = 0
    while size <= BODY_BYTES_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body", False):
            return b"".join(parts) if size <= BODY_BYTES_MAX else None
    return None


async def reply(send: Send, scope: Scope, answer: Answer) -> None:
    """Send a whole answer; a HEAD gets no body."""
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": body})
