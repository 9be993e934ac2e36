"""Fates of messages as posts to a webhook: in their provider's words, signed as it signs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import Fate
from loadtests.sendapi.events import (
    POSTMARK,
    SES,
    TWILIO,
    postmark_event,
    sendgrid_events,
    ses_notification,
    twilio_callback,
)
from loadtests.sendapi.signatures import twilio_signature

if TYPE_CHECKING:
    from loadtests.sendapi.ecdsa import EcdsaKey

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Happened:
    """Messages of one entry that met one fate."""

    lane: Lane
    entry: Entry
    places: Sequence[int]
    fate: Fate
    attempt: int
    at: float


@dataclass(frozen=True)
class Post:
    """One request to a webhook, without the headers that every one has."""

    headers: dict[str, str]
    body: bytes
    events: int


@dataclass(frozen=True)
class Signing:
    """What posts to `url` are signed with: `key` SendGrid's events (None: unsigned), `token` Twilio's
    callbacks. Amazon's would need a certificate that Amazon signed; Postmark does not sign."""

    url: str
    key: EcdsaKey | None
    token: str


def posts(batch: Sequence[Happened], signing: Signing, now_s: float) -> Iterator[Post]:
    """Whoever has an event a message posts each by itself; the others one array for all in a row."""
    for wire, group in groupby(batch, key=lambda one: one.entry.wire):
        if wire in EACH:
            each = EACH[wire]
            yield from (each(one, place, signing) for one in group for place in one.places)
        else:
            yield _events_post(list(group), signing.key, now_s)


def _events_post(group: list[Happened], key: EcdsaKey | None, now_s: float) -> Post:
    events = [
        event
        for one in group
        for event in sendgrid_events(one.lane, one.entry, one.places, one.fate, one.attempt, one.at)
    ]
    body = msgspec.json.encode(events)
    signed = {} if key is None else _signed(body, key, str(int(now_s)))
    return Post(JSON | signed, body, len(events))


def _signed(body: bytes, key: EcdsaKey, timestamp: str) -> dict[str, str]:
    return {
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        "X-Twilio-Email-Event-Webhook-Signature": key.sign(timestamp, body),
    }


def _callback(one: Happened, place: int, signing: Signing) -> Post:
    fields = twilio_callback(one.entry, place, one.fate)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": twilio_signature(signing.token, signing.url, fields),
    }
    return Post(headers, urlencode(fields).encode(), 1)


def _notification(one: Happened, place: int, _: Signing) -> Post:
    body = msgspec.json.encode(ses_notification(one.entry, place, one.fate, one.at))
    headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
    return Post(headers, body, 1)


def _postmark(one: Happened, place: int, _: Signing) -> Post:
    return Post(JSON, msgspec.json.encode(postmark_event(one.entry, place, one.fate, one.at)), 1)


EACH: dict[str, Callable[[Happened, int, Signing], Post]] = {
    TWILIO: _callback,
    SES: _notification,
    POSTMARK: _postmark,
}
