"""One message followed through a service to the provider that peakday plays behind it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from loadtests.arrivals import NOBODY
from loadtests.standin.records import Arrivals, Outcome, read_arrivals
from loadtests.standin.server import Running

T = TypeVar("T")

POLL_S = 0.05
PROBED = 0
"""The number of the one message of a probe."""


@dataclass(frozen=True)
class Followed:
    """What became of the one message. after_s: from just before it was sent to its first arrival, None = it
    did not come within `waited_s`. outcome: of its last attempt; by: what named it there. others: attempts at
    messages that are not ours or cannot be told."""

    stand_in: str
    after_s: float | None
    attempts: int
    outcome: str
    status: int
    by: str
    others: int
    waited_s: float


def follow(running: Running, sent_monotonic_s: float, longest_s: float) -> Followed:
    """Wait until the message is delivered, `longest_s` at most."""
    provider = running.settings.provider
    return awaited(
        lambda waited_s: followed(read_arrivals(running.records), provider, sent_monotonic_s, waited_s),
        lambda found: found.outcome == Outcome.DELIVERED.name.lower(),
        longest_s,
    )


def awaited(look: Callable[[float], T], enough: Callable[[T], bool], longest_s: float) -> T:
    """What `look` finds, told how many seconds it has been waited, once that is enough or time is over."""
    began_s = time.monotonic()
    while True:
        waited_s = time.monotonic() - began_s
        found = look(waited_s)
        if enough(found) or waited_s >= longest_s:
            return found
        time.sleep(POLL_S)


def followed(of: Arrivals, stand_in: str, sent_monotonic_s: float, waited_s: float) -> Followed:
    """What a record of arrivals says of it so far."""
    mine = (of.number == PROBED) & (of.at_s >= sent_monotonic_s)
    others = int((~mine).sum())
    if not mine.any():
        return Followed(stand_in, None, 0, "", 0, "", others, waited_s)
    last = int(mine.nonzero()[0][-1])
    named = bool((of.run[mine] != NOBODY).all())
    return Followed(
        stand_in=stand_in,
        after_s=float(of.at_s[mine][0] - sent_monotonic_s),
        attempts=int(mine.sum()),
        outcome=Outcome(int(of.outcome[last])).name.lower(),
        status=int(of.status[last]),
        by="its id" if named else "its address or its customer's number",
        others=others,
        waited_s=waited_s,
    )
