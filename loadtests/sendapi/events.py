"""What became of a message, in the words of a webhook: SendGrid's events, Twilio's status callbacks."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import Fate
from loadtests.sendapi.letters import letters

SENDGRID_EVENT = {"delivered": "delivered", "later": "deferred", "never": "bounce", "expired": "dropped"}
TWILIO_STATUS = {"delivered": "delivered", "later": "sent", "never": "undelivered", "expired": "failed"}
UNDELIVERED, VALIDITY_EXPIRED = "30008", "30036"
TWILIO = "twilio"

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
