"""Sends of the reference API: sizes, durable before success; wire formats do the speaking."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from loadtests.sendapi.answer import Answer, Asked, Taken, Wire, retry_after
from loadtests.sendapi.blocks import Entry, Lane, QueueFull, StoreFailed
from loadtests.sendapi.door import Busy, Door
from loadtests.sendapi.formats import Accepted
from loadtests.sendapi.formats_braze import Braze
from loadtests.sendapi.formats_sendgrid import SendGrid
from loadtests.sendapi.formats_ses import Ses
from loadtests.sendapi.formats_twilio import Twilio
from loadtests.sendapi.store import Store

BODY_BYTES_MAX = 30 * 1024 * 1024
TOO_LARGE = "the body is too large"
FULL_RETRY_S = 1

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class HungUp(Exception):  # noqa: N818 - a state, not a failure
    """The client left before its request was complete."""


WIRES: tuple[Wire, ...] = (SendGrid(), Twilio(), Braze(), Ses())
"""Every wire format that is spoken here; a path belongs to one of them."""


def wire_of(path: str) -> Wire | None:
    """Whose route a path is."""
    for wire in WIRES:
        if wire.carries(path):
            return wire
    return None


class App:
    """One instance serves one store. `key` "" takes any key. `limited`: requests that it turned away."""

    def __init__(self, key: str, door: Door, store: Store) -> None:
        self.limited = 0
        self._key = key
        self._door = door
        self._store = store
        self._message_prefix = secrets.token_urlsafe(12)
        self._requests = 0

    async def take(self, wire: Wire, asked: Asked, receive: Receive) -> Taken | Answer:
        """Taken once its messages are on disk, else what it is answered instead. Raises HungUp."""
        refusal = _refusal(wire, asked, self._key)
        if refusal is not None:
            return refusal
        body = await _body(receive)
        if body is None:
            return wire.told(413, TOO_LARGE, [])
        return await self._accept(wire, asked, body)

    async def _accept(self, wire: Wire, asked: Asked, body: bytes) -> Taken | Answer:
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
            self.limited += 1
            return wire.told(429, "too many requests", retry_after(FULL_RETRY_S))
        except Busy as busy:
            self.limited += 1
            return wire.told(503, "service busy", retry_after(busy.retry_after_s))
        except StoreFailed:
            return wire.told(503, "the queue is unavailable", retry_after(FULL_RETRY_S))
        return taken


def _entries(request: Accepted, message_id: str, body: bytes) -> list[tuple[Lane, Entry]]:
    now_s = time.time()
    return [
        (Lane(g.priority, g.channel), Entry(message_id, now_s, g.campaign, g.ids, g.places, body))
        for g in request.groups
    ]


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
