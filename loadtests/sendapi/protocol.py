"""uvicorn's HTTP protocol with a short way for sends: no task, no events, one write. All else goes by ASGI.

A complete send request is read, checked and offered to the queue in the call that brought its last byte; its
answer is written in the call that learns of the fsync. One that comes in one piece, with a head that was
parsed before, is not parsed again. Order on a connection, keep-alive and draining stay
uvicorn's: while a request goes the short way, it stands where uvicorn looks for its own request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from loadtests.sendapi.answer import BODY_BYTES_MAX, Answer, Client, Headers, Short
from loadtests.sendapi.heads import Heads


class ShortWay(Protocol):
    """What an application must offer for it."""

    @property
    def heads(self) -> Heads:
        """What was made of heads before."""

    def is_plain(self) -> bool:
        """Whether there is a short way at all, now."""

    def short_way(self, url: bytes, method: bytes, headers: Headers) -> Short | None:
        """The request, where it may go the short way; the same for the same arguments."""

    def accept_soon(
        self, short: Short, body: bytes, began_s: float, client: Client, respond: Callable[[Answer], None]
    ) -> None:
        """Calls `respond` once, now or later. `began_s`: when the head was there, by time.perf_counter."""

    def too_large(self, short: Short) -> Answer:
        """The refusal of a body beyond BODY_BYTES_MAX."""


class Exchange:
    """One request on the short way. Its attributes are those that uvicorn looks at."""

    __slots__ = (
        "began_s",
        "disconnected",
        "keep_alive",
        "message_event",
        "parts",
        "response_complete",
        "short",
        "size",
    )

    def __init__(self, short: Short, keep_alive: bool, message_event: asyncio.Event) -> None:
        self.began_s = time.perf_counter()
        self.short = short
        self.keep_alive = keep_alive
        self.message_event = message_event
        self.parts: list[bytes] = []
        self.size = 0
        self.disconnected = False
        self.response_complete = False


class SendProtocol(HttpToolsProtocol):  # type: ignore[misc] # uvicorn is followed by no types here
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._way: ShortWay = self.config.app
        self.cycle: Any = None
        self._exchange: Exchange | None = None
        self._event = asyncio.Event()
        self._head: tuple[bytes, bytes, Headers] | None = None
        self._short: Short | None = None
        self._between = True
        self._given: bytes | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._used_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch for idleness."""
        super().connection_made(transport)
        self._used_s = self.loop.time()
        self._watch(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to watch."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """By the parser, unless it is between two requests and need not see this one."""
        self._given = None
        if self._between and (self.cycle is None or self.cycle.response_complete):
            if self._way.is_plain() and (met := self._way.heads.met(data)) is not None:
                exchange = self.cycle = Exchange(met.short, True, self._event)
                self._accept(exchange, met.body)
                return
            self._given = data
        super().data_received(data)

    def on_message_begin(self) -> None:
        """uvicorn's scope is made when it is known to be needed."""
        self._between = False
        self.url = b""
        self.expect_100_continue = False
        self.headers: Headers = []

    def on_headers_complete(self) -> None:
        """Choose the way."""
        self._exchange = None
        if (self.cycle is None or self.cycle.response_complete) and not self.expect_100_continue:
            short = self._short_way() if self._way.is_plain() else None
            parser = self.parser
            if short is not None and not parser.should_upgrade() and parser.get_http_version() == "1.1":
                self._exchange = self.cycle = Exchange(short, parser.should_keep_alive(), self._event)
                return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep it; what is too large is refused at once and then passed over."""
        exchange = self._exchange
        if exchange is None:
            super().on_body(body)
        elif not exchange.response_complete:
            exchange.parts.append(body)
            exchange.size += len(body)
            if exchange.size > BODY_BYTES_MAX:
                self._respond(exchange, self._way.too_large(exchange.short))

    def on_message_complete(self) -> None:
        """The last byte is here."""
        self._between = True
        given, self._given = self._given, None
        exchange = self._exchange
        if exchange is None:
            super().on_message_complete()
        elif not exchange.response_complete:
            parts, exchange.parts = exchange.parts, []
            body = parts[0] if len(parts) == 1 else b"".join(parts)
            if given is not None and exchange.keep_alive:
                self._way.heads.learn(given, exchange.short, body)
            self._accept(exchange, body)

    def on_response_complete(self) -> None:
        """As uvicorn's, but with one timer a connection instead of one a response."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self._used_s = self.loop.time()
        self.flow.resume_reading()

    def _accept(self, exchange: Exchange, body: bytes) -> None:
        respond = partial(self._respond, exchange)
        self._way.accept_soon(exchange.short, body, exchange.began_s, self.client, respond)

    def _short_way(self) -> Short | None:
        """Requests of one connection mostly have the same head: it is looked at once."""
        head = (self.url, self.parser.get_method(), self.headers)
        if head != self._head:
            self._head, self._short = head, self._way.short_way(*head)
        return self._short

    def _respond(self, exchange: Exchange, answer: Answer) -> None:
        if exchange.disconnected:
            return
        exchange.response_complete = True
        exchange.parts.clear()
        lines = [STATUS_LINE[answer.status]]
        for name, value in self.server_state.default_headers + answer.headers:
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n" if exchange.keep_alive else b"connection: close\r\n\r\n")
        lines.append(answer.body)
        self.transport.write(b"".join(lines))
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _watch(self, after_s: float) -> None:
        self._idle_timer = self.loop.call_later(after_s, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._used_s = self.loop.time()
        left_s = self._used_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0.0:
            self._watch(left_s)
        else:
            self.transport.close()
