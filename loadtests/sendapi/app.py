"""The reference send API as raw ASGI: routes, keys, sizes, and SendGrid's answers."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import msgspec

from loadtests.sendapi.blocks import Entry, Lane, QueueFull, StoreFailed
from loadtests.sendapi.complaints import FieldError
from loadtests.sendapi.dispatcher import Dispatcher, Flow
from loadtests.sendapi.door import Busy, Door
from loadtests.sendapi.formats import Accepted, Refused, read
from loadtests.sendapi.sinks import CountingSink
from loadtests.sendapi.store import Store

BODY_BYTES_MAX = 30 * 1024 * 1024
SEND_PATH = "/v3/mail/send"
FULL_RETRY_S = 1

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
_NOTHING = (b"content-length", b"0")
UNAUTHORIZED = FieldError("The provided authorization grant is invalid, expired, or revoked")


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


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    headers: Headers
    body: bytes = b""


class App:
    """One instance serves one store. `key` "" takes any bearer key."""

    def __init__(
        self, key: str, door: Door, store: Store, dispatcher: Dispatcher, sink: CountingSink
    ) -> None:
        self._key = key.encode()
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
        if scope["path"] == SEND_PATH:
            return await self._send_route(scope, receive)
        return self._other_route(scope)

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

    async def _send_route(self, scope: Scope, receive: Receive) -> Answer:
        refusal = _refusal(scope, self._key)
        if refusal is not None:
            return refusal
        body = await _body(receive)
        if body is None:
            return _too_large()
        return await self._accept(body)

    async def _accept(self, body: bytes) -> Answer:
        self._requests += 1
        message_id = f"{self._message_prefix}.{self._requests:x}"
        request = read(body, message_id)
        if isinstance(request, Refused):
            return _errors(400, *request.errors)
        try:
            await self._door.pass_through()
            if request.sandbox:
                return Answer(200, [_NOTHING])
            await self._store.put(_entries(request, message_id, body), request.messages, len(body))
        except QueueFull:
            self._limited += 1
            return _errors(429, FieldError("too many requests"), headers=_retry(FULL_RETRY_S))
        except Busy as busy:
            self._limited += 1
            return _errors(503, FieldError("service busy"), headers=_retry(busy.retry_after_s))
        except StoreFailed:
            return _errors(503, FieldError("the queue is unavailable"), headers=_retry(FULL_RETRY_S))
        return Answer(202, [_NOTHING, (b"x-message-id", message_id.encode())])

    def _other_route(self, scope: Scope) -> Answer:
        if scope["path"] not in ("/healthz", "/readyz"):
            return _errors(404, FieldError("not found"))
        if scope["method"] not in ("GET", "HEAD"):
            return _errors(405, FieldError("GET method allowed only"), headers=[(b"allow", b"GET, HEAD")])
        content = msgspec.json.encode(self.health()) if scope["path"] == "/healthz" else b'{"ready":true}'
        return Answer(200, [_JSON, _length(content)], content)


def _entries(request: Accepted, message_id: str, body: bytes) -> list[tuple[Lane, Entry]]:
    now_s = time.time()
    return [
        (Lane(g.priority, g.channel), Entry(message_id, now_s, g.campaign, g.ids, g.places, body))
        for g in request.groups
    ]


def _refusal(scope: Scope, key: bytes) -> Answer | None:
    """What can be refused before the body is read; None = nothing."""
    if scope["method"] != "POST":
        return _errors(405, FieldError("POST method allowed only"), headers=[(b"allow", b"POST")])
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if not _is_key(headers.get(b"authorization", b""), key):
        return _errors(401, UNAUTHORIZED)
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
        return _errors(415, FieldError("Content-Type should be application/json."))
    length = headers.get(b"content-length", b"0")
    return _too_large() if length.isdigit() and int(length) > BODY_BYTES_MAX else None


def _is_key(authorization: bytes, key: bytes) -> bool:
    scheme, _, given = authorization.partition(b" ")
    given = given.strip()
    return scheme.lower() == b"bearer" and bool(given) and (not key or hmac.compare_digest(given, key))


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


def _too_large() -> Answer:
    return _errors(413, FieldError("The JSON payload you have included in your request is too large."))


def _retry(after_s: float) -> Headers:
    return [(b"retry-after", str(max(1, math.ceil(after_s))).encode())]


def _errors(status: int, *errors: FieldError, headers: Headers | None = None) -> Answer:
    content = msgspec.json.encode({"errors": errors})
    return Answer(status, [_JSON, _length(content), *(headers or [])], content)


def _length(content: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(content)).encode()


def _own_version() -> str:
    try:
        return version("peakday")
    except PackageNotFoundError:
        return "unknown"
