"""What a target said, read by the rules of its file."""

from __future__ import annotations

import pytest

from loadtests.replay.fates import Reply
from loadtests.targets.replies import RETRY_AFTER_S_MAX, Reader
from loadtests.targets.target import Target, embedded_at

NOW_S = 1_800_000_000.0
SENDGRID = Reader(embedded_at("http://127.0.0.1:1"), now_s=lambda: NOW_S)


@pytest.mark.parametrize(
    ("status", "reply", "accepted"),
    [
        (202, Reply.ACCEPTED, 5),
        (200, Reply.ACCEPTED, 5),
        (204, Reply.FAILED, 0),
        (301, Reply.FAILED, 0),
        (400, Reply.REJECTED, 0),
        (429, Reply.LIMITED, 0),
        (503, Reply.FAILED, 0),
    ],
)
def test_a_status_is_read_by_number_before_class_and_redirects_are_failures(
    status: int, reply: Reply, accepted: int
) -> None:
    assert SENDGRID.read(status, b"", b"", 5)[:2] == (reply, accepted)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        (b"Retry-After: 3\r\n", 3.0),
        (b"content-length: 0\r\nRETRY-AFTER:2\r\n", 2.0),
        (b"Retry-After: Fri, 15 Jan 2027 08:00:10 GMT\r\n", 10.0),
        (b"X-RateLimit-Reset: 1800000004\r\n", 4.0),
        (b"X-RateLimit-Reset: 1799999999\r\n", 0.0),
        (b"Retry-After: 999999999\r\n", RETRY_AFTER_S_MAX),
        (b"Retry-After: soon\r\n", None),
        (b"Retry-After: nan\r\n", None),
        (b"X-Retry-After: 3\r\n", None),
        (b"", None),
    ],
)
def test_a_limited_reply_says_when_to_come_again(headers: bytes, wait_s: float | None) -> None:
    assert SENDGRID.read(429, headers, b"", 1)[2] == wait_s


def test_an_accepted_status_with_a_telling_body_was_rejected() -> None:
    operation = embedded_at("http://127.0.0.1:1").operations[0]
    replies = operation.replies.model_copy(update={"rejected_texts": ('"ok":false',)})
    target = Target.model_construct(operations=(operation.model_copy(update={"replies": replies}),))
    assert Reader(target).read(200, b"", b'{"ok":false}', 2)[:2] == (Reply.REJECTED, 0)
    assert Reader(target).read(200, b"", b'{"ok":true}', 2)[:2] == (Reply.ACCEPTED, 2)
