"""A server that knows when each request reached it: `python arrivals_server.py PORT DELAY_S`.

The time is the kernel's own, of the moment when the segment came in, so that how late this process runs is no
part of it. A request says `at=WHO/NUMBER;` somewhere; `GET /arrivals` gives all of them as JSON
`{WHO: [[NUMBER, seconds since 1970], …]}` and forgets them.
"""

from __future__ import annotations

import heapq
import json
import re
import select
import socket
import struct
import sys
import time

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_AT = re.compile(rb"at=(\w+)/(\d+);")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("=qq")


class Arrivals:
    """Connections, what came on them, what is still to be answered."""

    def __init__(self, port: int, delay_s: float) -> None:
        self._delay_s = delay_s
        self._listening = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._epoll = select.epoll()
        self._epoll.register(self._listening.fileno(), select.EPOLLIN)
        self._open: dict[int, socket.socket] = {}
        self._parts: dict[int, tuple[bytes, float]] = {}
        self._later: list[tuple[float, int]] = []
        self._came: dict[str, list[tuple[int, float]]] = {}

    def run(self) -> None:
        """Serve until killed."""
        while True:
            wait_s = self._later[0][0] - time.monotonic() if self._later else 1.0
            for descriptor, _ in self._epoll.poll(max(0.0, wait_s)):
                if descriptor == self._listening.fileno():
                    self._accept()
                else:
                    self._hear(descriptor)
            while self._later and self._later[0][0] <= time.monotonic():
                self._say(heapq.heappop(self._later)[1], ACCEPTED)

    def _accept(self) -> None:
        sock, _ = self._listening.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._open[sock.fileno()] = sock
        self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _hear(self, descriptor: int) -> None:
        sock = self._open[descriptor]
        try:
            data, notes, _, _ = sock.recvmsg(65536, 64)
        except ConnectionResetError:
            data, notes = b"", []
        if not data:
            del self._open[descriptor]
            self._parts.pop(descriptor, None)
            sock.close()
            return
        seconds, nanoseconds = _TIMESPEC.unpack(notes[0][2]) if notes else (time.time(), 0)
        before, came_s = self._parts.pop(descriptor, (b"", seconds + nanoseconds / 1e9))
        self._take(descriptor, before + data, came_s)

    def _take(self, descriptor: int, data: bytes, came_s: float) -> None:
        head, end, body = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or len(body) < (int(length[1]) if length else 0):
            self._parts[descriptor] = (data, came_s)
        elif data.startswith(b"GET /arrivals"):
            text = json.dumps(self._came).encode()
            self._came = {}
            self._say(descriptor, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
        else:
            if at := _AT.search(data):
                self._came.setdefault(at[1].decode(), []).append((int(at[2]), came_s))
            self._answer(descriptor)

    def _answer(self, descriptor: int) -> None:
        if self._delay_s:
            heapq.heappush(self._later, (time.monotonic() + self._delay_s, descriptor))
        else:
            self._say(descriptor, ACCEPTED)

    def _say(self, descriptor: int, answer: bytes) -> None:
        if descriptor in self._open:
            self._open[descriptor].sendall(answer)


if __name__ == "__main__":
    Arrivals(int(sys.argv[1]), float(sys.argv[2])).run()
