"""A provider behind the send path: which channels it carries, its limits, where the figures come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, TypeAdapter

from scenarios import words
from scenarios.deferrals import IpWarmUp, MailboxDeferral, PacedQueue
from scenarios.limits import (
    ClockHour,
    ConcurrencyCap,
    DailyCap,
    FixedWindow,
    LimitWord,
    RefilledBucket,
    RollingQuota,
    SwitchOff,
    TokenBucket,
)
from scenarios.profiles import with_profile
from scenarios.quantities import DURATION_ALLOWED, RATE_ALLOWED, Allowed, Seconds, Share
from scenarios.season import Delay
from scenarios.words import Channel, Word


def kind(limit: Any) -> str:
    """A limit that names no kind is a token bucket. What it is asked by is told to users by this name."""
    return words.kind(limit, default="token bucket")


Limit = Annotated[
    Annotated[TokenBucket, Tag("token bucket")]
    | Annotated[FixedWindow, Tag("fixed window")]
    | Annotated[ClockHour, Tag("clock hour")]
    | Annotated[RefilledBucket, Tag("refilled bucket")]
    | Annotated[DailyCap, Tag("daily cap")]
    | Annotated[RollingQuota, Tag("rolling quota")]
    | Annotated[ConcurrencyCap, Tag("concurrency cap")]
    | Annotated[SwitchOff, Tag("switch-off")]
    | Annotated[PacedQueue, Tag("paced queue")]
    | Annotated[MailboxDeferral, Tag("mailbox deferral")]
    | Annotated[IpWarmUp, Tag("ip warm-up")],
    Discriminator(kind),
]


_LIMIT: TypeAdapter[Any] = TypeAdapter(Limit)


class Provider(Word):
    """One provider account. `limits` all apply; `delay` is from acceptance to the customer's device.

    `partial_failure` is kind (j): the share of messages that fail inside a request answered 200; since the
    request succeeded, nobody sends them again. What its limits defer it tries again every `deferred_retry`
    until `deferred_expiry`. `standby`: it carries what the channel's other provider does not take.
    `retry_after`: its 429 says when to come again. `price` is of one message that it accepts, in your
    currency; without it nobody knows. What a `profile` says holds where the provider itself says nothing.
    """

    name: str
    profile: str = ""
    channels: tuple[Channel, ...]
    standby: bool = False
    limits: tuple[Limit, ...] = ()
    partial_failure: Share = 0.0
    retry_after: bool = False
    deferred_retry: Seconds = Field(default=900.0, gt=0)
    deferred_expiry: Seconds = Field(default=259_200.0, gt=0)
    delay: Delay = Delay(median="0s", sigma=0.0)
    price: float | None = Field(default=None, ge=0.0)
    source: str = ""
    read_on: date | None = None

    @classmethod
    def prepared(cls, table: dict[str, Any]) -> dict[str, Any]:
        """The table over its profile."""
        return with_profile(table)


def limit_of(table: Mapping[str, Any]) -> LimitWord:
    """A limit from its raw table. Raises ValueError."""
    limit: LimitWord = _LIMIT.validate_python(table)
    return limit


def limit_table(limit: LimitWord) -> dict[str, Any]:
    """A limit as a raw table that reads back to an equal one."""
    return {name: _as_written(limit, name) for name in type(limit).model_fields}


def _as_written(limit: LimitWord, name: str) -> Any:
    value = getattr(limit, name)
    told = {item.text for item in type(limit).model_fields[name].metadata if isinstance(item, Allowed)}
    unit = "s" if DURATION_ALLOWED in told else "/s" if RATE_ALLOWED in told else ""
    return f"{value!r}{unit}" if unit else value
