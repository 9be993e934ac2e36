"""SendGrid's wire format: what is accepted, and how every bad field is named."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.sendapi.complaints import complaints
from loadtests.sendapi.complaints_ses import of_bulk
from loadtests.sendapi.formats import Accepted, Refused, read


def answer(document: Any) -> Accepted | Refused:
    return read(json.dumps(document).encode(), "request-1")


def bad_fields(document: Any) -> list[str | None]:
    refused = answer(document)
    assert isinstance(refused, Refused)
    return [error.field for error in refused.errors]


def accepted(document: Any) -> Accepted:
    found = answer(document)
    assert isinstance(found, Accepted), found
    return found


def test_a_personalization_is_a_message_and_keeps_its_own_id(mail) -> None:
    found = accepted(mail(messages=3, first=70))
    assert found.messages == 3
    assert [group.ids for group in found.groups] == [["70", "71", "72"]]


def test_a_message_without_an_id_is_named_by_its_request_and_place(mail) -> None:
    document = mail(messages=2)
    for person in document["personalizations"]:
        del person["custom_args"]
    assert accepted(document).groups[0].ids == ["request-1.0", "request-1.1"]
    assert accepted(document | {"custom_args": {"peakday_id": "9"}}).groups[0].ids == ["9.0", "9.1"]


def test_a_request_without_custom_args_is_marketing_email(mail) -> None:
    (group,) = accepted(mail()).groups
    assert (group.channel, group.priority, group.campaign) == ("email", "marketing", "")


def test_messages_of_one_request_part_by_channel_priority_and_campaign(mail) -> None:
    document = mail(messages=3, custom_args={"channel": "sms", "campaign": "launch"})
    document["personalizations"][1]["custom_args"] |= {"channel": "push", "priority": "transactional"}
    found = {(g.channel, g.priority, g.campaign): (g.ids, g.places) for g in accepted(document).groups}
    assert found == {
        ("sms", "marketing", "launch"): (["0", "2"], [0, 2]),
        ("push", "transactional", "launch"): (["1"], [1]),
    }


def test_sandbox_mode_is_recognised(mail) -> None:
    assert accepted(mail(mail_settings={"sandbox_mode": {"enable": True}})).sandbox
    assert not accepted(mail(mail_settings={"sandbox_mode": {"enable": False}})).sandbox


def test_a_template_stands_for_subject_and_content(mail) -> None:
    document = mail(template_id="d-1")
    del document["subject"], document["content"]
    assert accepted(document).messages == 1


def test_subjects_of_every_personalization_stand_for_the_common_one(mail) -> None:
    document = mail(messages=2)
    del document["subject"]
    document["personalizations"][0]["subject"] = "for you"
    assert bad_fields(document) == ["subject"]
    document["personalizations"][1]["subject"] = "and for you"
    assert accepted(document).messages == 2


def test_all_bad_fields_are_named_at_once_in_the_order_of_the_document(mail) -> None:
    document = mail(messages=3, subject="", content=[], custom_args={"channel": "fax"})
    document["personalizations"][0]["to"][0]["email"] = "nobody"
    document["personalizations"][1]["to"] = []
    document["personalizations"][2]["cc"] = [{"email": "a@example.com"}, {"email": "a b@example.com"}]
    document["from"] = {"name": "Shop"}
    assert bad_fields(document) == [
        "personalizations.0.to.0.email",
        "personalizations.1.to",
        "personalizations.2.cc.1.email",
        "from.email",
        "subject",
        "content",
        "custom_args.channel",
    ]


@pytest.mark.parametrize("count", [0, 1001])
def test_the_number_of_personalizations_is_bounded(mail, count: int) -> None:
    assert "personalizations" in bad_fields(mail(messages=count))


def test_a_thousand_recipients_are_the_most_counting_copies(mail) -> None:
    document = mail(messages=1000)
    assert accepted(document).messages == 1000
    document["personalizations"][17]["bcc"] = [{"email": "one-more@example.com"}]
    assert bad_fields(document) == ["personalizations"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"text"', b"null", b"\xff\xfe", b'{"a": "\xff"}'])
def test_what_is_no_json_object_is_one_bad_request(body: bytes) -> None:
    refused = read(body, "request-1")
    assert isinstance(refused, Refused)
    assert [(error.message, error.field) for error in refused.errors] == [("Bad Request", None)]


def test_deep_nesting_is_refused_not_fatal() -> None:
    assert isinstance(read(b'{"personalizations":' + b"[" * 100_000, "request-1"), Refused)


@pytest.mark.parametrize(
    "email",
    [
        "plain",
        "@example.com",
        "a@",
        "a@b",
        "a b@example.com",
        "a@example..com",
        "a@b@example.com",
        "",
        7,
        None,
    ],
)
def test_an_invalid_address_is_named(mail, email: Any) -> None:
    document = mail()
    document["personalizations"][0]["to"][0]["email"] = email
    assert bad_fields(document) == ["personalizations.0.to.0.email"]


def test_a_line_break_does_not_smuggle_a_second_address_in(mail) -> None:
    document = mail()
    document["personalizations"][0]["to"][0]["email"] = "a@example.com\nb@example.com"
    assert bad_fields(document) == ["personalizations.0.to.0.email"]


@pytest.mark.parametrize(
    "email", ["a@example.com", "a.b+c@shop.example.com", "o'neil@example.com", "x_1@e-x.com"]
)
def test_a_valid_address_is_taken(mail, email: str) -> None:
    document = mail()
    document["personalizations"][0]["to"][0]["email"] = email
    assert accepted(document).messages == 1


_anything: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from(["", "x", "a@example.com", "a@example.com\n", "sms", "fax", "transactional"]),
    st.lists(st.sampled_from(["", "a@example.com", 1]), max_size=2),
    st.just({}),
    st.just({"email": "b@example.com"}),
    st.just([{"email": "b@example.com"}]),
    st.just([{"email": "b"}]),
    st.just({"enable": 1}),
)


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(deeper for key, child in children for deeper in _paths(child, (*path, key)))]


_FULL = {
    "personalizations": [
        {
            "to": [{"email": "a@example.com"}],
            "cc": [{"email": "b@example.com"}],
            "bcc": [],
            "subject": "s",
            "custom_args": {"peakday_id": "1", "channel": "sms", "priority": "marketing", "campaign": "c"},
        },
        {"to": [{"email": "c@example.com"}]},
    ],
    "from": {"email": "d@example.com"},
    "subject": "s",
    "content": [{"type": "text/plain", "value": "v"}],
    "template_id": "",
    "custom_args": {"channel": "email"},
    "mail_settings": {"sandbox_mode": {"enable": False}},
}
_changes = st.lists(
    st.tuples(st.sampled_from([p for p in _paths(_FULL) if p]), st.one_of(st.just(...), _anything)),
    max_size=3,
)


def _changed(document: Any, path: tuple[Any, ...], value: Any) -> None:
    """Set or (with ...) remove what is at `path`, where it is still there."""
    for key in path[:-1]:
        try:
            document = document[key]
        except (KeyError, IndexError, TypeError):
            return
    try:
        if value is ...:
            del document[path[-1]]
        else:
            document[path[-1]] = copy.deepcopy(value)
    except (KeyError, IndexError, TypeError):
        return


@settings(max_examples=400, deadline=None)
@given(_changes)
def test_the_typed_and_the_untyped_reading_agree_on_every_document(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    document = copy.deepcopy(_FULL)
    for path, value in changes:
        _changed(document, path, value)
    assert isinstance(answer(document), Accepted) == (complaints(document) == [])


@pytest.mark.parametrize("tags", [3.3e241, True, "campaign", {"Name": "a"}, [1], [{"Name": "a"}]])
def test_tags_of_ses_that_are_no_tags_are_named_whatever_they_are(tags: object) -> None:
    entries = [{"Destination": {"ToAddresses": ["a@example.com"]}, "ReplacementTags": tags}]
    template = {"Template": {"TemplateName": "t"}}
    document = {"FromEmailAddress": "a@example.com", "BulkEmailEntries": entries, "DefaultContent": template}
    document["DefaultEmailTags"] = tags
    places = [line.split("'")[1] for line in of_bulk(document)]
    assert places == ["bulkEmailEntries.1.member.replacementTags", "defaultEmailTags"]
