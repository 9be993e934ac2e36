"""Posts of every shipped format: where the events stand, which say delivered, which message they name."""

import json
from urllib.parse import urlencode

import pytest

from loadtests.arrivals import Found, find
from loadtests.receiver.shapes import SHAPES, BadEvents, events_of, shape_of
from loadtests.targets.delivery_words import Delivery

ADDRESS = "customer-000000000012@example.com"


def ses(kind):
    notification = {"eventType": kind, "mail": {"messageId": "m-1", "destination": [ADDRESS]}}
    return {"Type": "Notification", "MessageId": "sns-1", "Message": json.dumps(notification)}


def mailgun(kind):
    signature = {"timestamp": "1", "token": "t", "signature": "s"}
    message = {"headers": {"message-id": "m-1"}}
    event = {"event": kind, "id": "e-1", "recipient": ADDRESS, "message": message}
    return {"signature": signature, "event-data": event}


POSTS = {
    "sendgrid": lambda good: json.dumps(
        [{"event": "delivered" if good else "processed", "email": ADDRESS, "sg_event_id": "e-1"}]
    ),
    "twilio": lambda good: urlencode(
        {"MessageSid": "SM1", "MessageStatus": "delivered" if good else "sent", "To": "+999000000000012"}
    ),
    "ses": lambda good: json.dumps(ses("Delivery" if good else "Send")),
    "postmark": lambda good: json.dumps(
        {"RecordType": "Delivery" if good else "Bounce", "MessageID": "m-1", "Recipient": ADDRESS}
    ),
    "mailgun": lambda good: json.dumps(mailgun("delivered" if good else "accepted")),
}


def read(shape, text):
    return list(events_of(shape, text.encode()))


@pytest.mark.parametrize("name", POSTS)
def test_each_format_says_which_message_was_delivered(name):
    for good in (True, False):
        (event,) = read(SHAPES[name], POSTS[name](good))
        assert event.delivered is good
        assert find(event.text).numbers == (12,)
        assert event.identity


@pytest.mark.parametrize(
    ("name", "own"), [("twilio", "SM1"), ("ses", "m-1"), ("postmark", "m-1"), ("mailgun", "m-1")]
)
def test_each_format_names_the_message_by_the_id_of_the_reply(name, own):
    (event,) = read(SHAPES[name], POSTS[name](True))
    assert event.own == own


def test_of_generic_events_the_pointer_to_the_id_leads_to_the_own_id():
    generic = Delivery(observed="webhook", status="/is", id="/message/id", named_by="reply")
    found = read(shape_of(generic), '[{"is": "delivered", "message": {"id": 71}}, {"is": "sent"}]')
    assert [event.own for event in found] == ["71", ""]


def test_every_format_that_a_target_file_may_name_has_its_post_here():
    assert set(SHAPES) == set(POSTS)


@pytest.mark.parametrize("name", POSTS)
@pytest.mark.parametrize("text", ["", "{", "[1", "\udcff"])
def test_what_is_no_such_post_is_refused_or_says_nothing(name, text):
    body = text.encode("utf-8", "surrogateescape")
    try:
        assert not any(event.delivered for event in events_of(SHAPES[name], body))
    except BadEvents:
        return


def test_ses_may_post_bare_and_sns_speaks_of_itself():
    bare = ses("Delivery")["Message"]
    assert [event.delivered for event in read(SHAPES["ses"], bare)] == [True]
    confirmation = {"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"}
    assert [event.delivered for event in read(SHAPES["ses"], json.dumps(confirmation))] == [False]


def test_events_of_one_s_own_are_found_by_pointers():
    generic = Delivery(
        observed="webhook",
        port=1,
        list="/data/events",
        status="/what/state",
        delivered=("arrived", "read"),
        id="/ref",
        event_id="/n",
    )
    events = [
        {"n": n, "ref": f"ab12cd34-{n:012d}", "what": {"state": state}, "cc": "customer-000000000099@x"}
        for n, state in enumerate(("arrived", "queued", "read"))
    ]
    found = read(shape_of(generic), json.dumps({"data": {"events": events}}))
    assert [event.delivered for event in found] == [True, False, True]
    assert [find(event.text) for event in found] == [Found(0xAB12CD34, (n,)) for n in range(3)]
    assert [event.identity for event in found] == ["0", "1", "2"]
    assert read(shape_of(generic), json.dumps({"data": {}})) == []
