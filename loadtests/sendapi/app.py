"""The reference send API as raw ASGI: routes, sizes, durable before success; wire formats do the speaking."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import msgspec

from loadtests.sendapi.answer import Answer, Asked, Wire, json_answer, retry_after
from loadtests.sendapi.blocks import Entry, Lane, QueueFull, StoreFailed
from loadtests.sendapi.dispatcher import Dispatcher, Flow
from loadtests.sendapi.door import Busy, Door
from loadtests.sendapi.formats import Accepted
from loadtests.sendapi.formats_braze import Braze
from loadtests.sendapi.formats_sendgrid import SendGrid
from loadtests.sendapi.formats_ses import Ses
from loadtests.sendapi.formats_twilio import Twilio
from loadtests.sendapi.sinks import CountingSink
from loadtests.sendapi.store import Store

BODY_BYTES_MAX = 30 * 1024 * 1024
TOO_LARGE = "the body is too large"
FULL_RETRY_S = 1

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class HungUp(Exception):  # noqa: N818 - a state, not a failure
    """The client left before its request was complete."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What /healthz says. Counts are messages; `limited`: requests that a full queue or door turned away.

    received + recovered = delivered + expired + backlog, but for what is on its way while it is read.
    """

    peakday: Literal["sendapi"] = "sendapi"
    version: str
    received: int
    recovered: int
    delivered: int
    backlog: int
    duplicated: int
    expired: int
    limited: int
    queue: str
    durable: bool
    providers: dict[str, Flow]


WIRES: tuple[Wire, ...] = (SendGrid(), Twilio(), Braze(), Ses())
"""Every wire format that is spoken here; a path belongs to one of them."""
_PLAIN = WIRES[0]
"""Speaks where no wire format is meant: unknown paths, health."""


class App:
    """One instance serves one store. `key` "" takes any key."""

    def __init__(
        self, key: str, door: Door, store: Store, dispatcher: Dispatcher, sink: CountingSink
    ) -> None:
        self._key = key
        self._door = door
        self._store = store
        self._dispatcher = dispatcher
        self._sink = sink
        self._version = _own_version()
        self._message_prefix = secrets.token_urlsafe(12)
        self._requests = 0
        self._limited = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except HungUp:
            return
        if scope["method"] == "HEAD":
            answer = Answer(answer.status, answer.headers)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        wire = next((wire for wire in WIRES if wire.carries(scope["path"])), None)
        if wire is None:
            return self._other_route(scope)
        return await self._send_route(wire, scope, receive)

    def health(self) -> Health:
        """The counts now."""
        return Health(
            version=self._version,
            received=self._store.received,
            recovered=self._store.recovered,
            delivered=self._dispatcher.delivered,
            backlog=self._store.backlog(),
            duplicated=self._sink.duplicated,
            expired=self._dispatcher.expired,
            limited=self._limited,
            queue=self._store.backend.name,
            durable=self._store.backend.durable,
            providers=self._dispatcher.flows(),
        )

    async def _send_route(self, wire: Wire, scope: Scope, receive: Receive) -> Answer:
        asked = _asked(scope)
        refusal = _refusal(wire, asked, self._key)
        if refusal is not None:
            return refusal
        body = await _body(receive)
        if body is None:
            return wire.told(413, TOO_LARGE, [])
        return await self._accept(wire, asked, body)

    async def _accept(self, wire: Wire, asked: Asked, body: bytes) -> Answer:
        self._requests += 1
        message_id = f"{self._message_prefix}.{self._requests:x}"
        taken = wire.read(asked, body, self._key, message_id)
        if isinstance(taken, Answer):
            return taken
        try:
            await self._door.pass_through()
            if not taken.request.sandbox:
                entries = _entries(taken.request, message_id, body)
                await self._store.put(entries, taken.request.messages, len(body))
        except QueueFull:
            self._limited += 1
            return wire.told(429, "too many requests", retry_after(FULL_RETRY_S))
        except Busy as busy:
            self._limited += 1
            return wire.told(503, "service busy", retry_after(busy.retry_after_s))
        except StoreFailed:
            return wire.told(503, "the queue is unavailable", retry_after(FULL_RETRY_S))
        return taken.answer

    def _other_route(self, scope: Scope) -> Answer:
        if scope["path"] not in ("/healthz", "/readyz"):
            return _PLAIN.told(404, "not found", [])
        if scope["method"] not in ("GET", "HEAD"):
            return _PLAIN.told(405, "GET method allowed only", [(b"allow", b"GET, HEAD")])
        return json_answer(200, self.health() if scope["path"] == "/healthz" else {"ready": True})


def _entries(request: Accepted, message_id: str, body: bytes) -> list[tuple[Lane, Entry]]:
    now_s = time.time()
    return [
        (Lane(g.priority, g.channel), Entry(message_id, now_s, g.campaign, g.ids, g.places, body))
        for g in request.groups
    ]


def _asked(scope: Scope) -> Asked:
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    target = f"{path}?{query}" if query else path
    return Asked(scope["method"], scope["path"], target, dict(scope["headers"]))


def _refusal(wire: Wire, asked: Asked, key: str) -> Answer | None:
    """What can be refused before the body is read; None = nothing."""
    if asked.method != "POST":
        return wire.told(405, "POST method allowed only", [(b"allow", b"POST")])
    if (refusal := wire.refuse(asked, key)) is not None:
        return refusal
    length = asked.headers.get(b"content-length", b"0")
    too_large = length.isdigit() and int(length) > BODY_BYTES_MAX
    return wire.told(413, TOO_LARGE, []) if too_large else None


async def _body(receive: Receive) -> bytes | None:
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


def _own_version() -> str:
    try:
        return version("peakday")
    except PackageNotFoundError:
        return "unknown"
