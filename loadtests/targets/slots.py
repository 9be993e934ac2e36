"""Text with places: `{{slots}}` that a message fills, `${SECRETS}` that the environment fills."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from scenarios.problems import BadValueError, nearest

REQUEST_SLOTS = (
    "campaign",
    "channel",
    "priority",
    "count",
    "run_time",
    "message_id",
    "customer_id",
    "recipient",
    "email",
    "phone",
    "device",
    "webhook_url",
)
"""`count` is the number of messages in the request, `run_time` when the run began (ISO 8601, UTC),
`webhook_url` where `[delivery]` wants to hear what becomes of messages."""
POLL_SLOTS = ("message_id", "customer_id")
BODY_SLOTS = (*REQUEST_SLOTS, "messages", "variables")
FILTERS = ("json",)
"""`{{campaign|json}}` is escaped as JSON asks before its place escapes it: JSON inside a form's field."""

SLOT = re.compile(r"\{\{([^{}|]*)(?:\|([^{}]*))?\}\}")
SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
PLACEHOLDER = re.compile(rf"{SLOT.pattern}|{SECRET.pattern}")
"""Group 1 is a slot's name, group 2 its filter, group 3 a secret's name."""
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([A-Za-z0-9.-]+)")


def _known_slots(text: str, slots: tuple[str, ...]) -> str:
    for name, filtering in SLOT.findall(text):
        if name not in slots:
            near = nearest(name, slots)
            hint = f"; did you mean {{{{{near}}}}}?" if near else ""
            raise ValueError(f"unknown slot {{{{{name}}}}}; allowed: {', '.join(slots)}{hint}")
        if filtering and filtering not in FILTERS:
            raise BadValueError(f"unknown filter {filtering!r} in a slot", f"{{{{{name}|{FILTERS[0]}}}}}")
    return text


def printable(text: str) -> str:
    """`text`. Raises ValueError where it holds control characters."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("control characters are not allowed here")
    return text


def _addressed_safely(text: str) -> str:
    for domain in _EMAIL.findall(text):
        if domain.lower() != "example.com":
            raise ValueError(
                f"an address at {domain!r} could reach somebody; write @example.com, or {{{{recipient}}}} "
                "for the customer, or ${ENV_NAME} for your own sender"
            )
    return text


def _secret(text: str) -> str:
    if not SECRET.fullmatch(text):
        raise ValueError("a secret is never written down; write ${ENV_NAME} and set that variable")
    return text


def _request_text(text: str) -> str:
    return _addressed_safely(_known_slots(printable(text), REQUEST_SLOTS))


def _body_text(text: str) -> str:
    return _addressed_safely(_known_slots(text, BODY_SLOTS))


def _poll_text(text: str) -> str:
    if text and (not text.startswith("/") or " " in text):
        raise BadValueError("not a path", 'it from "/" on, like "/messages/{{message_id}}"')
    return _known_slots(printable(text), POLL_SLOTS)


def _message_text(text: str) -> str:
    return _addressed_safely(_known_slots(text, REQUEST_SLOTS))


def _token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text):
        raise ValueError(f"{text!r} is not a header name")
    return text


def _pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise BadValueError("not a JSON pointer (RFC 6901)", 'it from "/" on, like "/errors/0/code"')
    return text


PlainText = Annotated[str, AfterValidator(printable)]
Secret = Annotated[str, AfterValidator(_secret)]
HeaderName = Annotated[str, AfterValidator(_token)]
RequestText = Annotated[str, AfterValidator(_request_text)]
BodyText = Annotated[str, AfterValidator(_body_text)]
PollText = Annotated[str, AfterValidator(_poll_text)]
MessageText = Annotated[str, AfterValidator(_message_text)]
Pointer = Annotated[str, AfterValidator(_pointer)]
"""RFC 6901; "" is the whole document."""
