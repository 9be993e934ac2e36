"""The receiver of a target's event webhook, as a rehearsal sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from loadtests.lookout import Lookout
from loadtests.passage import Watch
from loadtests.receiver import server
from loadtests.receiver.server import Running
from loadtests.standin.records import read_arrivals
from loadtests.targets.delivery_words import Delivery
from sim.progress import Watcher

FOLDER = "receiver"
RECEIVER = "the webhook receiver"


@contextmanager
def listening_for(
    delivery: Delivery, run_folder: Path, variables: Mapping[str, str], watcher: Watcher
) -> Iterator[Running]:
    """The receiver that a target file asks for, running; gone afterwards. Raises UserError, ChildFailed."""
    with server.start(delivery, run_folder / FOLDER, variables) as running:
        watcher.tell("serve", 1, 1, f"events are heard at {running.delivery.webhook_url}")
        yield running


def lookout_of(running: Running) -> Lookout:
    """A receiver as one who sees messages again."""
    delivery = running.delivery
    watch = Watch(
        stand_in=f"{delivery.events} events, posted to {delivery.webhook_url}",
        limits="",
        settled=False,
        quiet_s=delivery.quiet,
        way="webhook",
        place=RECEIVER,
    )
    return Lookout(watch, delivery.settle, lambda: read_arrivals(running.records), running.child.running)
