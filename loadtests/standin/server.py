"""Starts a stand-in provider: as a guarded child for a run, or in the foreground for `peakday serve --as`."""

from __future__ import annotations

import http.client
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from loadtests.children import Child, Link, link, python_module
from loadtests.sendapi import serving
from loadtests.sendapi.exits import on_this_machine
from loadtests.sendapi.knobs import is_loopback
from loadtests.sendapi.signatures import webhook_key
from loadtests.sendapi.webhook import Webhook
from loadtests.standin.app import App, Counts
from loadtests.standin.listening import READY_S, RECORDS, STOP_S, listening, recording
from loadtests.standin.records import Recorder
from loadtests.standin.settings import Settings, read_settings, write_settings
from scenarios.problems import UserError, user_error

HEALTH_S = 5.0
LAST_EVENTS_S = 0.5
"""The last events have this long when the stand-in leaves."""


@dataclass(frozen=True)
class Running:
    """A stand-in in a child process of ours, and the file of its arrivals."""

    base_url: str
    settings: Settings
    child: Child
    records: Path

    def counts(self) -> Counts:
        """What /healthz says now. OSError when the stand-in is gone."""
        connection = http.client.HTTPConnection(self.base_url.removeprefix("http://"), timeout=HEALTH_S)
        try:
            connection.request("GET", "/healthz")
            return msgspec.json.decode(connection.getresponse().read(), type=Counts)
        finally:
            connection.close()


@contextmanager
def start(settings: Settings, folder: Path) -> Iterator[Running]:
    """A running stand-in with its records and log in `folder`. Raises UserError for a port that is taken,
    ChildFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    check(settings)
    placed = msgspec.structs.replace(settings, records=str((folder / RECORDS).resolve()))
    config = folder / "settings.json"
    write_settings(placed, config)
    argv = python_module("loadtests.standin.server", str(config))
    with Child(f"stand-in {settings.provider}", argv, log=folder / "standin.log") as child:
        ready = child.expect("ready", READY_S)
        running = Running(_url(settings.host, ready["port"]), placed, child, Path(placed.records))
        try:
            yield running
        finally:
            child.stop(STOP_S)


def check(settings: Settings) -> None:
    """Raises UserError for any address but loopback, and for a port that is taken."""
    if settings.webhook:
        on_this_machine(settings.webhook.partition("?")[0], "webhook")
    if not is_loopback(settings.host):
        allowed = "127.0.0.1, ::1, localhost"
        message = "a stand-in listens on loopback only"
        raise user_error(message, key="host", found=settings.host, allowed=allowed)
    _listening(settings).close()


def serve(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Serve in the foreground until SIGINT or SIGTERM; `say` gets the lines for the user."""
    check(settings)

    def ready(base_url: str) -> None:
        limits = ", ".join(f"{limit.kind} {limit.per_s:g}/s" for limit in settings.limits) or "none"  # type: ignore[attr-defined]  # every kind of limit names its kind
        say(f"peakday plays {settings.provider} on {base_url} (counts: {base_url}/healthz)")
        say(f"limits: {limits}, of {settings.counts}; Ctrl-C stops it")
        if settings.webhook:
            say(f"events are posted to {settings.webhook} (what their signatures are checked with: /healthz)")

    recorder = Recorder(Path(settings.records) if settings.records else None)
    serving.run(_run(settings, recorder, None, ready))
    told = {outcome.name.lower(): count for outcome, count in recorder.outcomes.items() if count}
    say(f"{recorder.requests:,} requests, {recorder.attempts:,} attempts at a message: {told}")


def main(config: Path) -> int:
    """The child: serve what the file says, tell the parent the port, leave when it is gone."""
    parent = link()

    def ready(base_url: str) -> None:
        if parent is not None:
            parent.tell("ready", port=int(base_url.rpartition(":")[2]))

    settings = read_settings(config)
    try:
        serving.run(_run(settings, Recorder(Path(settings.records)), parent, ready))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        if parent is not None:
            parent.refuse(error)
        return error.exit_code
    return 0


async def _run(
    settings: Settings, recorder: Recorder, parent: Link | None, ready: Callable[[str], None]
) -> None:
    sock = _listening(settings)
    base_url = _url(settings.host, sock.getsockname()[1])
    webhook = Webhook(settings.webhook, webhook_key(settings.webhook), settings.key)
    webhook.start()
    app = App(settings, recorder, webhook=webhook)
    try:
        await recording(app, recorder, sock, parent, lambda: ready(base_url))
    finally:
        await webhook.stop(LAST_EVENTS_S)


def _listening(settings: Settings) -> socket.socket:
    return listening("stand-in", settings.host, settings.port)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
