"""Requests as bytes: complete, exactly as long as they say, addressed to nobody real."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sendapi.formats import Accepted
from loadtests.sendapi.formats import read as read_as_the_api_does
from loadtests.targets.rendering import ID_MAX, Renderer
from loadtests.targets.target import Target, embedded_at
from scenarios.problems import UserError
from scenarios.words import CHANNELS

SENDGRID = Renderer(embedded_at("http://127.0.0.1:8025"), {"PEAKDAY_API_KEY": "key"}, run="r1")
FORM = Target.model_validate(
    {
        "base_url": "http://127.0.0.1:9/api",
        "operation": [
            {
                "name": "one",
                "path": "/m/{{campaign}}",
                "headers": {"Idempotency-Key": "{{message_id}}"},
                "auth": {"kind": "basic", "user": "u", "password": "${P}"},
                "body": {"encoding": "form", "template": "To={{recipient}}&Body={{campaign}}&k=${P}"},
            }
        ],
    }
)


def split(request: bytes) -> tuple[list[str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    return head.decode("ascii").split("\r\n"), body


def mail(request: bytes) -> Any:
    return json.loads(split(request)[1])


@given(
    first=st.integers(0, ID_MAX - 1000),
    messages=st.integers(1, 1000),
    channel=st.sampled_from(CHANNELS),
    campaign=st.text(st.characters(exclude_characters="@"), max_size=30),
)
def test_a_request_is_valid_json_of_its_stated_length_to_example_com_only(
    first: int, messages: int, channel: str, campaign: str
) -> None:
    lines, body = split(SENDGRID.render(first, messages, channel, campaign))
    assert lines[0] == "POST /v3/mail/send HTTP/1.1"
    assert f"Content-Length: {len(body)}" in lines
    people = json.loads(body)["personalizations"]
    assert [p["custom_args"]["peakday_id"] for p in people] == [
        f"r1-{first + i:012d}" for i in range(messages)
    ]
    expected = [f"customer-{first + i:012d}@example.com" for i in range(messages)]
    assert [p["to"][0]["email"] for p in people] == expected
    assert all(domain == "example.com" for domain in re.findall(r"@([\w.-]*)", body.decode()))


@given(first=st.integers(0, 5000), messages=st.integers(1, 1000))
def test_what_is_rendered_passes_the_reference_apis_own_checks(first: int, messages: int) -> None:
    accepted = read_as_the_api_does(split(SENDGRID.render(first, messages, "push", "flash"))[1], "m")
    assert isinstance(accepted, Accepted)
    assert [(g.channel, g.campaign) for g in accepted.groups] == [("push", "flash")]
    assert accepted.groups[0].ids == [f"r1-{first + i:012d}" for i in range(messages)]


def test_small_and_large_batches_are_the_same_text() -> None:
    alone = [mail(SENDGRID.render(997 + i, 1, "email", "c"))["personalizations"][0] for i in range(7)]
    assert mail(SENDGRID.render(997, 7, "email", "c"))["personalizations"] == alone


def test_an_earlier_request_is_not_changed_by_a_later_one() -> None:
    early = SENDGRID.render(0, 50, "email", "c")
    SENDGRID.render(5000, 50, "email", "c")
    assert mail(early)["personalizations"][0]["to"][0]["email"] == "customer-000000000000@example.com"


def test_a_key_in_a_header_and_the_host_with_its_port_are_sent() -> None:
    lines, _ = split(SENDGRID.render(1, 1, "email", "c"))
    assert {"Host: 127.0.0.1:8025", "Authorization: Bearer key"} <= set(lines)


def test_a_form_a_path_and_a_header_escape_what_is_put_into_them() -> None:
    lines, body = split(Renderer(FORM, {"P": "p&w"}, run="r").render(7, 1, "sms", 'a&b="c" ü\r\nX: y'))
    assert lines[0] == "POST /api/m/a%26b%3D%22c%22%20%C3%BC%0D%0AX%3A%20y HTTP/1.1"
    assert "Idempotency-Key: r-000000000007" in lines
    assert parse_qs(body.decode()) == {
        "To": ["+999000000000007"],
        "Body": ['a&b="c" ü\r\nX: y'],
        "k": ["p&w"],
    }


def test_a_campaign_that_looks_like_a_secret_or_a_slot_stays_text() -> None:
    sent = mail(SENDGRID.render(1, 1, "email", "${PEAKDAY_API_KEY} {{recipient}} %s"))
    assert sent["custom_args"]["campaign"] == "${PEAKDAY_API_KEY} {{recipient}} %s"


def test_more_messages_than_a_request_may_hold_are_refused() -> None:
    for messages in (0, 1001):
        with pytest.raises(UserError, match="1 to 1000"):
            SENDGRID.render(1, messages, "email", "c")
    with pytest.raises(ValueError, match="ids"):
        SENDGRID.render(ID_MAX, 2, "email", "c")


def test_a_stream_that_no_operation_carries_is_refused() -> None:
    only_sms = FORM.model_copy(
        update={"operations": (FORM.operations[0].model_copy(update={"carries": ("sms",)}),)}
    )
    with pytest.raises(UserError, match="no operation"):
        Renderer(only_sms, {"P": "p"}).render(1, 1, "email", "c")
