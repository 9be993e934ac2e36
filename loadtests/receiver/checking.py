"""Whether a post to a webhook bears its provider's signature."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qsl

import msgspec

from loadtests.sendapi.answer import Asked
from loadtests.sendapi.signatures import twilio_signature
from loadtests.targets.delivery_words import EventFormat


def is_signed(events: EventFormat, key: str, asked: Asked, body: bytes) -> bool:
    """Whether whoever has `key` sent it; for formats without a signature nobody did."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in asked.headers.items()}
    match events:
        case "sendgrid":
            return _by_sendgrid(key, headers, body)
        case "twilio":
            return _by_twilio(key, headers, asked.target, body)
        case "mailgun":
            return _by_mailgun(key, body)
        case _:
            return False


def _by_sendgrid(key: str, headers: Mapping[str, str], body: bytes) -> bool:
    from loadtests.sendapi.ecdsa import sendgrid_signed  # loads what only this format needs

    stamp = headers.get("x-twilio-email-event-webhook-timestamp", "")
    return sendgrid_signed(key, stamp, body, headers.get("x-twilio-email-event-webhook-signature", ""))


def _by_twilio(key: str, headers: Mapping[str, str], target: str, body: bytes) -> bool:
    """Twilio signs the URL as it was told it: that of this receiver."""
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    wanted = twilio_signature(key, f"http://{headers.get('host', '')}{target}", fields)
    return hmac.compare_digest(wanted.encode(), headers.get("x-twilio-signature", "").encode())


def _by_mailgun(key: str, body: bytes) -> bool:
    """HMAC-SHA256 of timestamp and token, hexadecimal, beside the event."""
    try:
        found = msgspec.json.decode(body, type=_Mailgun).signature
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    wanted = hmac.new(key.encode(), f"{found.timestamp}{found.token}".encode(), sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), found.signature.encode())


class _Signature(msgspec.Struct):
    timestamp: str | int
    token: str
    signature: str


class _Mailgun(msgspec.Struct):
    signature: _Signature
