"""Postmark's wire: a code and words for each message."""

import msgspec
import pytest

from loadtests.sendapi.answer import Answer, Asked, Taken
from loadtests.sendapi.formats_postmark import BATCH, SINGLE, Postmark

TOKEN = {b"content-type": b"application/json", b"x-postmark-server-token": b"token"}
GOOD = {"From": "Shop <a@example.com>", "To": "b@example.com", "Subject": "s", "TextBody": "t"}


def asked(path, headers=TOKEN):
    return Asked("POST", path, path, headers)


def read(path, document):
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return Postmark().read(asked(path), body, "", "id")


def told(answer):
    return msgspec.json.decode(answer.body)


def test_a_good_message_is_answered_with_its_id_and_code_0():
    taken = read(SINGLE, GOOD | {"Tag": "flash", "MessageStream": "broadcast"})
    assert isinstance(taken, Taken)
    result = told(taken.answer)
    assert (result["ErrorCode"], result["To"]) == (0, "b@example.com")
    group = taken.request.groups[0]
    assert (group.ids, group.priority, group.campaign) == ([result["MessageID"]], "marketing", "flash")


def test_a_batch_is_answered_200_with_a_result_for_each_in_its_order():
    taken = read(BATCH, [GOOD, GOOD | {"To": "nobody"}, GOOD])
    assert isinstance(taken, Taken)
    assert taken.answer.status == 200
    assert [result["ErrorCode"] for result in told(taken.answer)] == [0, 300, 0]
    assert (taken.request.messages, taken.request.groups[0].places) == (2, [0, 2])


def test_a_batch_of_which_nothing_is_good_sends_nothing():
    taken = read(BATCH, [{}])
    assert isinstance(taken, Taken)
    assert (taken.request.messages, taken.request.groups) == (0, [])


@pytest.mark.parametrize(
    ("path", "document", "code"),
    [
        (SINGLE, b"{", 402),
        (SINGLE, [], 300),
        (SINGLE, GOOD | {"From": "nobody"}, 300),
        (SINGLE, GOOD | {"To": ",".join(["a@example.com"] * 51)}, 300),
        (SINGLE, GOOD | {"To": "b@example.com>"}, 300),
        (SINGLE, GOOD | {"Cc": "nobody"}, 300),
        (SINGLE, GOOD | {"Cc": False}, 300),
        (SINGLE, GOOD | {"MessageStream": False}, 300),
        (SINGLE, GOOD | {"HtmlBody": 3}, 300),
        (SINGLE, GOOD | {"TextBody": ""}, 300),
        (SINGLE, GOOD | {"Metadata": {"n": 1}}, 300),
        (BATCH, GOOD, 402),
        (BATCH, [], 402),
        (BATCH, [GOOD] * 501, 410),
    ],
)
def test_what_is_wrong_is_told_by_its_code(path, document, code):
    answer = read(path, document)
    assert isinstance(answer, Answer)
    assert (answer.status, told(answer)["ErrorCode"]) == (422, code)


def test_a_missing_or_wrong_token_and_another_kind_of_content_are_refused_before_the_body():
    wire = Postmark()
    json_only = {b"content-type": b"application/json"}
    assert told(wire.refuse(asked(SINGLE, json_only), ""))["ErrorCode"] == 10
    assert wire.refuse(asked(SINGLE), "other").status == 401
    assert wire.refuse(asked(SINGLE, TOKEN | {b"content-type": b"text/plain"}), "").status == 415
    assert wire.refuse(asked(SINGLE), "token") is None


def test_a_429_has_its_own_code_and_words():
    answer = Postmark().told(429, "too many requests", [])
    assert told(answer) == {"ErrorCode": 429, "Message": "Rate limit exceeded."}
