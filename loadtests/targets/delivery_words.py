"""The words for how a target's deliveries are seen: told by its event webhook, asked for, or at its exit."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_serializer, field_validator

from loadtests.replay.stencils import ID_DIGITS
from loadtests.targets.auth import Auth, NoAuth
from loadtests.targets.slots import SLOT, Pointer, PollText, Secret
from scenarios.quantities import PerSecond, Seconds
from scenarios.words import Word

Way = Literal["webhook", "poll", "stand-in", "none"]
EventFormat = Literal["sendgrid", "twilio", "ses", "postmark", "mailgun", "generic"]
NamedBy = Literal["message", "reply"]


class Delivery(Word):
    """How it is seen that a message which the target accepted was delivered.

    `observed`: "webhook", the target posts what becomes of messages to a receiver that peakday starts on
    loopback; "poll", a status URL is asked for each message of a sample; "stand-in", the provider that
    `[behind]` plays took it; "none", deliveries are not looked at. `settle`: how long is waited at most,
    after a replay, until no delivery has come for `quiet`; what was accepted and not seen by then is lost.

    `events` names a provider's format or "generic". `port` 0 = a free one: the target then learns the address
    from `{{webhook_url}}` in a request. `key` checks signatures (sendgrid: the verification key, twilio: the
    auth token, mailgun: the signing key); what is signed wrongly is refused. Of generic events, `status`
    points to the word that says what happened, `delivered` are the words for that, `list` points to where
    they stand ("" = the whole body: one event, or a list), `id` to the message's id ("" = found anywhere in
    the event), `event_id` to what tells a repeated post from a second delivery. `named_by`: an event names
    its message by what the request carried ("message": its id, address or number), or by the id that the
    target gave it in the reply ("reply": the operation's `replies` say where that stands).

    Poll: GET of `path`, below the target's base URL, with `auth`; `status` and `delivered` as of events,
    `ended` are words after which nothing more comes. At most `sample` messages of a replay are followed,
    evenly spread, by at most `rate` requests a second in all.
    """

    observed: Way
    settle: Seconds = 10.0
    quiet: Seconds = Field(default=2.0, gt=0)
    events: EventFormat = "generic"
    named_by: NamedBy = "message"
    port: int = Field(default=0, ge=0, le=65535)
    key: Secret | None = None
    status: Pointer = ""
    delivered: tuple[str, ...] = ("delivered",)
    list: Pointer = ""
    id: Pointer = ""
    event_id: Pointer = ""
    path: PollText = ""
    auth: Auth = NoAuth()
    ended: tuple[str, ...] = ()
    sample: int = Field(default=200, ge=1, le=10_000)
    rate: PerSecond = Field(default=50.0, gt=0, le=1000.0)

    @field_validator("delivered")
    @classmethod
    def _are_some(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if not words:
            raise ValueError("no word would ever mean delivered")
        return words

    @field_serializer("settle", "quiet")
    def _duration(self, value: float) -> str:
        return f"{value!r}s"

    @field_serializer("rate")
    def _rate(self, value: float) -> str:
        return f"{value!r}/s"

    def path_of(self, run: str, number: int) -> str:
        """Where a message's status is asked for."""
        digits = f"{number:0{ID_DIGITS}d}"
        values = {"message_id": f"{run}-{digits}", "customer_id": digits}
        return SLOT.sub(lambda match: values[match[1]], self.path)

    @property
    def webhook_url(self) -> str:
        """Where the target is to post to, once the receiver has its port; "" where there is none."""
        return f"http://127.0.0.1:{self.port}/events" if self.observed == "webhook" and self.port else ""
