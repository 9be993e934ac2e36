"""Postmark /email and /email/batch as a wire: one document or up to 500 of them, a code and words for each.

Shape and codes: postmarkapp.com/developer (email API, error codes 10, 300, 402, 410, 429). A batch is
answered 200 even where some of its messages are refused; each has a result of its own. Wordings are from
memory.
"""

from __future__ import annotations

import hmac
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

from loadtests.sendapi.answer import Answer, Asked, Headers, Taken, json_answer
from loadtests.sendapi.complaints import is_email
from loadtests.sendapi.formats import Accepted, Group

SINGLE, BATCH = "/email", "/email/batch"
MESSAGES_MAX = 500
RECIPIENTS_MAX = 50
BAD_TOKEN, INVALID, NOT_JSON, TOO_MANY = 10, 300, 402, 410
TEXTS = ("Subject", "Tag", "MessageStream", "HtmlBody", "TextBody")
CODES = {429: 429, 503: 100}
"""100 is "Maintenance"; other refusals of a request as a whole have 0 behind their status."""

_NAMED = re.compile(r"[^<>]*<([^<>]+)>").fullmatch
Result = dict[str, Any]


class Postmark:
    """The wire."""

    name = "postmark"

    def carries(self, path: str) -> bool:
        """Single and batch."""
        return path in (SINGLE, BATCH)

    def refuse(self, asked: Asked, key: str) -> Answer | None:
        """401 without a server token, 415 for what is not JSON."""
        given = asked.headers.get(b"x-postmark-server-token", b"")
        if not given or (key and not hmac.compare_digest(given, key.encode())):
            return error(401, BAD_TOKEN, "No Account or Server API tokens were supplied or they are wrong.")
        if asked.content_type() != b"application/json":
            return self.told(415, "The Content-Type header must be application/json.", [])
        return None

    def read(self, asked: Asked, body: bytes, key: str, message_id: str) -> Taken | Answer:  # noqa: ARG002 - Wire's shape
        """200 with a result for each message, 422 with what is wrong with the first."""
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return error(422, NOT_JSON, "Received invalid JSON input.")
        if asked.path == BATCH:
            return _batch(document)
        if wrong := _wrong(document):
            return error(422, INVALID, wrong)
        result = _accepted(document)
        return Taken(_taken([document], [result["MessageID"]], []), json_answer(200, result))

    def told(self, status: int, message: str, headers: Headers) -> Answer:
        """A refusal of the request as a whole."""
        if status == 429:
            message = "Rate limit exceeded."
        return error(status, CODES.get(status, 0), message, headers)


def error(status: int, code: int, message: str, headers: Headers | None = None) -> Answer:
    """Postmark's body of an error."""
    return json_answer(status, {"ErrorCode": code, "Message": message}, headers)


def _batch(document: Any) -> Taken | Answer:
    if not isinstance(document, list) or not document:
        return error(422, NOT_JSON, "A batch is a JSON array of messages.")
    if len(document) > MESSAGES_MAX:
        return error(422, TOO_MANY, f"A batch is limited to {MESSAGES_MAX} messages.")
    results: list[Result] = []
    for message in document:
        wrong = _wrong(message)
        results.append({"ErrorCode": INVALID, "Message": wrong} if wrong else _accepted(message))
    places = [place for place, result in enumerate(results) if result["ErrorCode"] == 0]
    ids = [results[place]["MessageID"] for place in places]
    return Taken(_taken([document[place] for place in places], ids, places), json_answer(200, results))


def _taken(messages: list[dict[str, Any]], ids: list[str], places: list[int]) -> Accepted:
    campaign = str(messages[0].get("Tag") or "") if messages else ""
    stream = messages[0].get("MessageStream") if messages else ""
    group = Group("email", "marketing" if stream == "broadcast" else "transactional", campaign, ids, places)
    return Accepted([group] if ids else [], len(ids), sandbox=not ids)


def _accepted(message: dict[str, Any]) -> Result:
    now = datetime.now(UTC).isoformat()
    told = {"To": message["To"], "SubmittedAt": now, "MessageID": str(uuid.uuid4())}
    return told | {"ErrorCode": 0, "Message": "OK"}


def _wrong(message: Any) -> str:
    """What is wrong with one message first, "" = nothing."""
    if not isinstance(message, dict):
        return "A message must be a JSON object."
    if not _are_emails(message.get("From"), 1):
        return "Invalid 'From' address."
    for kind in ("To", "Cc", "Bcc"):
        if (kind == "To" or message.get(kind) not in (None, "")) and not _are_emails(
            message.get(kind), RECIPIENTS_MAX
        ):
            return f"Invalid '{kind}' address; a message has 1 to {RECIPIENTS_MAX} recipients."
    for kind in TEXTS:
        if not isinstance(message.get(kind, ""), str | None):
            return f"'{kind}' must be a string."
    if not any(message.get(kind) for kind in ("HtmlBody", "TextBody")):
        return "Provide either email TextBody or HtmlBody or both."
    metadata = message.get("Metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        return "Metadata must be an object of strings."
    return ""


def _are_emails(found: Any, most: int) -> bool:
    """Whether it is a list of addresses as Postmark writes one: separated by commas, names allowed."""
    if not isinstance(found, str):
        return False
    parts = [part.strip() for part in found.split(",")]
    bare = [match[1] if (match := _NAMED(part)) else part for part in parts]
    return len(bare) <= most and all(is_email(address.strip()) for address in bare)
