"""Starts the reference send API: as a guarded child for a run, or in the foreground for `peakday serve`."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loadtests.children import Child, Link, link, python_module
from loadtests.sendapi import concealing, serving
from loadtests.sendapi.accesslog import FileLog
from loadtests.sendapi.assembly import check, dispatched, environment_of
from loadtests.sendapi.fronts import in_front
from loadtests.sendapi.health import Health
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.opening import open_store
from loadtests.sendapi.store import Store
from loadtests.sendapi.surface import Surface
from scenarios.problems import UserError, user_error

ADMIN_KEY = "PEAKDAY_ADMIN_KEY"
"""The environment variable with the key of /admin/faults; made up where it is not set."""
READY_S = 30.0
STOP_S = 2.0
HEALTH_S = 5.0


@dataclass(frozen=True)
class Running:
    """A reference send API in a child process of ours; `queue` says what keeps its messages, in words."""

    base_url: str
    knobs: Knobs
    child: Child
    queue: str

    def health(self) -> Health:
        """What /healthz says now. OSError when the API is gone."""
        host = self.base_url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=HEALTH_S)
        try:
            connection.request("GET", "/healthz")
            return msgspec.json.decode(connection.getresponse().read(), type=Health)
        finally:
            connection.close()

    def stop(self) -> None:
        """Finish what is in flight and leave; what is not delivered stays in the queue's files."""
        self.child.stop(STOP_S)


@contextmanager
def start(knobs: Knobs, folder: Path) -> Iterator[Running]:
    """A running API with its queue and log in `folder`. Raises UserError for bad knobs and a queue that is
    not there, ChildFailed."""
    check(knobs)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "knobs.json"
    placed = msgspec.structs.replace(knobs, data=knobs.data or str(folder / "queue"))
    secrets = concealing.write(placed, config)
    argv = python_module("loadtests.sendapi.server", str(config))
    env = environment_of(placed) | secrets
    with Child("send API", argv, log=folder / "sendapi.log", env=env) as child:
        ready = child.expect("ready", READY_S)
        queue = queue_words(ready["queue"], ready["durable"])
        running = Running(_url(knobs.host, ready["port"]), placed, child, queue)
        try:
            yield running
        finally:
            running.stop()


def queue_words(queue: str, durable: bool) -> str:
    """What keeps the messages: "sqlite, on disk before 202"."""
    return f"{queue}, {'on disk before 202' if durable else 'NOT durable'}"


def serve(knobs: Knobs, say: Callable[[str], None] = print) -> None:
    """Serve in the foreground until SIGINT or SIGTERM; `say` gets the lines for the user."""
    check(knobs)
    with tempfile.TemporaryDirectory(prefix="peakday-sendapi-") as temporary:
        placed = msgspec.structs.replace(knobs, data=knobs.data or temporary)

        def ready(base_url: str, health: Health) -> None:
            say(f"peakday send API on {base_url}/v3/mail/send (health: {base_url}/healthz)")
            queue = queue_words(health.queue, health.durable)
            say(f"queue: {queue}, in {placed.data}; Ctrl-C stops it")
            if knobs.switch_key:
                key = f"${ADMIN_KEY}" if os.environ.get(ADMIN_KEY) else knobs.switch_key
                say(f"faults are switched at {base_url}/admin/faults with the bearer key {key}")
            say("it also speaks Twilio, Braze, Amazon SES v2 and Postmark, each at its own path")

        serving.run(_run(placed, None, ready))


def main(config: Path) -> int:
    """The child: serve what the file says, tell the parent the port, leave when it is gone."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    parent = link()

    def ready(base_url: str, health: Health) -> None:
        if parent is not None:
            parent.tell(
                "ready", port=int(base_url.rpartition(":")[2]), queue=health.queue, durable=health.durable
            )

    try:
        serving.run(_run(concealing.read(config, os.environ), parent, ready))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        if parent is not None:
            parent.refuse(error)
        return error.exit_code
    return 0


async def _run(knobs: Knobs, parent: Link | None, ready: Callable[[str, Health], None]) -> None:
    """From the socket to the last answer: probes are answered while the queue is still being opened."""
    sock = _bind(knobs)
    base_url = _url(knobs.host, sock.getsockname()[1])
    with contextlib.ExitStack() as kept:
        log = FileLog(knobs.access_log) if knobs.access_log else None
        if log is not None:
            kept.callback(log.close)
        surface = Surface(knobs.key, log, admin_key=knobs.switch_key)
        async with serving.stoppable() as stop:
            if parent is not None:
                serving.leave_with(parent, stop)
            run = _alone if knobs.processes == 1 else _behind_fronts
            await run(knobs, sock, surface, stop, lambda: ready(base_url, surface.own.health()))


async def _alone(
    knobs: Knobs, sock: socket.socket, surface: Surface, stop: serving.Stop, ready: Callable[[], None]
) -> None:
    """HTTP, queue and dispatcher in this process."""
    from loadtests.sendapi.protocol import SendProtocol  # uvicorn takes 0.1 s, which the CLI spares

    async with serving.served(sock, surface, SendProtocol) as server:
        store = await _opened(knobs, stop)
        if store is None:
            return
        async with dispatched(store, knobs) as source:
            surface.open(source)
            serving.collect_seldom()
            ready()
            await serving.first(stop.asked.wait(), asyncio.shield(server))
            await serving.first(surface.life.drain(knobs.drain_s), stop.overdue())


async def _behind_fronts(
    knobs: Knobs, sock: socket.socket, surface: Surface, stop: serving.Stop, ready: Callable[[], None]
) -> None:
    """Queue and dispatcher in this process, HTTP in others."""
    store = await _opened(knobs, stop)
    if store is None:
        return
    async with dispatched(store, knobs) as source:
        surface.open(source)
        async with in_front(knobs, sock, surface, source) as fronts:
            serving.collect_seldom()
            ready()
            await stop.asked.wait()
            surface.life.state = "draining"
            await serving.first(fronts.drain(), stop.overdue())


async def _opened(knobs: Knobs, stop: serving.Stop) -> Store | None:
    """The queue; None where the API is told to leave before it is open."""
    opening = asyncio.create_task(open_store(knobs, Path(knobs.data)), name="opening")
    await serving.first(opening, stop.asked.wait())
    return opening.result() if opening.done() else None


def _bind(knobs: Knobs) -> socket.socket:
    try:
        return serving.listening(knobs.host, knobs.port)
    except OSError as error:
        raise user_error(
            f"cannot listen there ({error.strerror})",
            key="port",
            found=str(knobs.port),
            allowed="0 = a free port",
        ) from error


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
