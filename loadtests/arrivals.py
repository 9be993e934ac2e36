"""Messages seen again behind a service: found by the ids that they carry, counted, timed. Pure.

Every message of a replay has a number, and its body carries it several times (`targets/frames`): as the id
`RUN-000000000012`, in its address (`customer-000000000012@example.com`, `+999000000000012`,
`peakday-device-000000000012`) and as the customer's id `000000000012`. A service that keeps any of them, in
whatever field, is followed. Whoever sees messages again - a stand-in, an event webhook - finds them here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from loadtests.attempts import Flags, Floats, Integers
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import USUAL_PRIORITY, Schedule
from scenarios.words import PRIORITIES

NOBODY = -1
"""In the place of a number or a run that could not be found."""
CLOCK_S = 0.005
"""Two processes' readings of one clock may be this far apart."""

DIGITS = 12
_runs_of_digits = re.compile(rb"[0-9]{12,}").finditer
_is_run = re.compile(rb"[0-9a-f]{8}").fullmatch
_ADDRESSES = (b"customer", b"peakday-device")
_COUNTRY, _BEFORE_IT = b"999", (b"", b"00", b"20")
"""The telephone numbers' country code, and the digits that may stand before it: none, the prefix for abroad,
or what is left of a blank in a form (%20)."""


@dataclass(frozen=True, slots=True)
class Found:
    """Which messages a text speaks of, in its order. `run`: whose they are, NOBODY where no id says it."""

    run: int
    numbers: tuple[int, ...]


def find(text: bytes) -> Found:
    """The messages that a text names, each once: JSON, a form, percent-encoded or not.

    Of the three ways to name them (id, address, bare number) the one that names most is believed, the surest
    first among equals: a service may send one text to several addresses, or put its own numbers beside ours.
    """
    ids: list[int] = []
    addresses: list[int] = []
    bare: list[int] = []
    run = NOBODY
    for match in _runs_of_digits(text):
        digits, begin = match[0], match.start()
        if len(digits) > DIGITS:
            if digits[-15:-12] == _COUNTRY and digits[:-15] in _BEFORE_IT:
                addresses.append(int(digits[-12:]))
        elif text[begin - 1 : begin] == b"-" and _is_run(text[max(0, begin - 9) : begin - 1]):
            run = int(text[begin - 9 : begin - 1], 16)
            ids.append(int(digits))
        elif text[begin - 1 : begin] == b"-" and text[max(0, begin - 15) : begin - 1].endswith(_ADDRESSES):
            addresses.append(int(digits))
        elif digits[:1] == b"0":
            bare.append(int(digits))
    ways = ids, addresses, bare
    return Found(run, max((tuple(dict.fromkeys(way)) for way in ways), key=len))


def run_number(run: str) -> int:
    """A run's name in ids (8 hexadecimal digits) as the number that `find` gives."""
    return int(run, 16)


@dataclass(frozen=True)
class Sent:
    """The messages of one replay, numbered from `first`: columns of equal length (messages,).

    due_s, started_s (first byte of the first attempt, NaN = never): float64 since the replay's start.
    acknowledged_s: when the target said yes to the message's request, NaN = it did not, infinite = it said so
    of a part of the request only. sends: attempts of ours. urgency: index into `priorities`, most urgent 0.
    """

    run: int
    first: int
    due_s: Floats
    started_s: Floats
    acknowledged_s: Floats
    sends: Integers
    urgency: Integers
    priorities: tuple[str, ...] = PRIORITIES

    @property
    def count(self) -> int:
        """Messages."""
        return self.due_s.size


def sent_of(schedule: Schedule, records: SendRecords, first: int, run: int) -> Sent:
    """One line a message of a schedule whose messages count from `first`, in the schedule's order."""
    requests = schedule.due_s.size
    started_s, acknowledged_s = np.full(requests, np.nan), np.full(requests, np.nan)
    begun = np.isfinite(records.started_s)
    np.fmin.at(started_s, records.request[begun], records.started_s[begun])
    for reply, ended_s in ((Reply.PARTLY, None), (Reply.ACCEPTED, records.ended_s)):
        yes = (records.reply == reply) & (records.fault == Fault.NONE)
        acknowledged_s[records.request[yes]] = np.inf if ended_s is None else ended_s[yes]
    sends = np.bincount(records.request[begun], minlength=requests)
    names = schedule.priorities or (USUAL_PRIORITY,) * len(schedule.streams)
    urgency = np.array([PRIORITIES.index(name) for name in names], dtype=np.int64)[schedule.stream]
    each = schedule.messages
    return Sent(
        run=run,
        first=first,
        due_s=np.repeat(schedule.due_s, each),
        started_s=np.repeat(started_s, each),
        acknowledged_s=np.repeat(acknowledged_s, each),
        sends=np.repeat(sends, each),
        urgency=np.repeat(urgency, each),
    )


def stride(messages: int, sample: int) -> int:
    """Every how many-th message of a replay is looked for, so that at most `sample` are."""
    return max(1, math.ceil(messages / sample))


def sampled(sent: Sent, every: int) -> Sent:
    """As if the target had not said yes to those that are not looked for."""
    here = np.arange(sent.count) % every == 0
    return replace(sent, acknowledged_s=np.where(here, sent.acknowledged_s, np.nan))


@dataclass(frozen=True)
class Seen:
    """Sightings: columns of equal length (sightings,), in any order.

    at_s: float64 since the replay's start. run, number: int64 as `find` gives them, NOBODY = not found. good:
    whether this one counts as delivered.
    """

    at_s: Floats
    run: Integers
    number: Integers
    good: Flags


def seen_of(rows: Iterable[tuple[float, Found, bool]]) -> Seen:
    """Sightings from (at_s, what was found, whether it counts), one line for each message found."""
    lines = [
        (at_s, found.run, number, good)
        for at_s, found, good in rows
        for number in (found.numbers or (NOBODY,))
    ]
    columns = np.array(lines, dtype=np.float64).reshape(-1, 4)
    run, number = columns[:, 1].astype(np.int64), columns[:, 2].astype(np.int64)
    return Seen(columns[:, 0], run, number, columns[:, 3] > 0)


def matched(sent: Sent, seen: Seen) -> Integers:
    """int64 (sightings,): which message of `sent` each is, NOBODY for none of them.

    A sighting whose id names another run is none of ours; one that names no run is ours by its number, unless
    it was seen before that message was sent.
    """
    index = seen.number - sent.first
    ours = (seen.number >= 0) & (index >= 0) & (index < sent.count)
    ours &= (seen.run == NOBODY) | (seen.run == sent.run)
    index = np.where(ours, index, NOBODY)
    early = ours & ~(seen.at_s >= sent.started_s[index] - CLOCK_S)
    return np.where(early & (seen.run == NOBODY), NOBODY, index)


def first_s(index: Integers, at_s: Floats, messages: int) -> Floats:
    """float64 (messages,): the earliest sighting of each message, NaN = none. `index` may hold NOBODY."""
    earliest = np.full(messages, np.nan)
    ours = index != NOBODY
    np.fmin.at(earliest, index[ours], at_s[ours])
    return earliest


def times_seen(index: Integers, messages: int) -> Integers:
    """int64 (messages,): sightings of each message."""
    return np.bincount(index[index != NOBODY], minlength=messages)


def delays_s(sent: Sent, earliest_s: Floats) -> Floats:
    """float64 (messages,): from a message's due time to `earliest_s`. Of those never seen: infinite where the
    target said yes to the message, NaN where it did not."""
    owed = np.isfinite(sent.acknowledged_s) & np.isnan(earliest_s)
    return np.where(owed, np.inf, earliest_s - sent.due_s)


def overtaken(sent: Sent, earliest_s: Floats) -> Integers:
    """int64 (messages,): how many less urgent messages were seen first while each one waited inside, from the
    target's yes to its own sighting; 0 for those that were never seen or never acknowledged.

    A service with priorities lets through as many as it has in its hands at once; a queue without any lets
    through all that came before.
    """
    counts = np.zeros(sent.count, dtype=np.int64)
    here = np.isfinite(earliest_s) & np.isfinite(sent.acknowledged_s)
    for urgency in range(len(sent.priorities) - 1):
        mine = here & (sent.urgency == urgency)
        others_s: npt.NDArray[np.float64] = np.sort(
            earliest_s[np.isfinite(earliest_s) & (sent.urgency > urgency)]
        )
        until = np.searchsorted(others_s, earliest_s[mine], side="left")
        since = np.searchsorted(others_s, sent.acknowledged_s[mine], side="right")
        counts[mine] = np.maximum(0, until - since)
    return counts
