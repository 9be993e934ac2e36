"""What the target said: accepted, limited, rejected or failed, how many messages, when to come again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from email.utils import parsedate_to_datetime

from loadtests.replay.fates import Reply
from loadtests.targets.pointers import text_at
from loadtests.targets.rules import Judged, Rules, decoded, header
from loadtests.targets.target import Target

RETRY_AFTER_S_MAX = 3600.0


class Reader:
    """Reads the replies of one target; `now_s` is the wall clock, seconds since 1970."""

    def __init__(self, target: Target, now_s: Callable[[], float] = time.time) -> None:
        self._rules = tuple(Rules(operation.replies) for operation in target.operations)
        self._now_s = now_s

    def read(
        self, status: int, headers: bytes, body: bytes, messages: int, operation: int = 0
    ) -> tuple[Reply, int, float | None]:
        """(reply, messages accepted, seconds until it is worth coming again; None when the target is silent).

        `headers` is the raw block of header lines as received. `operation` is the index that
        `Target.operation_for` gave.
        """
        rules = self._rules[operation]
        if rules.plain and rules.reply_of(status) is Reply.ACCEPTED:
            return Reply.ACCEPTED, messages, None
        judged = rules.judge(status, headers, body, messages)
        if judged.reply is Reply.ACCEPTED:
            return judged.reply, judged.accepted, None
        return judged.reply, judged.accepted, self.come_again_s(headers, operation)

    def plainly_accepted(self, operation: int) -> Collection[int]:
        """Statuses with which any reply accepts the whole request, whatever its headers and body say."""
        rules = self._rules[operation]
        return [status for status in range(200, 600) if rules.accepts_plainly(status)]

    def explain(self, status: int, headers: bytes, body: bytes, messages: int, operation: int = 0) -> Judged:
        """What `read` makes of it, with the rule that decided."""
        return self._rules[operation].judge(status, headers, body, messages)

    def message_id(self, headers: bytes, body: bytes, operation: int = 0) -> str:
        """What the target calls the message; "" where it does not say, or its file does not say where."""
        of = self._rules[operation].replies
        if of.message_id_header is not None:
            return header(headers, of.message_id_header)
        return "" if of.message_id is None else text_at(decoded(body), of.message_id)

    def come_again_s(self, headers: bytes, operation: int = 0) -> float | None:
        """Seconds until it is worth coming again; None when the headers do not say."""
        of = self._rules[operation].replies
        if of.retry_after and (text := header(headers, of.retry_after)):
            wait_s = _seconds(text, self._now_s)
        elif of.reset_in and (text := header(headers, of.reset_in)):
            wait_s = _number(text)
        elif of.reset_at and (text := header(headers, of.reset_at)):
            wait_s = _until(text, self._now_s)
        else:
            return None
        return None if wait_s is None else min(max(0.0, wait_s), RETRY_AFTER_S_MAX)


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
