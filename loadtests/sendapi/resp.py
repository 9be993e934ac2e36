"""One connection to a Valkey or Redis server: commands as they come, replies in order (RESP 2).

A command is not held back until the one before is answered, so that many travel in one fsync of the server.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

Part = str | bytes | int
DEFAULT_PORT = 6379
CONNECT_S = 5.0


class ServerError(Exception):
    """What the server answered instead: `-OOM command not allowed …`."""


class Replies:
    """Replies out of whatever pieces a socket gives; a bulk that is not complete is not looked at again."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._need = 0
        self._open: list[tuple[list[Any], int]] = []

    def feed(self, data: bytes) -> list[Any]:
        """The replies that are complete now; a ServerError stands where the server answered with one."""
        self._buffer += data
        found: list[Any] = []
        while len(self._buffer) >= self._need and self._next(found):
            pass
        del self._buffer[: self._at]
        self._need = max(0, self._need - self._at)
        self._at = 0
        return found

    def _next(self, found: list[Any]) -> bool:
        """One line or bulk further; False where more must arrive first."""
        end = self._buffer.find(b"\r\n", self._at)
        if end < 0:
            return False
        kind, text = self._buffer[self._at], bytes(self._buffer[self._at + 1 : end])
        value: Any = text
        after = end + 2
        if kind == ord("$") and (size := int(text)) >= 0:
            if len(self._buffer) < after + size + 2:
                self._need = after + size + 2
                return False
            with memoryview(self._buffer) as view:
                value = bytes(view[after : after + size])
            after += size + 2
        elif kind == ord("*") and (count := int(text)) > 0:
            self._at = after
            self._open.append(([], count))
            return True
        else:
            value = _scalar(kind, text)
        self._at = after
        self._close(value, found)
        return True

    def _close(self, value: Any, found: list[Any]) -> None:
        """A value is complete, and perhaps the arrays that it ends."""
        while self._open:
            items, count = self._open[-1]
            items.append(value)
            if len(items) < count:
                return
            value = self._open.pop()[0]
        found.append(value)


def _scalar(kind: int, text: bytes) -> Any:
    if kind == ord(":"):
        return int(text)
    if kind == ord("-"):
        return ServerError(text.decode("utf-8", "replace"))
    if kind == ord("*"):
        return [] if text == b"0" else None
    return None if kind == ord("$") else text


def packed(*parts: Part) -> bytes:
    """One command as the server reads it."""
    out = [b"*%d\r\n" % len(parts)]
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        out += (b"$%d\r\n" % len(raw), raw, b"\r\n")
    return b"".join(out)


class Connection(asyncio.Protocol):
    """`ask` writes at once; the future it gives is done when the last of its replies is there."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._replies = Replies()
        self._waiting: deque[tuple[asyncio.Future[list[Any]], list[Any], int]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand each reply to whoever waits for it."""
        for reply in self._replies.feed(data):
            future, got, wanted = self._waiting[0]
            got.append(reply)
            if len(got) == wanted:
                self._waiting.popleft()
                if not future.done():
                    future.set_result(got)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's shape
        """Nobody is answered any more."""
        self._transport = None
        waiting, self._waiting = self._waiting, deque()
        for future, _, _ in waiting:
            if not future.done():
                future.set_exception(ConnectionError("the queue server hung up"))

    @property
    def open(self) -> bool:
        """Whether a command can be written."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, commands: Sequence[bytes]) -> asyncio.Future[list[Any]]:
        """One reply for each command, ServerErrors among them. ConnectionError where nobody listens."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if self._transport is None or not self.open:
            future.set_exception(ConnectionError("the queue server is gone"))
            return future
        self._waiting.append((future, [], len(commands)))
        self._transport.writelines(list(commands))
        return future

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


@dataclass(frozen=True)
class Place:
    """Where a server is and who we are there. `socket` "" = over TCP, else the path of a unix socket."""

    socket: str = ""
    host: str = ""
    port: int = DEFAULT_PORT
    database: int = 0
    user: str = ""
    password: str = ""
    tls: bool = False


def place_of(url: str) -> Place:
    """`redis://user:password@host:6379/0`, `valkeys://…` over TLS, `?db=0`. ValueError where it is none."""
    found = urlsplit(url)
    text = found.path.strip("/") or parse_qs(found.query).get("db", ["0"])[0]
    if not text.isdigit():
        raise ValueError(f"{text!r} is not the number of a database")
    return Place(
        host=found.hostname or "127.0.0.1",
        port=found.port or DEFAULT_PORT,
        database=int(text),
        user=unquote(found.username or ""),
        password=unquote(found.password or ""),
        tls=found.scheme in ("rediss", "valkeys"),
    )


async def connect(place: Place) -> Connection:
    """A connection, signed in and on its database. OSError, TimeoutError or ServerError where that fails."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_S):
        if place.socket:
            _, connection = await loop.create_unix_connection(Connection, place.socket)
        else:
            context = ssl.create_default_context() if place.tls else None
            _, connection = await loop.create_connection(Connection, place.host, place.port, ssl=context)
        greeting = _greeting(place)
        wrong = [reply for reply in await connection.ask(greeting) if isinstance(reply, ServerError)]
    if wrong:
        connection.close()
        raise wrong[0]
    return connection


def _greeting(place: Place) -> list[bytes]:
    words = [packed("PING")]
    if place.password:
        who = (place.user, place.password) if place.user else (place.password,)
        words.insert(0, packed("AUTH", *who))
    return words + ([packed("SELECT", place.database)] if place.database else [])
