"""A server that answers 202 at once, for the generator's test of itself: `python -m loadtests.sendapi.null`.

With a folder as its argument it serves TLS too, on another port, by a certificate that it leaves there.

It frames requests by Content-Length - or, after HTTP/2's preface, by frames - and does nothing else: no
checks, no queue, no delivery.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import cast

from loadtests.children import link
from loadtests.sendapi import null2, serving

ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nx-message-id: null\r\n\r\n"
HEAD_END = b"\r\n\r\n"
PROTOCOLS = ("h2", "http/1.1")


def content_length(head: bytes) -> int:
    """The body's length that a request's head announces; 0 where it says nothing."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


class NullProtocol(asyncio.Protocol):
    """Answers each complete request, pipelined or not."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._body_left = 0
        self._frames: null2.Frames | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete, in the version of HTTP that the first bytes are of."""
        assert self._transport is not None
        if self._frames is not None:
            self._transport.write(self._frames.answer(data))
        elif (self._head + data).startswith(null2.PREFACE):
            self._frames = null2.Frames()
            rest = (self._head + data)[len(null2.PREFACE) :]
            self._transport.write(null2.greeting() + self._frames.answer(rest))
        else:
            self._transport.write(ACCEPTED * self._requests_ended(data))

    def _requests_ended(self, data: bytes) -> int:
        """How many requests these bytes complete; bodies are counted off."""
        ended = 0
        while data:
            if self._body_left:
                taken = min(self._body_left, len(data))
                self._body_left -= taken
                data = data[taken:]
            else:
                head, end, data = (self._head + data).partition(HEAD_END)
                self._head = b"" if end else head
                if not end:
                    return ended
                self._body_left = content_length(head)
            ended += not self._body_left
        return ended


async def _served(tls: ssl.SSLContext | None) -> tuple[asyncio.Server, int]:
    """A server on a free port, and the port."""
    sock = serving.listening("127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(NullProtocol, sock=sock, backlog=serving.BACKLOG, ssl=tls)
    return server, int(sock.getsockname()[1])


async def _run(folder: Path | None) -> None:
    async with serving.stoppable() as stop:
        parent = link()
        served, certificate = [await _served(None)], ""
        if folder is not None:
            from loadtests.sendapi import own_certificate  # 0.1 s, which a server without TLS spares

            served.append(await _served(own_certificate.server_context(folder, PROTOCOLS)))
            certificate = str(folder / own_certificate.CERTIFICATE)
        if parent is not None:
            serving.leave_with(parent, stop)
            parent.tell("ready", port=served[0][1], tls_port=served[-1][1], certificate=certificate)
        await stop.asked.wait()
        for server, _ in served:
            server.close()


if __name__ == "__main__":
    serving.run(_run(Path(sys.argv[1]) if sys.argv[1:] else None))
    sys.exit(0)
