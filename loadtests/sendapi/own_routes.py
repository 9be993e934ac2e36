"""The API's own routes, beside the wire formats: is it alive, is it ready, what does it count."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from loadtests.sendapi import admin
from loadtests.sendapi.answer import Answer, Asked, json_answer, retry_after
from loadtests.sendapi.asgi import Receive, body_of
from loadtests.sendapi.blocks import StoreFailed
from loadtests.sendapi.formats_sendgrid import SendGrid, not_allowed
from loadtests.sendapi.health import Health, Source, own_version
from loadtests.sendapi.life import Life
from loadtests.sendapi.metrics import Metrics
from loadtests.sendapi.schemas import Json

QUEUE_ANSWERS_S = 1.0
"""A queue that takes longer to say that it is there is away."""
READY_RETRY_S = 1.0
READING = ("GET", "HEAD")

_PLAIN = SendGrid()
"""Speaks where no wire format is meant: unknown paths, wrong methods."""

Route = Callable[[Asked], Awaitable[Answer]]


class Ready(msgspec.Struct, frozen=True):
    """What /readyz says; `because`: why it is not, "" where it is."""

    ready: bool
    because: str = ""


class OwnRoutes:
    """Answers every path that no wire format carries."""

    def __init__(self, life: Life, metrics: Metrics, document: Callable[[], Json]) -> None:
        self.source: Source | None = None
        self.admin: admin.Admin | None = None
        self._life = life
        self._metrics = metrics
        self._document = document
        self._routes: dict[str, dict[str, Route]] = {}
        self.add("/healthz", self._healthz)
        self.add("/readyz", self._readyz)
        self.add("/metrics", self._metrics_told)
        self.add("/openapi.json", self._openapi)

    def add(self, path: str, route: Route, methods: tuple[str, ...] = READING) -> None:
        """Answer a path, to these methods."""
        self._routes.setdefault(path, {}).update(dict.fromkeys(methods, route))

    async def answer(self, asked: Asked, receive: Receive) -> Answer:
        """The answer, 404 and 405 included. Raises HungUp."""
        if asked.path == admin.PATH and self.admin is not None:
            return await self.admin.answer(asked, await body_of(receive) or b"")
        routes = self._routes.get(asked.path)
        if routes is None:
            return _PLAIN.told(404, "not found", [])
        route = routes.get(asked.method)
        if route is None:
            return not_allowed(tuple(routes))
        return await route(asked)

    def health(self) -> Health:
        """The counts now."""
        state = self._life.state
        return self.source.health(state) if self.source else Health(version=own_version(), state=state)

    async def _healthz(self, _: Asked) -> Answer:
        return json_answer(200, self.health())

    async def _readyz(self, _: Asked) -> Answer:
        because = await self._why_not_ready()
        if because:
            return json_answer(503, Ready(ready=False, because=because), retry_after(READY_RETRY_S))
        return json_answer(200, Ready(ready=True))

    async def _metrics_told(self, asked: Asked) -> Answer:
        return self._metrics.told(asked.headers.get(b"accept", b"").decode("latin-1"))

    async def _openapi(self, _: Asked) -> Answer:
        return json_answer(200, self._document())

    async def _why_not_ready(self) -> str:
        if self._life.state != "serving" or self.source is None:
            return self._life.state
        try:
            await asyncio.wait_for(self.source.store.backend.ping(), QUEUE_ANSWERS_S)
        except TimeoutError:
            return f"the queue does not answer within {QUEUE_ANSWERS_S:g} s"
        except StoreFailed as error:
            return f"the queue is away: {error}"
        return ""
