"""Twilio Messages as a wire: one message a request, form-urlencoded, one numbered error at a time.

Shape and numbers: twilio.com/docs/messaging/api/message-resource and /docs/api/errors (20003, 20429, 21211,
21212, 21602, 21603, 21604, 21617). The numbers of a 413 and a 415 are guesses. Twilio names the first bad
field only.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
import time
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from loadtests.sendapi.answer import Answer, Asked, Headers, Taken, json_answer
from loadtests.sendapi.formats import Accepted, Group

BODY_LETTERS_MAX = 1600
HELP = "https://www.twilio.com/docs/errors/"
CODES = {405: 20004, 413: 20413, 415: 20415, 429: 20429, 503: 20503}

ACCOUNT = "AC[0-9a-f]{32}"
NUMBER = r"(?:whatsapp:)?\+[1-9][0-9]{6,14}"
SENDER = rf"{NUMBER}|[0-9]{{3,8}}|[A-Za-z0-9 ]{{1,11}}"

_ROUTE = re.compile(r"/2010-04-01/Accounts/(.*)/Messages\.json", re.DOTALL).fullmatch
_ACCOUNT = re.compile(ACCOUNT).fullmatch
_NUMBER = re.compile(NUMBER).fullmatch
_SENDER = re.compile(SENDER).fullmatch


class Twilio:
    """The wire."""

    name = "twilio"

    def carries(self, path: str) -> bool:
        """The messages of any account."""
        return _ROUTE(path) is not None

    def refuse(self, asked: Asked, key: str) -> Answer | None:
        """404 for what is no account, 401 without its SID and token, 415 for what is no form."""
        route = _ROUTE(asked.path)
        if route is None or not _ACCOUNT(route[1]):
            return error(404, 20404, "The requested resource was not found")
        if not _is_basic(asked.headers.get(b"authorization", b""), route[1], key):
            return error(401, 20003, "Authenticate")
        if asked.content_type() != b"application/x-www-form-urlencoded":
            return self.told(415, "Content-Type should be application/x-www-form-urlencoded", [])
        return None

    def read(self, asked: Asked, body: bytes, key: str, message_id: str) -> Taken | Answer:  # noqa: ARG002 - Wire's shape
        """201 with the message as a resource, 400 with the first bad field."""
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if wrong := _wrong(fields):
            return error(400, *wrong)
        sid = f"SM{secrets.token_hex(16)}"
        channel = "whatsapp" if fields["To"].startswith("whatsapp:") else "sms"
        group = Group("whatsapp" if channel == "whatsapp" else "sms", "marketing", "", [sid], [])
        resource = _resource(sid, asked.path, fields)
        return Taken(Accepted([group], 1, sandbox=False), json_answer(201, resource, _request_headers()))

    def told(self, status: int, message: str, headers: Headers) -> Answer:
        """A refusal with Twilio's number for it."""
        if status == 429:
            message, headers = "Too Many Requests", [*headers, (b"twilio-concurrent-requests", b"1")]
        return error(status, CODES.get(status, 20000 + status), message, headers)


def error(status: int, code: int, message: str, headers: Headers | None = None) -> Answer:
    """Twilio's body of an error."""
    document = {"code": code, "message": message, "more_info": f"{HELP}{code}", "status": status}
    return json_answer(status, document, [*_request_headers(), *(headers or [])])


def _wrong(fields: dict[str, str]) -> tuple[int, str] | None:
    """Number and words of the first bad field."""
    to, sender = fields.get("To", ""), fields.get("From", "")
    if not to:
        return 21604, "A 'To' phone number is required."
    if not sender and not fields.get("MessagingServiceSid"):
        return 21603, "A 'From' phone number is required."
    if not fields.get("Body") and not fields.get("MediaUrl") and not fields.get("ContentSid"):
        return 21602, "Message body is required."
    if _NUMBER(to) is None:
        return 21211, f"The 'To' number {to} is not a valid phone number."
    if sender and _SENDER(sender) is None:
        return (
            21212,
            f"The 'From' number {sender} is not a valid phone number, shortcode, or alphanumeric sender ID.",
        )
    if len(fields.get("Body", "")) > BODY_LETTERS_MAX:
        return 21617, f"The concatenated message body exceeds the {BODY_LETTERS_MAX} character limit"
    return None


def _resource(sid: str, path: str, fields: dict[str, str]) -> dict[str, Any]:
    now = formatdate(time.time()).replace("-0000", "+0000")
    base = path.removesuffix(".json")
    return {
        "account_sid": base.split("/")[3],
        "api_version": "2010-04-01",
        "body": fields.get("Body", ""),
        "date_created": now,
        "date_sent": None,
        "date_updated": now,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": fields.get("From"),
        "messaging_service_sid": fields.get("MessagingServiceSid"),
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{base}/{sid}/Media.json"},
        "to": fields["To"],
        "uri": f"{base}/{sid}.json",
    }


def _request_headers() -> Headers:
    return [(b"twilio-request-id", f"RQ{secrets.token_hex(16)}".encode())]


def _is_basic(authorization: bytes, account: str, key: str) -> bool:
    scheme, _, given = authorization.partition(b" ")
    try:
        user, found, password = base64.b64decode(given, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return False
    if scheme.lower() != b"basic" or user != account or not (found and password):
        return False
    return not key or hmac.compare_digest(password.encode(), key.encode())
