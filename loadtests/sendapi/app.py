"""Sends of the reference API: sizes, durable before success; wire formats do the speaking."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import msgspec

from loadtests.sendapi import once
from loadtests.sendapi.answer import Answer, Asked, Headers, Short, Taken, Wire, retry_after
from loadtests.sendapi.asgi import TOO_LARGE, Receive, body_of, refusal
from loadtests.sendapi.blocks import LANE_OF, Entry, Lane, QueueFull, StoreFailed
from loadtests.sendapi.door import Busy, Door
from loadtests.sendapi.faults import ERROR, Switchboard
from loadtests.sendapi.formats_braze import Braze
from loadtests.sendapi.formats_postmark import Postmark
from loadtests.sendapi.formats_sendgrid import SendGrid
from loadtests.sendapi.formats_ses import Ses
from loadtests.sendapi.formats_twilio import Twilio
from loadtests.sendapi.intake import Intake

FULL_RETRY_S = 1

WIRES: tuple[Wire, ...] = (SendGrid(), Twilio(), Braze(), Ses(), Postmark())
"""Every wire format that is spoken here; a path belongs to one of them."""


def wire_of(path: str) -> Wire | None:
    """Whose route a path is."""
    for wire in WIRES:
        if wire.carries(path):
            return wire
    return None


class App:
    """One instance serves one store. `key` "" takes any key. `limited`: requests that it turned away."""

    def __init__(self, key: str, door: Door, store: Intake, faults: Switchboard | None = None) -> None:
        self.limited = 0
        self._key = key
        self._door = door
        self._store = store
        self._faults = faults
        self._message_prefix = secrets.token_urlsafe(12)
        self._requests = 0

    async def take(self, wire: Wire, asked: Asked, receive: Receive) -> Taken | Answer:
        """Taken once its messages are on disk, else what it is answered instead. Raises HungUp."""
        refusal = _refusal(wire, asked, self._key)
        if refusal is not None:
            return refusal
        body = await body_of(receive)
        if body is None:
            return wire.told(413, TOO_LARGE, [])
        return await self._accept(wire, asked, body)

    async def _accept(self, wire: Wire, asked: Asked, body: bytes) -> Taken | Answer:
        message_id = self._new_id()
        taken = wire.read(asked, body, self._key, message_id)
        if isinstance(taken, Answer):
            return taken
        if self._faults is not None and self._faults.hits():
            return msgspec.structs.replace(wire.told(500, "internal error", []), fault=ERROR)
        try:
            await self._door.pass_through()
            if taken.request.sandbox:
                return taken
            return await self._keep(wire, asked, taken, entries_of(wire.name, taken, message_id, body), body)
        except (QueueFull, StoreFailed, Busy) as error:
            return self._turned_away(wire, error)

    async def _keep(
        self, wire: Wire, asked: Asked, taken: Taken, entries: list[tuple[Lane, Entry]], body: bytes
    ) -> Taken | Answer:
        """On disk when it returns; the answer of an earlier request with the same idempotency key."""
        messages, key = taken.request.messages, asked.headers.get(once.HEADER)
        if key is None:
            await self._store.put(entries, messages, len(body))
            return taken
        named = once.once_of(asked, key, body, taken.answer)
        earlier = await self._store.put_once(entries, messages, len(body), named)
        return taken if earlier is None else once.answer_again(wire, earlier, body)

    def is_plain(self) -> bool:
        """Whether nothing but checks and the queue stands between a request and its answer, now."""
        return self._door.open and (self._faults is None or not self._faults.now.error_share)

    def short_way(self, url: bytes, method: bytes, headers: Headers) -> Short | None:
        """A send that nothing refuses before its body is read; None for all else."""
        path = url.partition(b"?")[0].decode("latin-1")
        wire = wire_of(path)
        asked = Asked(method.decode("latin-1"), path, url.decode("latin-1"), dict(headers))
        if wire is None or "%" in path or once.HEADER in asked.headers:
            return None
        return None if _refusal(wire, asked, self._key) is not None else Short(wire, asked)

    def take_soon(self, short: Short, body: bytes, settled: Callable[[Taken | Answer], None]) -> None:
        """`take` without waiting: `settled` is told once, now or when the messages are on disk."""
        wire, message_id = short.wire, self._new_id()
        taken = wire.read(short.asked, body, self._key, message_id)
        if isinstance(taken, Answer) or taken.request.sandbox:
            settled(taken)
            return

        def stored(error: QueueFull | StoreFailed | None) -> None:
            settled(taken if error is None else self._turned_away(wire, error))

        try:
            entries = entries_of(wire.name, taken, message_id, body)
            self._store.offer(entries, taken.request.messages, len(body), stored)
        except (QueueFull, StoreFailed) as error:
            stored(error)

    def _new_id(self) -> str:
        self._requests += 1
        return f"{self._message_prefix}.{self._requests:x}"

    def _turned_away(self, wire: Wire, error: QueueFull | StoreFailed | Busy) -> Answer:
        if isinstance(error, StoreFailed):
            return wire.told(503, "the queue is unavailable", retry_after(FULL_RETRY_S))
        self.limited += 1
        if isinstance(error, Busy):
            return wire.told(503, "service busy", retry_after(error.retry_after_s))
        return wire.told(429, "too many requests", retry_after(FULL_RETRY_S))


def entries_of(wire: str, taken: Taken, message_id: str, body: bytes) -> list[tuple[Lane, Entry]]:
    """What is to be kept of a request."""
    now_s = time.time()
    return [
        (LANE_OF[g.priority, g.channel], Entry(message_id, now_s, g.campaign, g.ids, g.places, body, wire))
        for g in taken.request.groups
    ]


def _refusal(wire: Wire, asked: Asked, key: str) -> Answer | None:
    """What can be refused before the body is read; None = nothing."""
    refused = refusal(wire, asked, key)
    if refused is None and not once.is_good(asked.headers.get(once.HEADER, b"-")):
        return wire.told(400, once.BAD_KEY, [])
    return refused
