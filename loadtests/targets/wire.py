"""The words of a target file: how one HTTP operation is asked and answered, and what can be observed."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator

from scenarios.problems import nearest
from scenarios.words import Word

MESSAGES_PER_REQUEST_MAX = 10_000
REQUEST_SLOTS = (
    "campaign",
    "channel",
    "message_id",
    "customer_id",
    "recipient",
    "email",
    "phone",
    "device",
)
BODY_SLOTS = (*REQUEST_SLOTS, "messages")

SLOT = re.compile(r"\{\{([^{}]*)\}\}")
SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
PLACEHOLDER = re.compile(rf"{SLOT.pattern}|{SECRET.pattern}")
"""Group 1 is a slot's name, group 2 a secret's."""
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([A-Za-z0-9.-]+)")
_STATUS = re.compile(r"^([1-5])xx$")


def _known_slots(text: str, slots: tuple[str, ...]) -> str:
    for name in SLOT.findall(text):
        if name not in slots:
            near = nearest(name, slots)
            hint = f"; did you mean {{{{{near}}}}}?" if near else ""
            raise ValueError(f"unknown slot {{{{{name}}}}}; allowed: {', '.join(slots)}{hint}")
    return text


def _printable(text: str) -> str:
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
    return _addressed_safely(_known_slots(_printable(text), REQUEST_SLOTS))


def _body_text(text: str) -> str:
    return _addressed_safely(_known_slots(text, BODY_SLOTS))


def _message_text(text: str) -> str:
    return _addressed_safely(_known_slots(text, REQUEST_SLOTS))


def _token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", text):
        raise ValueError(f"{text!r} is not a header name")
    return text


Secret = Annotated[str, AfterValidator(_secret)]
HeaderName = Annotated[str, AfterValidator(_token)]
RequestText = Annotated[str, AfterValidator(_request_text)]


class NoAuth(Word):
    """The target asks for no key."""

    kind: Literal["none"] = "none"


class Bearer(Word):
    """`Authorization: Bearer <token>`."""

    kind: Literal["bearer"]
    token: Secret


class Basic(Word):
    """`Authorization: Basic <base64 user:password>`; the user may be plain text, the password may not."""

    kind: Literal["basic"]
    user: Annotated[str, AfterValidator(_printable)]
    password: Secret


class HeaderKey(Word):
    """A key in a header of its own, e.g. `X-Postmark-Server-Token`; `prefix` stands before it."""

    kind: Literal["header"]
    name: HeaderName
    value: Secret
    prefix: Annotated[str, AfterValidator(_printable)] = ""


def _kind(auth: Any) -> str | None:
    # A function, because Word looks at every field first and pydantic then takes no field's name here.
    found = auth.get("kind", "none") if isinstance(auth, dict) else getattr(auth, "kind", None)
    return found if isinstance(found, str) else None


Auth = Annotated[
    Annotated[NoAuth, Tag("none")]
    | Annotated[Bearer, Tag("bearer")]
    | Annotated[Basic, Tag("basic")]
    | Annotated[HeaderKey, Tag("header")],
    Discriminator(_kind),
]


class Body(Word):
    """The body, written as the provider wants it, with `{{slots}}` where a value goes.

    `template` is the whole body; its `{{messages}}` is where `message`, once per message, goes, joined by
    `separator`. Values are escaped as `encoding` asks. Without `{{messages}}` a request carries one message.
    `{{recipient}}` is the kind of address that the channel has; `{{email}}`, `{{phone}}`, `{{device}}` are
    always that.
    """

    encoding: Literal["json", "form", "text"] = "json"
    template: Annotated[str, AfterValidator(_body_text)]
    message: Annotated[str, AfterValidator(_message_text)] = ""
    separator: str = ","


StatusPattern = int | str


class Replies(Word):
    """What a status means: a number, or a class such as "4xx". A number beats a class; the rest has failed.

    `retry_after` names the header that says when to come again (seconds or an HTTP date), `reset_at`
    the one that gives the moment as seconds since 1970. An accepted reply whose body holds one of
    `rejected_texts` was rejected all the same.
    """

    accepted: tuple[StatusPattern, ...] = ("2xx",)
    limited: tuple[StatusPattern, ...] = (429,)
    rejected: tuple[StatusPattern, ...] = ("4xx",)
    rejected_texts: tuple[str, ...] = ()
    retry_after: HeaderName | None = "Retry-After"
    reset_at: HeaderName | None = None

    @field_validator("accepted", "limited", "rejected")
    @classmethod
    def _are_statuses(cls, patterns: tuple[StatusPattern, ...]) -> tuple[StatusPattern, ...]:
        for pattern in patterns:
            if isinstance(pattern, int) and 100 <= pattern <= 599:
                continue
            if isinstance(pattern, str) and _STATUS.match(pattern):
                continue
            raise ValueError(f'{pattern!r} is not a status; write 202 or "2xx"')
        return patterns


class Operation(Word):
    """One HTTP operation that sends messages.

    `carries` lists channels or stream names; empty = all. A stream name beats a channel, which beats "all".
    """

    name: str = Field(min_length=1)
    carries: tuple[str, ...] = ()
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: RequestText
    messages_per_request: int = Field(default=1, ge=1, le=MESSAGES_PER_REQUEST_MAX)
    auth: Auth = NoAuth()
    headers: dict[HeaderName, RequestText] = Field(default_factory=dict)
    body: Body
    replies: Replies = Replies()

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        if not path.startswith("/") or " " in path:
            raise ValueError(f'{path!r} is not a path; write it from "/" on, without spaces')
        return path

    @field_validator("headers")
    @classmethod
    def _are_ours_to_set(cls, headers: dict[str, str]) -> dict[str, str]:
        ours = {"host", "content-length", "connection", "transfer-encoding", "authorization"}
        for name in headers:
            if name.lower() in ours:
                raise ValueError(f"{name} is set by peakday itself; a key goes into [operation.auth]")
        return headers


Meaning = Literal["received", "delivered", "backlog", "lost", "duplicated"]


class Observe(Word):
    """A figure on the target's far side, read while load runs: a number at `pointer` in the JSON at `url`.

    `url` is a path on the target's own base URL. `pointer` is an RFC 6901 JSON pointer. received, delivered,
    lost, duplicated are running totals of messages; backlog is the number waiting now. `provider`: whose part
    of it this is, "" = all there is.
    """

    name: str = Field(min_length=1)
    url: str = Field(pattern=r"^/[^\s]*$")
    pointer: str = Field(pattern=r"^(/[^/]*)+$")
    meaning: Meaning
    provider: str = ""
