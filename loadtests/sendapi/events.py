"""What became of a message, in the words of a webhook: SendGrid's events, Twilio's status callbacks, Amazon
SES's notifications inside SNS, Postmark's records. Shapes are from memory of the providers' documentation."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import Fate
from loadtests.sendapi.letters import letters

SENDGRID_EVENT = {"delivered": "delivered", "later": "deferred", "never": "bounce", "expired": "dropped"}
TWILIO_STATUS = {"delivered": "delivered", "later": "sent", "never": "undelivered", "expired": "failed"}
UNDELIVERED, VALIDITY_EXPIRED = "30008", "30036"
SES_EVENT = {"delivered": "Delivery", "later": "DeliveryDelay", "never": "Bounce", "expired": "Bounce"}
TWILIO, SES, POSTMARK = "twilio", "ses", "postmark"
TOPIC = "arn:aws:sns:eu-west-1:000000000000:peakday"

Event = dict[str, Any]


def sendgrid_events(
    lane: Lane, entry: Entry, places: Sequence[int], fate: Fate, attempt: int, now_s: float
) -> list[Event]:
    """One object a message, its custom arguments beside SendGrid's own fields."""
    letter = letters(entry)
    kind = SENDGRID_EVENT[fate.kind]
    common: Event = {
        "timestamp": int(now_s),
        "event": kind,
        "campaign": entry.campaign,
        "channel": lane.channel,
        "priority": lane.priority,
    }
    common |= {"response": "250 OK"} if kind == "delivered" else {"reason": fate.reason}
    common |= {"attempt": str(attempt)} if kind == "deferred" else {}
    common |= {"type": "bounce", "status": fate.reason[:3]} if kind == "bounce" else {}
    return [
        common
        | {
            "email": letter(place).recipients[0],
            "sg_event_id": secrets.token_urlsafe(16),
            "sg_message_id": f"{entry.message_id}.{place}",
            "peakday_id": entry.ids[place],
        }
        for place in places
    ]


def twilio_callback(entry: Entry, place: int, fate: Fate) -> dict[str, str]:
    """The fields of one status callback."""
    form = {name: values[-1] for name, values in parse_qs(entry.body.decode("utf-8", "replace")).items()}
    sid, status = entry.ids[place], TWILIO_STATUS[fate.kind]
    fields = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status}
    fields |= {"To": form.get("To", ""), "From": form.get("From", ""), "ApiVersion": "2010-04-01"}
    if fate.kind in ("never", "expired"):
        fields["ErrorCode"] = VALIDITY_EXPIRED if fate.kind == "expired" else UNDELIVERED
    return fields


def ses_notification(entry: Entry, place: int, fate: Fate, now_s: float) -> Event:
    """One SNS message with the event of one message inside, unsigned."""
    letter, kind, at = letters(entry)(place), SES_EVENT[fate.kind], _iso(now_s)
    recipients = list(letter.recipients)
    mail = {
        "timestamp": at,
        "messageId": entry.ids[place],
        "source": letter.sender,
        "destination": recipients,
    }
    details: dict[str, Event] = {
        "Delivery": {"timestamp": at, "recipients": recipients, "smtpResponse": "250 OK"},
        "DeliveryDelay": {"timestamp": at, "delayType": "General", "reason": fate.reason},
        "Bounce": {"timestamp": at, "bounceType": "Permanent", "reason": fate.reason},
    }
    name = kind[:1].lower() + kind[1:]
    message = msgspec.json.encode({"eventType": kind, "mail": mail, name: details[kind]}).decode()
    told = {"Type": "Notification", "MessageId": str(uuid.uuid4()), "TopicArn": TOPIC}
    return told | {"Message": message, "Timestamp": at}


def postmark_event(entry: Entry, place: int, fate: Fate, now_s: float) -> Event:
    """One record: a delivery, or a bounce - for now where it will be tried again."""
    recipient, at = letters(entry)(place).recipients[0], _iso(now_s)
    common: Event = {"MessageID": entry.ids[place], "Tag": entry.campaign, "ServerID": 0}
    if fate.kind == "delivered":
        return {"RecordType": "Delivery"} | common | {"Recipient": recipient, "DeliveredAt": at}
    kind = "Transient" if fate.kind == "later" else "HardBounce"
    bounce = {"Type": kind, "Email": recipient, "BouncedAt": at, "Description": fate.reason}
    return {"RecordType": "Bounce"} | common | bounce


def _iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
