"""The words for what a target answers: by status, by a header, by what its JSON says, entry by entry."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from loadtests.targets.slots import HeaderName, Pointer
from scenarios.words import Word

StatusPattern = int | str
Meant = Literal["accepted", "limited", "rejected", "failed"]
Said = str | int | bool

_CLASS = re.compile(r"^([1-5])xx$")


def _statuses(patterns: tuple[StatusPattern, ...]) -> tuple[StatusPattern, ...]:
    for pattern in patterns:
        if isinstance(pattern, int) and 100 <= pattern <= 599:
            continue
        if isinstance(pattern, str) and _CLASS.match(pattern):
            continue
        raise ValueError(f'{pattern!r} is not a status; write 202 or "2xx"')
    return patterns


class When(Word):
    """A rule that beats the status. It looks at a header, at the value a JSON pointer leads to, or - with
    neither - at the body's text, of replies with one of `status` (empty: any).

    It matches where what it looks at equals one of `equals`, holds one of `holds`, or - with neither - is
    there at all. `absent` turns the last one round.
    """

    status: tuple[StatusPattern, ...] = ()
    header: HeaderName | None = None
    pointer: Pointer | None = None
    equals: tuple[Said, ...] = ()
    holds: tuple[str, ...] = ()
    absent: bool = False
    means: Meant

    _are_statuses = field_validator("status")(_statuses)


class Entries(Word):
    """How an accepted reply tells of each message: one of three ways.

    `results` leads to a list with one entry a message, whose `status` (a pointer within the entry) is one of
    `accepted`, one of `limited`, or means rejected; where `accepted` is empty, an entry is accepted when its
    `status` is absent. `refused` leads to a list of those refused; absent = none. `count` leads to the number
    accepted.
    """

    results: Pointer | None = None
    status: Pointer = ""
    accepted: tuple[Said, ...] = ()
    limited: tuple[Said, ...] = ()
    refused: Pointer | None = None
    count: Pointer | None = None


class Replies(Word):
    """What a reply means. The first `when` that matches decides; else the status: a number beats a class such
    as "4xx", and what is in no list has failed. `entries` then look into what was accepted.

    `retry_after` names the header that says when to come again (seconds or an HTTP date), `reset_in` the one
    with seconds until the window resets, `reset_at` the one with that moment as seconds since 1970; `limit`
    and `remaining` those with the window's size and what is left of it. `message_id` is a JSON pointer,
    `message_id_header` a header. An accepted reply whose body holds one of `rejected_texts` was rejected.
    """

    accepted: tuple[StatusPattern, ...] = ("2xx",)
    limited: tuple[StatusPattern, ...] = (429,)
    rejected: tuple[StatusPattern, ...] = ("4xx",)
    rejected_texts: tuple[str, ...] = ()
    limited_texts: tuple[str, ...] = ()
    when: tuple[When, ...] = ()
    entries: Entries | None = None
    message_id: Pointer | None = None
    message_id_header: HeaderName | None = None
    retry_after: HeaderName | None = "Retry-After"
    reset_in: HeaderName | None = None
    reset_at: HeaderName | None = None
    limit: HeaderName | None = None
    remaining: HeaderName | None = None
    error: tuple[Pointer, ...] = Field(default=())
    """Where a refusal says why; `probe` shows it."""

    _are_statuses = field_validator("accepted", "limited", "rejected")(_statuses)
