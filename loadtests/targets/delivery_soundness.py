"""What spans several values of `[delivery]`: a webhook nobody knows of, words that mean nothing here."""

from __future__ import annotations

from collections.abc import Iterator

from loadtests.targets.addresses import place
from loadtests.targets.auth import QueryKey, SigV4
from loadtests.targets.delivery_words import Delivery
from loadtests.targets.slots import SLOT
from loadtests.targets.target_words import Target
from loadtests.targets.wire import Operation
from scenarios.complaints import Complaint

WEBHOOK_URL = "{{webhook_url}}"
SIGNED = ("sendgrid", "twilio", "mailgun")
"""Whose posts bear a signature that can be checked here. Amazon's needs a certificate from elsewhere."""
WAITING = ("observed", "settle", "quiet")
OF_A_FORMAT = ("status", "delivered", "list", "id", "event_id")
"""What a provider's format says by itself."""
WORDS_OF = {
    "webhook": ("events", "named_by", "port", "key", *OF_A_FORMAT),
    "poll": ("path", "auth", "status", "delivered", "ended", "sample", "rate"),
}
"""Which words mean something of which way, beside those of any."""


def delivery_complaints(delivery: Delivery, target: Target) -> Iterator[Complaint]:
    """Every mistake of the table that no single value shows."""
    for complaint in _complaints(delivery, target):
        yield Complaint(
            ("delivery", *complaint.path), complaint.message, complaint.allowed, points_at="value"
        )
    if delivery.observed == "stand-in" and target.behind is None:
        message = "the stand-in that deliveries are seen at is described in [behind], which is missing"
        yield Complaint(("delivery", "observed"), message)


def _complaints(delivery: Delivery, target: Target) -> Iterator[Complaint]:
    stated = delivery.model_fields_set
    known = {*WAITING, *WORDS_OF.get(delivery.observed, ())}
    for name in sorted(stated - known):
        ways = " or ".join(f'observed = "{way}"' for way, words in WORDS_OF.items() if name in words)
        yield Complaint((name,), f"means nothing where deliveries are {delivery.observed!r}", ways)
    if delivery.observed == "poll":
        yield from _poll(delivery)
    if delivery.observed != "webhook":
        return
    if delivery.events != "generic":
        for name in sorted(stated & set(OF_A_FORMAT)):
            message = f"the format of {delivery.events} says this by itself"
            yield Complaint((name,), message, 'events = "generic"')
    elif not delivery.status:
        yield Complaint(
            ("observed",), "what says in an event that it was delivered? write status", '"/event"'
        )
    if delivery.key is not None and delivery.events not in SIGNED:
        yield Complaint(("key",), f"signatures of {delivery.events} cannot be checked", ", ".join(SIGNED))
    yield from _address(delivery, target)
    if delivery.named_by == "reply":
        yield from _named_by_reply(delivery, target)


def _named_by_reply(delivery: Delivery, target: Target) -> Iterator[Complaint]:
    if delivery.events == "sendgrid":
        message = "SendGrid's events bear more than the id of the reply; they repeat what the request carried"
        yield Complaint(("named_by",), message, '"message"')
    if delivery.events == "generic" and not delivery.id:
        yield Complaint(("named_by",), "where in an event is the target's own id? write id", '"/message_id"')
    for operation in target.operations:
        of = operation.replies
        if of.message_id is None and of.message_id_header is None:
            message = f"the replies of operation {operation.name!r} do not say where they name the message"
            yield Complaint(("named_by",), message, 'message_id = "/id" or message_id_header in its replies')
        if operation.messages_per_request > 1 or operation.fan_out == "observed":
            message = f"a reply names one message; operation {operation.name!r} sends several a request"
            yield Complaint(("named_by",), message, 'messages_per_request = 1, or named_by = "message"')


def _poll(delivery: Delivery) -> Iterator[Complaint]:
    if not delivery.status:
        yield Complaint(("observed",), "what says that a message was delivered? write status", '"/status"')
    if not SLOT.search(delivery.path):
        message = "of which message is the status asked for? write path"
        yield Complaint(("observed",), message, '"/messages/{{message_id}}"')
    if isinstance(delivery.auth, QueryKey | SigV4):
        message = "a status is asked for with a header or none"
        yield Complaint(("auth",), message, "bearer, basic, header or none")


def _address(delivery: Delivery, target: Target) -> Iterator[Complaint]:
    if not delivery.port and not any(_tells(operation) for operation in target.operations):
        message = (
            f"the target does not learn where to post to: state the port that it is set up with, or put "
            f"{WEBHOOK_URL} into a request"
        )
        yield Complaint(("observed",), message)
    taken = [place(url)[2] for url in target.base_urls]
    if delivery.port and (delivery.port in taken or (target.behind and delivery.port == target.behind.port)):
        yield Complaint(("port",), "is taken by the target or its stand-in", "a port of its own")


def slot_complaints(target: Target) -> Iterator[Complaint]:
    """Requests that tell of a webhook where there is none."""
    if target.delivery is not None and target.delivery.observed == "webhook":
        return
    for at, operation in enumerate(target.operations):
        if _tells(operation):
            message = f"{WEBHOOK_URL} is nowhere: nothing listens for events"
            yield Complaint(("operation", at), message, '[delivery] observed = "webhook"', points_at="table")


def _tells(operation: Operation) -> bool:
    body = operation.body
    texts = [operation.path, *body.texts().values(), body.message, *operation.headers.values()]
    return any(WEBHOOK_URL in text for text in texts)
