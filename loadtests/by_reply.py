"""Messages seen again under the ids that the target gave them in its replies: to numbers of ours. Pure.

A target's event may name a message by the target's own id alone. Whoever hears it keeps a mark of that id in
the place of a number; which message it is, the ids say that the engine kept of the replies.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import numpy as np

from loadtests.arrivals import NOBODY, Found, Seen
from loadtests.attempts import Integers
from loadtests.replay.given import Given

GIVEN = -2
"""In the place of a run: the number is the mark of an id that a reply gave."""
STRANGER = -3
"""In the place of a number: an id that no reply gave to us."""


def mark_of(name: str) -> int:
    """63 bits of an id; one in angle brackets, as a Message-ID may be written, is the same as without."""
    bare = name.strip().removeprefix("<").removesuffix(">")
    return int.from_bytes(blake2b(bare.encode(), digest_size=8).digest()) >> 1


def found_by(name: str) -> Found:
    """What an event speaks of that names its message by `name`; "" = it names none."""
    return Found(GIVEN, (mark_of(name),)) if name else Found(NOBODY, ())


class Names:
    """The ids that replies gave to the messages of one engine, of as many replays as were added."""

    def __init__(self) -> None:
        self._marks: Integers = np.empty(0, dtype=np.int64)
        self._messages: Integers = np.empty(0, dtype=np.int64)

    def add(self, given: Given) -> None:
        """The ids of one replay."""
        marks = np.array([mark_of(name) for name in given.ids], dtype=np.int64)
        self._marks = np.concatenate((self._marks, marks))
        self._messages = np.concatenate((self._messages, given.message))
        order = np.argsort(self._marks, kind="stable")
        self._marks, self._messages = self._marks[order], self._messages[order]

    def named(self, seen: Seen, run: int) -> Seen:
        """The same sightings, those by an id of a reply with their message's number and its `run`."""
        by_reply = seen.run == GIVEN
        if not by_reply.any():
            return seen
        marks = seen.number[by_reply]
        at = np.searchsorted(self._marks, marks)
        known = at < self._marks.size
        known[known] = self._marks[at[known]] == marks[known]
        numbers = np.full(marks.size, STRANGER, dtype=np.int64)
        numbers[known] = self._messages[at[known]]
        number, runs = seen.number.copy(), seen.run.copy()
        number[by_reply], runs[by_reply] = numbers, np.where(known, run, GIVEN)
        return replace(seen, number=number, run=runs)
