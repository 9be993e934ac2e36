"""Real servers that say exactly what a test wants, and a reactor that replays a schedule against them."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from loadtests.replay.agenda import Agenda
from loadtests.replay.bounds import Bounds
from loadtests.replay.compiling import works
from loadtests.replay.connection import Connection, Makes, Peer
from loadtests.replay.fates import Reply
from loadtests.replay.journal import Journal
from loadtests.replay.kernel import plain_kernel
from loadtests.replay.reactor import Reactor
from loadtests.replay.records import SendRecords, Writer, read_records
from loadtests.replay.schedule import Schedule
from loadtests.replay.stencils import ID_DIGITS, Stencil
from loadtests.replay.ways import Way
from loadtests.targets.rules import header
from tests.loadtests.replay.certificates import Certified

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Listens on loopback; `talk(self, sock)` runs in a thread for every connection until it returns."""

    def __init__(
        self,
        talk: Callable[[Server, socket.socket], None],
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._talk = talk
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, 0), family=family, backlog=1024)
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def read_request(self, sock: socket.socket) -> bool:
        """Read one whole request and keep its body; False when the other side closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := sock.recv(65536)):
                return False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            if not (more := sock.recv(min(65536, length - len(body)))):
                return False
            body += more
        self.requests.append(body)
        return True

    def close(self) -> None:
        """Stop listening and drop every connection."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), self._spoken(sock) as spoken:
            self._talk(self, spoken)

    def _spoken(self, sock: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(sock, server_side=True) if self._tls else sock


def always(answer: bytes) -> Callable[[Server, socket.socket], None]:
    """Answers every request so and keeps the connection."""

    def talk(server: Server, sock: socket.socket) -> None:
        while server.read_request(sock):
            sock.sendall(answer)

    return talk


class Plain:
    """Renders the message id and `body_bytes` of body; reads 2xx as accepted, 429 as limited."""

    def __init__(self, body_bytes: int = 20) -> None:
        self._body_bytes = body_bytes

    def operation_for(self, channel: str, stream: str = "", priority: str = "") -> int | None:
        return 0

    def render(self, first_id: int, messages: int, channel: str, campaign: str, priority: str = "") -> bytes:
        body = b"%0*d,%d,%b," % (ID_DIGITS, first_id, messages, channel.encode())
        body += b"x" * (self._body_bytes - len(body))
        return b"POST /send HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def stencil(self, messages: int, channel: str, campaign: str, priority: str = "") -> Stencil | None:
        if messages > 2:
            return None
        text = self.render(0, messages, channel, campaign, priority)
        return Stencil(text, ((text.index(b"0" * ID_DIGITS), 0),))

    def plainly_accepted(self, operation: int) -> list[int]:
        return list(range(200, 300))

    def read(
        self, status: int, headers: bytes, body: bytes, messages: int, operation: int = 0
    ) -> tuple[Reply, int, float | None]:
        if 200 <= status < 300:
            return Reply.ACCEPTED, messages, None
        come_again = header(headers, "Retry-After")
        kind = Reply.LIMITED if status == 429 else Reply.REJECTED if status < 500 else Reply.FAILED
        return kind, 0, float(come_again) if come_again else None


Serve = Callable[..., Server]
Replay = Callable[..., SendRecords]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; all are closed afterwards."""
    servers: list[Server] = []

    def start(
        talk: Callable[[Server, socket.socket], None],
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> Server:
        servers.append(Server(talk, tls, host))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def answering() -> Callable[[bytes], Callable[[Server, socket.socket], None]]:
    """`answering(bytes)`: a talk that gives every request this answer."""
    return always


@pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.torture)], ids=["compiled", "by hand"])
def replay(tmp_path: Path, request: pytest.FixtureRequest) -> Replay:
    """Replay in this process: `replay(port, schedule, bounds, body_bytes, stop_after_s, makes, compiled,
    http, ahead)`; of several ports each gets a stream of the schedule. `ahead`: open connections ahead of
    time 0, and call this before it."""
    if request.param:
        works()  # takes its time, which no test is to measure

    def run(
        port: int | Sequence[int],
        schedule: Schedule,
        bounds: Bounds | None = None,
        body_bytes: int = 20,
        stop_after_s: float | None = None,
        makes: Makes = Connection,
        compiled: bool = request.param,
        http: str = "1.1",
        ahead: Callable[[], object] | None = None,
    ) -> SendRecords:
        plain = Plain(body_bytes)
        whole = Agenda(schedule, plain, plain, plain, 0)
        ports = [port] if isinstance(port, int) else port
        alone = len(ports) == 1
        streams = [np.flatnonzero((schedule.stream == at) | alone) for at in range(len(ports))]
        kernel = replace(plain_kernel(), compiled=(lambda: compiled and works()))
        kernel.compiled()
        path = tmp_path / "records.arrows"
        writer = Writer(path)
        reactor = Reactor(
            [
                Way(Peer(socket.AF_INET, "127.0.0.1", one, makes, http), whole.of(its))
                for one, its in zip(ports, streams, strict=True)
            ],
            lambda rows: journal.take(rows, time.monotonic_ns()),
            bounds=bounds or Bounds(),
            kernel=kernel,
        )
        if ahead is not None:
            reactor.open_ahead(time.monotonic_ns() + 5_000_000_000)
            ahead()
        start_ns = time.monotonic_ns() + 5_000_000
        journal = Journal(schedule, start_ns, writer)
        if stop_after_s is not None:
            threading.Timer(stop_after_s, reactor.stop).start()
        writer.close(reactor.run(start_ns))
        return read_records([path])

    return run


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    """Certificates of an authority of their own."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificates with openssl, which is not installed")
    return Certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusting(certified: Certified) -> str:
    """The file of that authority."""
    return str(certified.ca)


Locust = Callable[..., subprocess.Popen[str]]
ROOT = Path(__file__).parents[3]
CACHES = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
"""Where compiled code is kept: without it each Locust would have it compiled anew."""


@pytest.fixture
def locust(tmp_path: Path) -> Iterator[Locust]:
    """Start Locust in a folder of its own; whatever is left of it is killed afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start(file: Path, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "locust", "-f", str(file), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env=dict(os.environ) | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "XDG_CACHE_HOME": CACHES},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            for one in psutil.Process(process.pid).children(recursive=True):
                one.kill()
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
