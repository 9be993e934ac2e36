"""Starts the receiver of a target's event webhook: a guarded child for a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.children import Child, Link, link, python_module
from loadtests.receiver.app import App
from loadtests.sendapi import serving
from loadtests.standin.listening import READY_S, RECORDS, STOP_S, listening, recording
from loadtests.standin.records import Recorder
from loadtests.targets.delivery_words import Delivery
from loadtests.targets.slots import SECRET
from scenarios.problems import UserError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Running:
    """A receiver in a child process of ours: `delivery` with its port, and the file of what it hears."""

    delivery: Delivery
    child: Child
    records: Path


@contextmanager
def start(delivery: Delivery, folder: Path, variables: Mapping[str, str]) -> Iterator[Running]:
    """A running receiver with its records and log in `folder`; `variables`: where the signing key is found.
    Raises UserError for a port that is taken and a key that is not there, ChildFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    listening("webhook receiver", HOST, delivery.port).close()
    config = folder / "settings.json"
    config.write_text(delivery.model_dump_json(indent=1), "utf-8")
    argv = python_module("loadtests.receiver.server", str(config), str((folder / RECORDS).resolve()))
    env = {name: variables[name] for name in SECRET.findall(delivery.key or "")}
    with Child("webhook receiver", argv, log=folder / "receiver.log", env=env) as child:
        port = child.expect("ready", READY_S)["port"]
        running = Running(delivery.model_copy(update={"port": port}), child, folder / RECORDS)
        try:
            yield running
        finally:
            child.stop(STOP_S)


def main(config: Path, records: Path) -> int:
    """The child: hear what the file says, tell the parent the port, leave when it is gone."""
    parent = link()
    delivery = Delivery.model_validate_json(config.read_text("utf-8"))
    try:
        serving.run(_run(delivery, Recorder(records), parent))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        if parent is not None:
            parent.refuse(error)
        return error.exit_code
    return 0


async def _run(delivery: Delivery, recorder: Recorder, parent: Link | None) -> None:
    sock = listening("webhook receiver", HOST, delivery.port)
    key = SECRET.sub(lambda match: os.environ[match[1]], delivery.key or "")

    def ready() -> None:
        if parent is not None:
            parent.tell("ready", port=sock.getsockname()[1])

    await recording(App(delivery, key, recorder), recorder, sock, parent, ready)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
