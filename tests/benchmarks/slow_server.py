"""A server that answers 202 after a delay: `python slow_server.py PORT DELAY_S`."""

from __future__ import annotations

import asyncio
import sys

ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"


class Slow(asyncio.Protocol):
    """Each read is one request: they are small and never pipelined."""

    delay_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer later."""
        asyncio.get_running_loop().call_later(self.delay_s, self._transport.write, ACCEPTED)


async def _run(port: int, delay_s: float) -> None:
    Slow.delay_s = delay_s
    server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", port, backlog=4096)
    async with server:
        await asyncio.sleep(300.0)


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), float(sys.argv[2])))
