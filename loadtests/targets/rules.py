"""A target file's reply rules, with every status looked up beforehand, and what each makes of a reply."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from loadtests.replay.fates import Reply
from loadtests.targets.answers import Entries, Replies, StatusPattern, When
from loadtests.targets.pointers import NOTHING, number_at, value_at

_REPLIES = {
    "accepted": Reply.ACCEPTED,
    "limited": Reply.LIMITED,
    "rejected": Reply.REJECTED,
    "failed": Reply.FAILED,
}
UNREADABLE = object()
"""A body that is not JSON."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a reply was read as, how many of its messages were accepted, and the rule that said so."""

    reply: Reply
    accepted: int
    because: str


class Rules:
    """One operation's."""

    def __init__(self, replies: Replies) -> None:
        self.replies = replies
        self._whens = tuple(_Condition(place, when) for place, when in enumerate(replies.when, 1))
        self._texts = tuple(
            (text.encode(), reply, f"its body holds {text!r}, which is in replies.{key}")
            for key, reply, texts in (
                ("limited_texts", Reply.LIMITED, replies.limited_texts),
                ("rejected_texts", Reply.REJECTED, replies.rejected_texts),
            )
            for text in texts
        )
        self.plain = not (self._whens or self._texts or replies.entries)
        self._of_status = _by_status(replies)

    def reply_of(self, status: int) -> Reply:
        """What the status alone says; all there is to say where the rules are `plain`."""
        return self._of_status.get(status, (Reply.FAILED, ""))[0]

    def accepts_plainly(self, status: int) -> bool:
        """Whether a reply of that status accepts every message, whatever else it says."""
        asks_more = self._texts or self.replies.entries or any(when.of_status(status) for when in self._whens)
        return not asks_more and self.reply_of(status) is Reply.ACCEPTED

    def judge(self, status: int, headers: bytes, body: bytes, messages: int) -> Judged:
        """A reply to a request with that many messages."""
        reply, because = self._of_status.get(status, (Reply.FAILED, ""))
        if not because:
            because = f"status {status} is in none of replies.accepted, limited, rejected"
        if not self.plain:
            reply, because = self._beyond_status(status, headers, body, reply, because)
        if reply is not Reply.ACCEPTED:
            return Judged(reply, 0, because)
        if self.replies.entries is None:
            return Judged(reply, messages, because)
        return _counted(self.replies.entries, decoded(body), messages, because)

    def _beyond_status(
        self, status: int, headers: bytes, body: bytes, reply: Reply, because: str
    ) -> tuple[Reply, str]:
        document: Any = NOTHING
        for condition in self._whens:
            if condition.of_status(status):
                if condition.when.pointer is not None and document is NOTHING:
                    document = decoded(body)
                if condition.matches(headers, body, document):
                    return condition.reply, condition.because
        if reply is Reply.ACCEPTED:
            for text, means, why in self._texts:
                if text in body:
                    return means, why
        return reply, because


class _Condition:
    """One `when`, ready to be asked."""

    def __init__(self, place: int, when: When) -> None:
        self.when = when
        self.reply = _REPLIES[when.means]
        self.because = f"replies.when number {place} matches ({_in_words(when)})"
        self._statuses = {status for pattern in when.status for status in _statuses(pattern)}

    def of_status(self, status: int) -> bool:
        """Whether it looks at such replies at all."""
        return not self._statuses or status in self._statuses

    def matches(self, headers: bytes, body: bytes, document: Any) -> bool:
        """Whether what it looks at is as it says."""
        found = self._looked_at(headers, body, document)
        if self.when.absent:
            return found is NOTHING
        if found is NOTHING:
            return False
        if self.when.equals:
            return any(same(found, wanted) for wanted in self.when.equals)
        return not self.when.holds or any(text in _text(found) for text in self.when.holds)

    def _looked_at(self, headers: bytes, body: bytes, document: Any) -> Any:
        if self.when.header is not None:
            return header(headers, self.when.header) or NOTHING
        if self.when.pointer is not None:
            return NOTHING if document is UNREADABLE else value_at(document, self.when.pointer)
        return body.decode("utf-8", "replace")


def _counted(entries: Entries, document: Any, messages: int, because: str) -> Judged:
    """An accepted reply that tells of each message."""
    if entries.count is not None:
        number = number_at(document, entries.count)
        if number is None:
            return Judged(Reply.FAILED, 0, f"{because}, but its body has no number at {entries.count}")
        return _shared_out(int(number), 0, messages, f"{entries.count} counts {int(number)} accepted")
    if entries.refused is not None:
        refused = value_at(document, entries.refused)
        count = len(refused) if isinstance(refused, list | dict) else 0
        return _shared_out(messages - count, 0, messages, f"{entries.refused} lists {count} refused")
    pointer = entries.results or ""
    results = value_at(document, pointer)
    if not isinstance(results, list):
        where = pointer or "its top"
        return Judged(Reply.FAILED, 0, f"{because}, but its body has no list at {where} to count")
    found = [value_at(entry, entries.status) for entry in results]
    accepted = sum(_is_accepted(entries, status) for status in found)
    limited = sum(any(same(status, wanted) for wanted in entries.limited) for status in found)
    told = f"{accepted} of {len(found)} entries at {pointer or 'the top'} say accepted, {limited} limited"
    return _shared_out(accepted, limited, messages, told)


def _is_accepted(entries: Entries, status: Any) -> bool:
    if not entries.accepted:
        return status is NOTHING
    return any(same(status, wanted) for wanted in entries.accepted)


def _shared_out(accepted: int, limited: int, messages: int, because: str) -> Judged:
    accepted = max(0, min(accepted, messages))
    if accepted == messages:
        return Judged(Reply.ACCEPTED, accepted, because)
    if accepted:
        return Judged(Reply.PARTLY, accepted, because)
    return Judged(Reply.LIMITED if limited else Reply.REJECTED, 0, because)


def _by_status(replies: Replies) -> dict[int, tuple[Reply, str]]:
    of_status: dict[int, tuple[Reply, str]] = {}
    kinds = (
        ("rejected", Reply.REJECTED, replies.rejected),
        ("limited", Reply.LIMITED, replies.limited),
        ("accepted", Reply.ACCEPTED, replies.accepted),
    )
    for of_class in (True, False):
        for key, reply, patterns in kinds:
            for pattern in patterns:
                if isinstance(pattern, str) is of_class:
                    for status in _statuses(pattern):
                        of_status[status] = (reply, f"status {status} is in replies.{key} ({pattern})")
    return of_status


def _statuses(pattern: StatusPattern) -> range:
    if isinstance(pattern, int):
        return range(pattern, pattern + 1)
    return range(int(pattern[0]) * 100, int(pattern[0]) * 100 + 100)


def decoded(body: bytes) -> Any:
    """The JSON document; UNREADABLE where there is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UNREADABLE


def header(headers: bytes, name: str) -> str:
    """The value of the first header line called `name`, in any case; "" where there is none."""
    wanted = name.encode().lower() + b":"
    for line in headers.splitlines():
        if line[: len(wanted)].lower() == wanted:
            return line[len(wanted) :].strip().decode("latin-1")
    return ""


def same(found: Any, wanted: Any) -> bool:
    """Equal, and of one kind: JSON's true is not 1."""
    return isinstance(found, bool) is isinstance(wanted, bool) and bool(found == wanted)


def _text(found: Any) -> str:
    return found if isinstance(found, str) else json.dumps(found)


def _in_words(when: When) -> str:
    subject = when.header or (when.pointer if when.pointer is not None else "the body")
    if when.absent:
        return f"{subject} is absent"
    if when.equals:
        return f"{subject} is {' or '.join(map(repr, when.equals))}"
    return f"{subject} holds {' or '.join(map(repr, when.holds))}" if when.holds else f"{subject} is there"
