"""Every shipped format against a real server that reads and answers as the provider documents."""

from __future__ import annotations

import base64
import email.parser
import email.policy
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from loadtests.replay.fates import Reply
from loadtests.targets import credentials, safety
from loadtests.targets.probing import exchange, probe
from loadtests.targets.rendering import Renderer
from loadtests.targets.replies import Reader
from loadtests.targets.target import at, resolve, shipped, shipped_names
from scenarios.words import CHANNELS

KEY, ACCOUNT = credentials.DUMMY_KEY, credentials.DUMMY_ACCOUNT
FATES = {
    "accepted": Reply.ACCEPTED,
    "limited": Reply.LIMITED,
    "rejected": Reply.REJECTED,
    "partly": Reply.PARTLY,
}


def reply(status: int, document: Any = None, **headers: str) -> Any:
    body = b"" if document is None else json.dumps(document).encode()
    return status, {name.replace("_", "-"): text for name, text in headers.items()}, body


def bearer(request: Any) -> None:
    assert request.headers["authorization"] == f"Bearer {KEY}"


def basic(request: Any, user: str) -> None:
    wanted = base64.b64encode(f"{user}:{KEY}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {wanted}"


def document_of(request: Any, kind: str = "application/json") -> Any:
    assert request.headers["content-type"] == kind
    return json.loads(request.body)


def of_example_com(*addresses: str) -> None:
    assert all(address.endswith("@example.com") for address in addresses)


def sendgrid(request: Any, fate: str, messages: int) -> Any:
    bearer(request)
    assert (request.method, request.path) == ("POST", "/v3/mail/send")
    mail = document_of(request)
    assert len(mail["personalizations"]) == messages
    assert mail["content"][0]["type"] == "text/plain"
    assert all(isinstance(value, str) for value in mail["custom_args"].values())
    limited = {"errors": [{"field": None, "message": "too many requests"}]}
    return {
        "accepted": lambda: reply(202, X_Message_Id="m1"),
        "limited": lambda: reply(429, limited, X_RateLimit_Limit="500", X_RateLimit_Reset="4000000000"),
        "rejected": lambda: reply(400, {"errors": [{"message": "bad", "field": "from", "help": None}]}),
    }[fate]()


def twilio(request: Any, fate: str, messages: int) -> Any:
    basic(request, ACCOUNT)
    assert request.path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    fields = dict(parse_qsl(request.body.decode(), strict_parsing=True))
    assert {"To", "From", "Body"} <= fields.keys()
    assert fields["To"].removeprefix("whatsapp:").startswith("+999")
    assert fields["To"].startswith("whatsapp:") is fields["From"].startswith("whatsapp:")
    overflow = {"code": 21611, "message": "This From number has exceeded the maximum", "status": 400}
    return {
        "accepted": lambda: reply(201, {"sid": "SM1", "status": "queued", "error_code": None}),
        "limited": lambda: reply(429, {"code": 20429, "message": "Too Many Requests", "status": 429}),
        "overflow": lambda: reply(400, overflow),
        "rejected": lambda: reply(400, {"code": 21211, "message": "Invalid 'To' Number", "status": 400}),
    }[fate]()


def braze(request: Any, fate: str, messages: int) -> Any:
    bearer(request)
    document = document_of(request)
    if request.path == "/users/track":
        assert len(document["events"]) == messages
        assert all({"external_id", "name", "time"} <= event.keys() for event in document["events"])
    else:
        assert request.path == "/messages/send"
        assert len(set(document["external_user_ids"])) == messages
        assert document["messages"].keys() <= {"email", "sms", "apple_push", "android_push", "whats_app"}
    processed = {"accepted": messages, "partly": messages - 2, "rejected": 0}.get(fate, 0)
    good = {"message": "success", "dispatch_id": "d1", "events_processed": processed}
    limits = {"X_RateLimit_Limit": "250000", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "4000000000"}
    if fate == "limited":
        return reply(429, {"message": "You have exceeded your request limit"}, **limits)
    if fate == "rejected" and request.path != "/users/track":
        return reply(400, {"message": "Invalid API request"})
    return reply(201, good)


def klaviyo(request: Any, fate: str, messages: int) -> Any:
    assert request.headers["authorization"] == f"Klaviyo-API-Key {KEY}"
    assert request.headers["revision"].count("-") == 2
    assert request.path == "/api/events"
    data = document_of(request, "application/vnd.api+json")["data"]
    assert data["type"] == "event"
    assert data["attributes"]["metric"]["data"]["attributes"]["name"]
    of_example_com(data["attributes"]["profile"]["data"]["attributes"]["email"])
    errors = {
        "errors": [{"id": "1", "status": 400, "code": "invalid", "title": "Invalid input.", "detail": "x"}]
    }
    return {
        "accepted": lambda: reply(202),
        "limited": lambda: reply(429, {"errors": []}, Retry_After="1"),
        "rejected": lambda: reply(400, errors),
    }[fate]()


def ses(request: Any, fate: str, messages: int) -> Any:
    credential = f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/"
    assert request.headers["authorization"].startswith(credential)
    document = document_of(request)
    of_example_com(document["FromEmailAddress"])
    good: Any = {"MessageId": "0100-1"}
    if request.path == "/v2/email/outbound-bulk-emails":
        entries = document["BulkEmailEntries"]
        assert len(entries) == messages
        of_example_com(*(address for entry in entries for address in entry["Destination"]["ToAddresses"]))
        status = {
            "partly": "ACCOUNT_THROTTLED",
            "throttled": "ACCOUNT_THROTTLED",
            "rejected": "MAIL_FROM_DOMAIN_NOT_VERIFIED",
        }
        first = 1 if fate == "partly" else 0 if fate in status else messages
        results = [{"Status": "SUCCESS", "MessageId": str(n)} for n in range(first)]
        results += [{"Status": status[fate], "Error": "no"} for _ in range(messages - first)]
        good = {"BulkEmailEntryResults": results}
    else:
        assert request.path == "/v2/email/outbound-emails"
        of_example_com(*document["Destination"]["ToAddresses"])
        assert document["Content"]["Simple"]["Subject"]["Data"]
        if fate == "rejected":
            return reply(
                400, {"message": "Email address is not verified"}, x_amzn_ErrorType="MessageRejected"
            )
    if fate == "limited":
        return reply(400, {"message": "Rate exceeded"}, x_amzn_ErrorType="ThrottlingException:http://x/")
    return reply(200, good)


def mailgun(request: Any, fate: str, messages: int) -> Any:
    basic(request, "api")
    assert request.path == f"/v3/{ACCOUNT}/messages"
    head = b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n"
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    fields = {
        p.get_param("name", header="content-disposition"): p.get_content().rstrip("\n")
        for p in form.iter_parts()
    }
    recipients = fields["to"].split(",")
    of_example_com(*recipients)
    assert len(recipients) == messages
    assert set(json.loads(fields["recipient-variables"])) == set(recipients)
    return {
        "accepted": lambda: reply(200, {"id": "<1@x>", "message": "Queued. Thank you."}),
        "limited": lambda: reply(429, {"message": "Too many requests"}, Retry_After="2"),
        "rejected": lambda: reply(400, {"message": "'to' parameter is not a valid address"}),
    }[fate]()


def postmark(request: Any, fate: str, messages: int) -> Any:
    assert request.headers["x-postmark-server-token"] == KEY
    document = document_of(request)
    mails = document if request.path == "/email/batch" else [document]
    assert len(mails) == messages
    assert all({"From", "To", "Subject", "TextBody"} <= mail.keys() for mail in mails)
    of_example_com(*(mail["To"] for mail in mails))
    if fate == "limited":
        return reply(429, {"ErrorCode": 429, "Message": "Rate limit exceeded"})
    good, bad = (
        {"ErrorCode": 0, "Message": "OK", "MessageID": "b7"},
        {"ErrorCode": 406, "Message": "Inactive"},
    )
    if request.path == "/email":
        return reply(422, bad) if fate == "rejected" else reply(200, bad if fate == "inactive" else good)
    refused = {"accepted": 0, "partly": 3, "rejected": messages}[fate]
    return reply(200, [bad] * refused + [good] * (messages - refused))


def onesignal(request: Any, fate: str, messages: int) -> Any:
    assert request.headers["authorization"] == f"Key {KEY}"
    assert request.path == "/notifications"
    document = document_of(request)
    assert document["app_id"] == ACCOUNT
    aliases = document["include_aliases"]["external_id"]
    assert len(aliases) == messages
    assert document["target_channel"] in ("push", "sms", "email")
    invalid = {"invalid_aliases": {"external_id": aliases[:2]}}
    return {
        "accepted": lambda: reply(200, {"id": "n1", "external_id": None}),
        "limited": lambda: reply(429, {"errors": ["API rate limit exceeded."]}, Retry_After="5"),
        "rejected": lambda: reply(200, {"id": "", "errors": ["All included players are not subscribed"]}),
        "partly": lambda: reply(200, {"id": "n1", "errors": invalid}),
    }[fate]()


def fcm(request: Any, fate: str, messages: int) -> Any:
    bearer(request)
    assert request.path == f"/v1/projects/{ACCOUNT}/messages:send"
    message = document_of(request)["message"]
    assert message["token"]
    assert all(isinstance(value, str) for value in message["data"].values())
    quota = {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}
    gone = {"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}}
    return {
        "accepted": lambda: reply(200, {"name": "projects/p/messages/1"}),
        "limited": lambda: reply(429, quota, Retry_After="60"),
        "rejected": lambda: reply(404, gone),
    }[fate]()


def webhook(request: Any, fate: str, messages: int) -> Any:
    bearer(request)
    assert request.headers["idempotency-key"] == document_of(request)["id"]
    return {
        "accepted": lambda: reply(204),
        "limited": lambda: reply(503, {"error": "later"}, Retry_After="1"),
        "rejected": lambda: reply(422, {"error": "no such recipient"}),
    }[fate]()


PROVIDERS: dict[str, Callable[[Any, str, int], Any]] = {
    "sendgrid": sendgrid,
    "embedded": sendgrid,
    "twilio": twilio,
    "braze": braze,
    "klaviyo-events": klaviyo,
    "ses": ses,
    "mailgun": mailgun,
    "postmark": postmark,
    "onesignal": onesignal,
    "fcm": fcm,
    "webhook": webhook,
}
STREAMS = [
    # name, operation, (channel, stream, priority), messages, fates beyond the usual three
    ("sendgrid", "send", ("push", "flash", "marketing"), 1000, ()),
    ("embedded", "send", ("email", "flash", "transactional"), 1, ()),
    ("twilio", "sms", ("sms", "flash & more", "marketing"), 1, ("overflow",)),
    ("twilio", "whatsapp", ("whatsapp", "flash", "transactional"), 1, ()),
    ("braze", "messages-send-email", ("email", 'fl"ash', "marketing"), 50, ()),
    ("braze", "messages-send-sms", ("sms", "flash", "marketing"), 3, ()),
    ("braze", "messages-send-push", ("push", "flash", "marketing"), 7, ()),
    ("braze", "messages-send-whatsapp", ("whatsapp", "flash", "marketing"), 1, ()),
    ("braze", "users-track", ("email", "tracking", "marketing"), 75, ("partly",)),
    ("klaviyo-events", "events", ("sms", "flash", "marketing"), 1, ()),
    ("ses", "bulk", ("email", "flash", "marketing"), 50, ("partly", "throttled")),
    ("ses", "single", ("email", "reset", "transactional"), 1, ()),
    ("mailgun", "messages", ("email", 'fl"ash', "marketing"), 1000, ()),
    ("postmark", "batch", ("email", "flash", "marketing"), 500, ("partly",)),
    ("postmark", "single", ("email", "reset", "transactional"), 1, ("inactive",)),
    ("onesignal", "push", ("push", "flash", "marketing"), 2000, ("partly",)),
    ("onesignal", "sms", ("sms", "flash", "marketing"), 5, ()),
    ("onesignal", "email", ("email", "flash", "marketing"), 9, ()),
    ("fcm", "send", ("push", "flash", "marketing"), 1, ()),
    ("webhook", "webhook", ("whatsapp", "flash", "marketing"), 1, ()),
]
CASES = [
    pytest.param(*stream[:4], fate, id=f"{stream[0]}-{stream[1]}-{fate}")
    for stream in STREAMS
    for fate in ("accepted", "limited", "rejected", *stream[4])
]
SAME_AS = {"overflow": Reply.LIMITED, "throttled": Reply.LIMITED, "inactive": Reply.REJECTED}
LEFT_OUT = {"braze": 2, "ses": 49, "postmark": 3, "onesignal": 2}


@pytest.mark.parametrize(("name", "operation", "stream", "messages", "fate"), CASES)
def test_the_provider_can_read_the_request_and_its_reply_is_read_right(
    name: str, operation: str, stream: tuple[str, str, str], messages: int, fate: str, answering: Any
) -> None:
    wrong: list[str] = []

    def answers(request: Any) -> Any:
        try:
            return PROVIDERS[name](request, fate, messages)
        except (AssertionError, KeyError, ValueError) as error:
            wrong.append(repr(error))
            return reply(500)

    target = resolve(f"{name}+{answering(answers).url}")
    index = target.operation_for(*stream)
    assert target.operations[index].name == operation
    request = Renderer(target, credentials.environment(target, {})).render(7, messages, *stream)
    answer = exchange(safety.check(target), request)
    assert not wrong
    read, accepted, wait_s = Reader(target).read(answer.status, answer.head, answer.body, messages, index)
    assert read is FATES.get(fate, SAME_AS.get(fate))
    left_out = LEFT_OUT[name] if fate == "partly" else 0 if fate == "accepted" else messages
    assert accepted == messages - left_out
    if any(header in answer.head for header in (b"Retry-After", b"RateLimit-Reset")):
        assert wait_s is not None
        assert wait_s > 0.0


def test_every_shipped_format_is_proven_and_says_where_it_was_read() -> None:
    assert set(PROVIDERS) == set(shipped_names()) == {stream[0] for stream in STREAMS}
    for name in set(shipped_names()) - {"embedded"}:
        proven = {stream[1] for stream in STREAMS if stream[0] == name}
        assert proven == {operation.name for operation in shipped(name).operations}
        assert shipped(name).source


@pytest.mark.parametrize("name", shipped_names())
def test_every_operation_can_be_probed_by_name_and_address_alone(name: str, answering: Any) -> None:
    server = answering(lambda request: PROVIDERS[name](request, "accepted", 1))
    target = at(shipped(name), server.url).model_copy(update={"observe": ()})
    for operation in target.operations:
        found = probe(
            target, [(channel, channel, "marketing") for channel in CHANNELS], operation=operation.name
        )
        assert (found.reply, found.accepted) == ("accepted", 1), found
