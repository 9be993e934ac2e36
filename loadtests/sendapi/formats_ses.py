"""Amazon SES v2 SendEmail and SendBulkEmail as a wire: signed requests, AWS's errors, a status for each.

Shape: docs.aws.amazon.com/ses/latest/APIReference-V2 (SendEmail, SendBulkEmail, common errors); validation
messages are worded as AWS services word them, from memory. One request, or one bulk entry, is one message.
"""

from __future__ import annotations

import secrets
from typing import Any, get_args

import msgspec

from loadtests.sendapi.answer import Answer, Asked, Headers, Taken, json_answer
from loadtests.sendapi.aws_keys import refusal
from loadtests.sendapi.complaints_ses import of_bulk, of_destination, of_single
from loadtests.sendapi.formats import Accepted, Group
from scenarios.words import Channel, Priority

SINGLE, BULK = "/v2/email/outbound-emails", "/v2/email/outbound-bulk-emails"
ERRORS = {
    400: "BadRequestException",
    405: "MethodNotAllowedException",
    413: "RequestEntityTooLargeException",
    415: "UnsupportedMediaTypeException",
    429: "TooManyRequestsException",
    503: "ServiceUnavailableException",
}
Tags = dict[str, str]


class Ses:
    """The wire."""

    name = "ses"

    def carries(self, path: str) -> bool:
        """Single and bulk."""
        return path in (SINGLE, BULK)

    def refuse(self, asked: Asked, key: str) -> Answer | None:  # noqa: ARG002 - Wire's shape
        """415 for what is not JSON; the signature covers the body and is checked with it."""
        if b"authorization" not in asked.headers:
            return error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        kind = asked.content_type()
        known = kind in (b"application/json", b"application/x-amz-json-1.1", b"")
        return None if known else self.told(415, "Unable to parse the content type", [])

    def read(self, asked: Asked, body: bytes, key: str, message_id: str) -> Taken | Answer:  # noqa: ARG002 - Wire's shape
        """200 with ids, 403 for a bad signature, 400 with every bad field."""
        if wrong := refusal(asked, body, key):
            return error(403, *wrong)
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return error(400, "SerializationException", "the body is not valid JSON")
        if not isinstance(document, dict):
            return error(400, "SerializationException", "the body must be a JSON object")
        return _bulk(document) if asked.path == BULK else _single(document)

    def told(self, status: int, message: str, headers: Headers) -> Answer:
        """A refusal with AWS's name for it."""
        return error(status, ERRORS.get(status, "InternalFailure"), message, headers)


def error(status: int, kind: str, message: str, headers: Headers | None = None) -> Answer:
    """AWS's body and header of an error."""
    named = [(b"x-amzn-errortype", kind.encode()), *_request_id(), *(headers or [])]
    return json_answer(status, {"message": message}, named)


def _single(document: dict[str, Any]) -> Taken | Answer:
    if found := list(of_single(document)):
        return _invalid(found)
    message_id = _message_id()
    group = _group(_tags(document.get("EmailTags")), message_id)
    return Taken(Accepted([group], 1, sandbox=False), _ok({"MessageId": message_id}))


def _bulk(document: dict[str, Any]) -> Taken | Answer:
    entries = document.get("BulkEmailEntries")
    found = list(of_bulk(document))
    if found or not isinstance(entries, list):
        return _invalid(found)
    common = _tags(document.get("DefaultEmailTags"))
    results, groups = [], dict[tuple[Channel, Priority, str], Group]()
    for place, entry in enumerate(entries):
        path = f"bulkEmailEntries.{place + 1}.member.destination"
        if wrong := list(of_destination(entry.get("Destination"), path)):
            results.append({"Status": "INVALID_PARAMETER", "Error": wrong[0]})
            continue
        message_id = _message_id()
        one = _group(common | _tags(entry.get("ReplacementTags")), message_id)
        group = groups.setdefault((one.channel, one.priority, one.campaign), one)
        if group is not one:
            group.ids.extend(one.ids)
        group.places.append(place)
        results.append({"Status": "SUCCESS", "MessageId": message_id})
    messages = sum(len(group.ids) for group in groups.values())
    taken = Accepted(list(groups.values()), messages, sandbox=messages == 0)
    return Taken(taken, _ok({"BulkEmailEntryResults": results}))


def _ok(document: dict[str, Any]) -> Answer:
    return json_answer(200, document, _request_id())


def _invalid(found: list[str]) -> Answer:
    """All constraints that failed, in one message, as AWS services do."""
    noun = "error" if len(found) == 1 else "errors"
    return error(400, ERRORS[400], f"{len(found)} validation {noun} detected: {'; '.join(found)}")


def _tags(found: list[dict[str, str]] | None) -> Tags:
    """Tags by name."""
    return {tag["Name"]: tag["Value"] for tag in found or ()}


def _group(tags: Tags, message_id: str) -> Group:
    channel: Channel = next((c for c in get_args(Channel) if c == tags.get("channel")), "email")
    priority: Priority = next((p for p in get_args(Priority) if p == tags.get("priority")), "marketing")
    return Group(channel, priority, tags.get("campaign", ""), [tags.get("peakday_id", message_id)], [])


def _message_id() -> str:
    return f"0100{secrets.token_hex(6)}-{secrets.token_hex(4)}-{secrets.token_hex(10)}-000000"


def _request_id() -> Headers:
    return [(b"x-amzn-requestid", secrets.token_hex(16).encode())]
