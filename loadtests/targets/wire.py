"""The words of a target file: how one HTTP operation is asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from loadtests.targets.addresses import checked_base_url
from loadtests.targets.answers import Replies
from loadtests.targets.auth import Auth, NoAuth
from loadtests.targets.slots import BodyText, HeaderName, MessageText, RequestText
from scenarios.words import Word

MESSAGES_PER_REQUEST_MAX = 10_000
Kind = Literal["send", "broadcast", "event", "webhook", "tracking"]
"""What a stream of the season asks of a target; `carries` may name it."""

OURS_TO_SET = frozenset({"host", "content-length", "connection", "transfer-encoding", "authorization"})
Encoding = Literal["json", "form", "multipart", "query", "text"]
CONTENT_TYPES: dict[Encoding, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data",
    "text": "text/plain; charset=utf-8",
}
"""Sent where the file states no Content-Type of its own."""


class Body(Word):
    """The body, written as the provider wants it, with `{{slots}}` where a value goes.

    Either `template`, the whole text, or `fields`, name to text, of which peakday makes a form, multipart
    parts or a query. `{{messages}}` is where `message`, once per message, goes, joined by `separator`;
    `{{variables}}` is a second such place for `variable`. Values are escaped as `encoding` asks, the text of
    `fields` too; of a template only what is filled in. Without `{{messages}}` a request carries one message.
    `{{recipient}}` is the kind of address that the channel has; `{{email}}`, `{{phone}}`, `{{device}}` are
    always that. "query" puts all of it behind the path and sends no body.
    """

    encoding: Encoding = "json"
    template: BodyText = ""
    fields: dict[str, BodyText] = Field(default_factory=dict)
    message: MessageText = ""
    separator: str = ","
    variable: MessageText = ""

    def texts(self) -> dict[str, str]:
        """What a request is made of, by its key in the file."""
        return {"template": self.template} if self.template else dict(self.fields)


class Operation(Word):
    """One HTTP operation that sends messages.

    `carries` lists streams by name, priority, channel or kind; empty = all. A stream's name beats its
    priority, which beats its channel, which beats its kind, which beats "all". `fan_out` "observed": one call
    reaches many, and how many is seen on the far side only; the call counts for as many messages as were due
    with it. `base_url` "" = the target's.
    """

    name: str = Field(min_length=1)
    carries: tuple[str, ...] = ()
    base_url: str = ""
    method: Literal["POST", "PUT", "PATCH", "GET"] = "POST"
    path: RequestText
    messages_per_request: int = Field(default=1, ge=1, le=MESSAGES_PER_REQUEST_MAX)
    fan_out: Literal["none", "observed"] = "none"
    auth: Auth = NoAuth()
    headers: dict[HeaderName, RequestText] = Field(default_factory=dict)
    body: Body
    replies: Replies = Replies()

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, url: str) -> str:
        return checked_base_url(url)

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, path: str) -> str:
        if not path.startswith("/") or " " in path:
            raise ValueError(f'{path!r} is not a path; write it from "/" on, without spaces')
        return path

    @field_validator("headers")
    @classmethod
    def _are_ours_to_set(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if name.lower() in OURS_TO_SET:
                raise ValueError(f"{name} is set by peakday itself; a key goes into [operation.auth]")
        return headers
