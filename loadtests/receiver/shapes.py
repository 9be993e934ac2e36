"""What an event webhook's posts look like, provider by provider: where events stand, which say delivered.

SendGrid: an array of events. Twilio: a form for each change of status. Amazon SES: a notification inside
an SNS message, or bare. Postmark, Mailgun: one object a post. Formats are from memory of the providers'
public documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from loadtests.targets.delivery_words import Delivery, EventFormat
from loadtests.targets.pointers import NOTHING, text_at, value_at

BadEvents = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True)
class Shape:
    """`status`: pointers to the word that says what happened, the first that leads anywhere counts; `list`:
    where events stand; `message`: the message's id ("" = anywhere in the event); `own`: the provider's own
    id of it; `identity`: what together tells an event from others, () = nothing does; `inside`: where a JSON
    text holds the event itself."""

    status: tuple[str, ...]
    delivered: tuple[str, ...]
    list: str = ""
    message: str = ""
    own: str = ""
    identity: tuple[str, ...] = ()
    form: bool = False
    inside: str = ""


SHAPES: dict[EventFormat, Shape] = {
    "sendgrid": Shape(("/event",), ("delivered",), identity=("/sg_event_id",)),
    "twilio": Shape(
        ("/MessageStatus", "/SmsStatus"),
        ("delivered",),
        own="/MessageSid",
        identity=("/MessageSid", "/MessageStatus"),
        form=True,
    ),
    "ses": Shape(
        ("/eventType", "/notificationType"),
        ("Delivery",),
        own="/mail/messageId",
        identity=("/mail/messageId", "/eventType", "/notificationType", "/delivery/recipients"),
        inside="/Message",
    ),
    "postmark": Shape(
        ("/RecordType",),
        ("Delivery",),
        own="/MessageID",
        identity=("/MessageID", "/RecordType", "/Recipient"),
    ),
    "mailgun": Shape(
        ("/event",),
        ("delivered",),
        list="/event-data",
        own="/message/headers/message-id",
        identity=("/id",),
    ),
}


@dataclass(frozen=True)
class Event:
    """One event. `text`: where its message's id is to be looked for; `own`: the provider's own id of it, "" =
    it names none; `identity`: "" = it cannot be told from
    others; `delivered`: whether it says so."""

    text: bytes
    own: str
    identity: str
    delivered: bool


def shape_of(delivery: Delivery) -> Shape:
    """The shape that a target file asks for."""
    if delivery.events != "generic":
        return SHAPES[delivery.events]
    identity = (delivery.event_id,) if delivery.event_id else ()
    return Shape((delivery.status,), delivery.delivered, delivery.list, delivery.id, delivery.id, identity)


def events_of(shape: Shape, body: bytes) -> Iterator[Event]:
    """Every event of a post. Raises one of BadEvents where it is no such post."""
    for found in _documents(shape, body):
        status = next((value for p in shape.status if (value := value_at(found, p)) is not NOTHING), None)
        named = [str(value) for p in shape.identity if (value := value_at(found, p)) is not NOTHING]
        of = value_at(found, shape.message) if shape.message else found
        own = text_at(found, shape.own) if shape.own else ""
        yield Event(_text(of), own, "\n".join(named), status in shape.delivered)


def _documents(shape: Shape, body: bytes) -> list[Any]:
    if shape.form:
        return [dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))]
    found = msgspec.json.decode(body)
    if shape.inside and isinstance(inside := value_at(found, shape.inside), str):
        found = _inside(inside)
    found = value_at(found, shape.list)
    return found if isinstance(found, list) else [] if found is NOTHING else [found]


def _inside(text: str) -> Any:
    """A notification is JSON; what SNS says of its own is not."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}


def _text(found: Any) -> bytes:
    if found is NOTHING:
        return b""
    return found.encode() if isinstance(found, str) else msgspec.json.encode(found)
