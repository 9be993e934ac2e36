"""The API as ASGI: requests are timed, counted, written down; sends go to the app, the rest is its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from loadtests.sendapi.accesslog import AccessLog, Changed, Line
from loadtests.sendapi.admin import Admin
from loadtests.sendapi.answer import Answer, Asked, Client, Headers, Short, Taken, Wire, retry_after
from loadtests.sendapi.app import FULL_RETRY_S, App, wire_of
from loadtests.sendapi.asgi import TOO_LARGE, HungUp, Receive, Scope, Send, asked_of, reply
from loadtests.sendapi.heads import Heads
from loadtests.sendapi.health import Source
from loadtests.sendapi.life import Life
from loadtests.sendapi.meter import Meter, Notes
from loadtests.sendapi.metrics import Metrics
from loadtests.sendapi.openapi import document
from loadtests.sendapi.own_routes import OwnRoutes

log = logging.getLogger("peakday.sendapi")

OWN = "own"
"""What the API's own routes are called where wire formats are told apart."""
NOT_SERVING = {"starting": "the queue is being opened", "draining": "the service is shutting down"}


class Surface:
    """One process's. Sends are refused with 503 until `open` and from a drain on.

    `note` counts an answer: in `notes`, where somebody else counts, else here.
    """

    def __init__(
        self, key: str, log: AccessLog | None = None, notes: Notes | None = None, admin_key: str = ""
    ) -> None:
        self.life = Life()
        self.heads = Heads()
        meter = Meter()
        self.note = (notes or meter).note
        self._metrics = Metrics(meter, self.life)
        self.own = OwnRoutes(
            self.life, self._metrics, partial(document, any_key=not key, administered=bool(admin_key))
        )
        self._log = log
        self._admin_key = admin_key
        self._app: App | None = None

    def open(self, source: Source) -> None:
        """The queue is open: take sends."""
        self._app = source.app
        self._metrics.source = self.own.source = source
        if self._admin_key:
            self.own.admin = Admin(self._admin_key, source.faults, self._tell)
        self.life.serve()

    def _tell(self, changed: Changed) -> None:
        if self._log is not None:
            self._log.write(changed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        began_s = time.perf_counter()
        asked = asked_of(scope)
        wire = wire_of(asked.path)
        try:
            taken = await (self._own(asked, receive) if wire is None else self._send(wire, asked, receive))
        except HungUp:
            return
        answer, messages = (taken.answer, taken.messages) if isinstance(taken, Taken) else (taken, 0)
        await reply(send, scope, answer)
        name = OWN if wire is None else wire.name
        self._note(asked, name, answer, began_s, messages, scope.get("client"))

    def is_plain(self) -> bool:
        """Whether there is a short way for sends, now."""
        return self._app is not None and self.life.state == "serving" and self._app.is_plain()

    def short_way(self, url: bytes, method: bytes, headers: Headers) -> Short | None:
        """The request, where it may go the short way; the same for the same arguments."""
        return self._app.short_way(url, method, headers) if self._app is not None else None

    def too_large(self, short: Short) -> Answer:
        """The refusal of a body beyond BODY_BYTES_MAX."""
        return short.wire.told(413, TOO_LARGE, [])

    def accept_soon(
        self, short: Short, body: bytes, began_s: float, client: Client, respond: Callable[[Answer], None]
    ) -> None:
        """A send that ASGI is spared, timed and counted like any other. `respond` is called once."""
        app = self._app
        if app is None:
            raise RuntimeError("the queue is not open")
        self.life.begin()

        def settled(taken: Taken | Answer) -> None:
            self.life.end()
            answer, messages = (taken.answer, taken.messages) if isinstance(taken, Taken) else (taken, 0)
            respond(answer)
            self._note(short.asked, short.wire.name, answer, began_s, messages, client)

        try:
            app.take_soon(short, body, settled)
        except Exception:
            # httptools, which calls this, would make a 400 of it
            log.exception("%s %s", short.asked.method, short.asked.path)
            settled(short.wire.told(500, "internal error", []))

    async def _own(self, asked: Asked, receive: Receive) -> Answer:
        return await self.own.answer(asked, receive)

    async def _send(self, wire: Wire, asked: Asked, receive: Receive) -> Taken | Answer:
        if self._app is None or self.life.state != "serving":
            again = [*retry_after(FULL_RETRY_S), (b"connection", b"close")]
            return wire.told(503, NOT_SERVING.get(self.life.state, ""), again)
        self.life.begin()
        try:
            return await self._app.take(wire, asked, receive)
        finally:
            self.life.end()

    def _note(
        self, asked: Asked, name: str, answer: Answer, began_s: float, messages: int, client: Client
    ) -> None:
        took_s = time.perf_counter() - began_s
        self.note(name, answer.status, took_s, messages)
        if self._log is not None:
            self._log.write(_line(asked, name, answer, took_s, messages, client))


def _line(asked: Asked, wire: str, answer: Answer, took_s: float, messages: int, client: Client) -> Line:
    length = asked.headers.get(b"content-length", b"")
    host, port = client or ("", 0)
    return Line(
        at=round(time.time() - took_s, 6),
        client=f"{host}:{port}",
        method=asked.method,
        path=asked.path,
        status=answer.status,
        ms=round(took_s * 1e3, 3),
        wire=wire,
        bytes=int(length) if length.isdigit() else 0,
        messages=messages,
        fault=answer.fault,
    )
