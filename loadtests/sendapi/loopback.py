"""HTTP to this machine: a few kept connections, one request on each at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from loadtests.replay.http1 import Inbox
from loadtests.replay.limits import BadResponse
from loadtests.targets.safety import Address

PIECE_BYTES = 65_536


class Unanswered(Exception):  # noqa: N818 - what happened, not whose fault it is
    """No usable answer came."""


@dataclass(frozen=True)
class Response:
    """What came back; `head`: the raw block of header lines."""

    status: int
    head: bytes
    body: bytes


class Loopback:
    """Connections to one checked address. What is asked is waited for `timeout_s` at most."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, request: bytes) -> Response:
        """The response to a complete request. Raises Unanswered.

        A kept connection that turns out closed before a byte came back is replaced once.
        """
        kept = bool(self._free)
        try:
            return await asyncio.wait_for(self._ask(request), self._timeout_s)
        except TimeoutError:
            raise Unanswered(f"no answer within {self._timeout_s:g} s") from None
        except (OSError, EOFError) as error:
            if kept:
                self.close_idle()
                return await self.ask(request)
            raise Unanswered(getattr(error, "strerror", None) or type(error).__name__) from None
        except BadResponse as error:
            raise Unanswered(f"not HTTP: {error.args[0]}") from None

    async def _ask(self, request: bytes) -> Response:
        streams = self._free.pop() if self._free else await self._connected()
        reader, writer = streams
        inbox = Inbox()
        done = False
        try:
            writer.write(request)
            while not done:
                piece = await reader.read(PIECE_BYTES)
                if not piece and inbox.empty:
                    raise EOFError
                done = inbox.feed(piece) if piece else inbox.end()
            if inbox.keep_alive:
                self._free.append(streams)
            else:
                writer.close()
        except BaseException:
            writer.close()
            raise
        return Response(inbox.status, inbox.head, inbox.body)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._address.ip, self._address.port)

    def close_idle(self) -> None:
        """Hang up on every connection that nothing is asked on."""
        while self._free:
            self._free.pop()[1].close()
