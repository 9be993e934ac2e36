"""What the target said: accepted, limited, rejected or failed, how many messages, when to come again."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from loadtests.replay.records import Reply
from loadtests.targets.target import Target
from loadtests.targets.wire import Replies, StatusPattern

RETRY_AFTER_S_MAX = 3600.0


class Reader:
    """Reads the replies of one target; `now_s` is the wall clock, seconds since 1970."""

    def __init__(self, target: Target, now_s: Callable[[], float] = time.time) -> None:
        self._rules = tuple(_Rules(operation.replies) for operation in target.operations)
        self._now_s = now_s

    def read(
        self, status: int, headers: bytes, body: bytes, messages: int, operation: int = 0
    ) -> tuple[Reply, int, float | None]:
        """(reply, messages accepted, seconds until it is worth coming again; None when the target is silent).

        `headers` is the raw block of header lines as received; it is looked at only when the reply is not
        ACCEPTED. `operation` is the index that `Target.operation_for` gave.
        """
        rules = self._rules[operation]
        reply = rules.of_status.get(status, Reply.FAILED)
        if reply is Reply.ACCEPTED and any(text in body for text in rules.rejected_texts):
            reply = Reply.REJECTED
        if reply is Reply.ACCEPTED:
            return reply, messages, None
        return reply, 0, self._come_again_s(rules, headers)

    def _come_again_s(self, rules: _Rules, headers: bytes) -> float | None:
        if rules.retry_after and (text := header(headers, rules.retry_after)):
            wait_s = _seconds(text, self._now_s)
        elif rules.reset_at and (text := header(headers, rules.reset_at)):
            wait_s = _until(text, self._now_s)
        else:
            return None
        return None if wait_s is None else min(max(0.0, wait_s), RETRY_AFTER_S_MAX)


class _Rules:
    """A file's reply rules with every status looked up beforehand."""

    def __init__(self, replies: Replies) -> None:
        self.retry_after = replies.retry_after.encode() if replies.retry_after else b""
        self.reset_at = replies.reset_at.encode() if replies.reset_at else b""
        self.rejected_texts = tuple(text.encode() for text in replies.rejected_texts)
        self.of_status: dict[int, Reply] = {}
        kinds = (
            (Reply.REJECTED, replies.rejected),
            (Reply.LIMITED, replies.limited),
            (Reply.ACCEPTED, replies.accepted),
        )
        for of_class in (True, False):
            for reply, patterns in kinds:
                for pattern in patterns:
                    if isinstance(pattern, str) is of_class:
                        self.of_status |= dict.fromkeys(_statuses(pattern), reply)


def _statuses(pattern: StatusPattern) -> range:
    if isinstance(pattern, int):
        return range(pattern, pattern + 1)
    return range(int(pattern[0]) * 100, int(pattern[0]) * 100 + 100)


def header(headers: bytes, name: bytes) -> str:
    """The value of the first header line called `name`, in any case; "" where there is none."""
    wanted = name.lower() + b":"
    for line in headers.splitlines():
        if line[: len(wanted)].lower() == wanted:
            return line[len(wanted) :].strip().decode("latin-1")
    return ""


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0.0 <= number < float("inf") else None


def _seconds(text: str, now_s: Callable[[], float]) -> float | None:
    """Retry-After (RFC 9110, 10.2.3): seconds or an HTTP date."""
    if (number := _number(text)) is not None:
        return number
    try:
        return parsedate_to_datetime(text).timestamp() - now_s()
    except ValueError:
        return None


def _until(text: str, now_s: Callable[[], float]) -> float | None:
    """A moment as seconds since 1970, as in X-RateLimit-Reset."""
    number = _number(text)
    return None if number is None else number - now_s()
