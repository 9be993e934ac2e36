"""The API as ASGI: requests are timed, counted, written down; sends go to the app, the rest is its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from loadtests.sendapi.accesslog import AccessLog, Line
from loadtests.sendapi.answer import Answer, Asked, Taken, Wire, retry_after
from loadtests.sendapi.app import FULL_RETRY_S, App, HungUp, Receive, Scope, wire_of
from loadtests.sendapi.health import Source
from loadtests.sendapi.life import Life
from loadtests.sendapi.meter import Meter
from loadtests.sendapi.metrics import Metrics
from loadtests.sendapi.own_routes import OwnRoutes

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
OWN = "own"
"""What the API's own routes are called where wire formats are told apart."""
NOT_SERVING = {"starting": "the queue is being opened", "draining": "the service is shutting down"}


class Surface:
    """One process's. Sends are refused with 503 until `open` and from a drain on."""

    def __init__(self, log: AccessLog | None = None) -> None:
        self.life = Life()
        self._meter = Meter()
        self._metrics = Metrics(self._meter, self.life)
        self.own = OwnRoutes(self.life, self._metrics)
        self._log = log
        self._app: App | None = None

    def open(self, source: Source) -> None:
        """The queue is open: take sends."""
        self._app = source.app
        self._metrics.source = self.own.source = source
        self.life.serve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        began_s = time.perf_counter()
        wire = wire_of(scope["path"])
        try:
            taken = await (self._own(scope) if wire is None else self._send(wire, scope, receive))
        except HungUp:
            return
        answer, messages = (taken.answer, taken.messages) if isinstance(taken, Taken) else (taken, 0)
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": body})
        name = OWN if wire is None else wire.name
        took_s = time.perf_counter() - began_s
        self._meter.note(name, answer.status, took_s, messages)
        if self._log is not None:
            self._log.write(_line(scope, name, answer, took_s, messages))

    async def _own(self, scope: Scope) -> Answer:
        return await self.own.answer(asked_of(scope))

    async def _send(self, wire: Wire, scope: Scope, receive: Receive) -> Taken | Answer:
        if self._app is None or self.life.state != "serving":
            again = [*retry_after(FULL_RETRY_S), (b"connection", b"close")]
            return wire.told(503, NOT_SERVING.get(self.life.state, ""), again)
        self.life.begin()
        try:
            return await self._app.take(wire, asked_of(scope), receive)
        finally:
            self.life.end()


def asked_of(scope: Scope) -> Asked:
    """The request without its body."""
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    target = f"{path}?{query}" if query else path
    return Asked(scope["method"], scope["path"], target, dict(scope["headers"]))


def _line(scope: Scope, wire: str, answer: Answer, took_s: float, messages: int) -> Line:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    client = scope.get("client") or ("", 0)
    return Line(
        at=round(time.time() - took_s, 6),
        client=f"{client[0]}:{client[1]}",
        method=scope["method"],
        path=scope["path"],
        status=answer.status,
        ms=round(took_s * 1e3, 3),
        wire=wire,
        bytes=int(length) if length.isdigit() else 0,
        messages=messages,
    )
