"""Amazon SES v2 SendEmail and SendBulkEmail as a wire: signed requests, AWS's errors, a status for each.

Shape: docs.aws.amazon.com/ses/latest/APIReference-V2 (SendEmail, SendBulkEmail, common errors); validation
messages are worded as AWS services word them, from memory. One request, or one bulk entry, is one message.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from loadtests.sendapi.answer import Answer, Asked, Headers, Taken, json_answer
from loadtests.sendapi.aws_keys import refusal
from loadtests.sendapi.complaints import is_email
from loadtests.sendapi.formats import Accepted, Group
from scenarios.words import Channel, Priority

SINGLE, BULK = "/v2/email/outbound-emails", "/v2/email/outbound-bulk-emails"
RECIPIENTS_MAX = 50
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
    found = [
        *_sender(document),
        *_destination(document.get("Destination"), "destination"),
        *_content(document),
    ]
    if found:
        return _invalid(found)
    message_id = _message_id()
    group = _group(_tags(document.get("EmailTags")), message_id)
    return Taken(Accepted([group], 1, sandbox=False), _ok({"MessageId": message_id}))


def _bulk(document: dict[str, Any]) -> Taken | Answer:
    entries = document.get("BulkEmailEntries")
    found = [*_sender(document), *_entries(entries), *_default_content(document)]
    if found or not isinstance(entries, list):
        return _invalid(found)
    common = _tags(document.get("DefaultEmailTags"))
    results, groups = [], dict[tuple[Channel, Priority, str], Group]()
    for place, entry in enumerate(entries):
        wrong = list(
            _destination(entry.get("Destination"), f"bulkEmailEntries.{place + 1}.member.destination")
        )
        if wrong:
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


def _null(field: str) -> str:
    return f"Value at '{field}' failed to satisfy constraint: Member must not be null"


def _sender(document: dict[str, Any]) -> Iterator[str]:
    sender = document.get("FromEmailAddress")
    if sender is None:
        yield _null("fromEmailAddress")
    elif not is_email(_bare(sender)):
        yield "Value at 'fromEmailAddress' failed to satisfy constraint: Missing or invalid address"


def _destination(found: Any, path: str) -> Iterator[str]:
    if not isinstance(found, dict):
        yield _null(path)
        return
    addresses = [found.get(f"{kind}Addresses") or [] for kind in ("To", "Cc", "Bcc")]
    if not all(isinstance(kind, list) for kind in addresses):
        yield f"Value at '{path}' failed to satisfy constraint: addresses must be lists"
        return
    everybody = [address for kind in addresses for address in kind]
    if not everybody:
        yield f"Value at '{path}' failed to satisfy constraint: Member must have at least one recipient"
    if len(everybody) > RECIPIENTS_MAX:
        yield f"Recipient count exceeds {RECIPIENTS_MAX}"
    for address in everybody:
        if not is_email(_bare(address)):
            yield f"Value at '{path}' failed to satisfy constraint: Illegal address {address!r}"


def _content(document: dict[str, Any]) -> Iterator[str]:
    content = document.get("Content")
    if not isinstance(content, dict) or not content.keys() & {"Simple", "Raw", "Template"}:
        yield _null("content")
        return
    if "Simple" not in content:
        return
    simple = content["Simple"] if isinstance(content["Simple"], dict) else {}
    for field in ("Subject", "Body"):
        if not isinstance(simple.get(field), dict):
            yield _null(f"content.simple.{field.lower()}")
    subject = simple.get("Subject")
    if isinstance(subject, dict) and not isinstance(subject.get("Data"), str):
        yield _null("content.simple.subject.data")


def _default_content(document: dict[str, Any]) -> Iterator[str]:
    content = document.get("DefaultContent")
    if not isinstance(content, dict):
        yield _null("defaultContent")
    elif not isinstance(content.get("Template"), dict):
        yield _null("defaultContent.template")


def _entries(found: Any) -> Iterator[str]:
    if not isinstance(found, list) or not found:
        yield _null("bulkEmailEntries")
    elif len(found) > RECIPIENTS_MAX:
        at_most = f"at most {RECIPIENTS_MAX} destinations"
        yield f"Value at 'bulkEmailEntries' failed to satisfy constraint: {at_most}"
    elif not all(isinstance(entry, dict) for entry in found):
        yield "Value at 'bulkEmailEntries' failed to satisfy constraint: Members must be structures"


def _bare(address: Any) -> Any:
    """`Name <a@example.com>` without the name."""
    if isinstance(address, str) and address.endswith(">"):
        return address[:-1].rpartition("<")[2]
    return address


def _tags(found: Any) -> Tags:
    """Tags by name; what is no tag says nothing."""
    pairs = [tag for tag in found if isinstance(tag, dict)] if isinstance(found, list) else []
    return {str(tag.get("Name")): str(tag.get("Value")) for tag in pairs}


def _group(tags: Tags, message_id: str) -> Group:
    channel: Channel = next((c for c in get_args(Channel) if c == tags.get("channel")), "email")
    priority: Priority = next((p for p in get_args(Priority) if p == tags.get("priority")), "marketing")
    return Group(channel, priority, tags.get("campaign", ""), [tags.get("peakday_id", message_id)], [])


def _message_id() -> str:
    return f"0100{secrets.token_hex(6)}-{secrets.token_hex(4)}-{secrets.token_hex(10)}-000000"


def _request_id() -> Headers:
    return [(b"x-amzn-requestid", secrets.token_hex(16).encode())]
