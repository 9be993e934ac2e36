"""What a target tells of one message's delivery: by events, or by its status URL until that is final."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from loadtests.by_reply import GIVEN, mark_of
from loadtests.following import PROBED, awaited
from loadtests.polling import again_s
from loadtests.receiver.server import Running
from loadtests.standin.records import Arrivals, Outcome, read_arrivals
from loadtests.targets import credentials, safety
from loadtests.targets.credentials import auth_headers
from loadtests.targets.far_reader import JsonReader
from loadtests.targets.pointers import value_at
from loadtests.targets.target import Target


@dataclass(frozen=True)
class Told:
    """after_s: from just before the message was sent until it was said to be delivered, None = it was not
    within `waited_s`. by: who says so, in words. said: what was said of it, in its order - of events
    "delivered" or "other", of a status URL its words. others: events of other messages, or that name none."""

    observed: str
    by: str
    after_s: float | None
    said: tuple[str, ...]
    others: int
    waited_s: float


def heard(running: Running, sent_monotonic_s: float, reply_id: str) -> Told:
    """Wait until an event says that the message of a probe is delivered, as long as the target file allows.

    `reply_id`: what the target called it, which events name it by where the file says so.
    """
    delivery = running.delivery
    mark = mark_of(reply_id) if delivery.named_by == "reply" else None
    by = f"{delivery.events} events, posted to {delivery.webhook_url}"
    return awaited(
        lambda waited_s: heard_so_far(read_arrivals(running.records), by, sent_monotonic_s, mark, waited_s),
        lambda found: found.after_s is not None,
        delivery.settle,
    )


def heard_so_far(of: Arrivals, by: str, sent_monotonic_s: float, mark: int | None, waited_s: float) -> Told:
    """What a record of events says. `mark`: of the id that the reply gave, None = the message's own is
    looked for."""
    later = of.at_s >= sent_monotonic_s
    ours = of.number == PROBED if mark is None else (of.run == GIVEN) & (of.number == mark)
    mine = ours & later
    good = mine & (of.outcome == Outcome.DELIVERED)
    after_s = float(of.at_s[good][0] - sent_monotonic_s) if good.any() else None
    said = tuple(Outcome(int(outcome)).name.lower() for outcome in of.outcome[mine])
    return Told("webhook", by, after_s, said, int((later & ~ours).sum()), waited_s)


def asked(target: Target, run: str, sent_monotonic_s: float) -> Told:
    """Ask the status URL for the message of a probe until it is delivered or its word is final, as long as
    the target file allows."""
    delivery = target.delivery
    assert delivery is not None
    path = urlsplit(target.base_url).path.rstrip("/") + delivery.path_of(run, PROBED)
    secrets = credentials.environment(target, os.environ)
    reader = JsonReader(safety.check(target), target.ca_file, auth_headers(delivery.auth, secrets))
    said: list[str] = []
    began_s = time.monotonic()
    after_s = None
    try:
        for _ in _pauses(began_s + delivery.settle):
            word = value_at(reader.get(path), delivery.status)
            if isinstance(word, str) and said[-1:] != [word]:
                said.append(word)
            if word in delivery.delivered:
                after_s = time.monotonic() - sent_monotonic_s
            if word in (*delivery.delivered, *delivery.ended):
                break
    finally:
        reader.close()
    waited_s = time.monotonic() - began_s
    return Told("poll", f"status asked for at {path}", after_s, tuple(said), 0, waited_s)


def _pauses(until_s: float) -> Iterator[None]:
    """Each time that it is worth asking, less and less often, once more when the time is over."""
    for tries in count():
        yield
        if time.monotonic() >= until_s:
            return
        time.sleep(max(0.0, min(again_s(tries), until_s - time.monotonic())))
