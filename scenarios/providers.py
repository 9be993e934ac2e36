"""A provider behind the send path: which channels it carries, its limits, where the figures come from."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from scenarios.quantities import PerSecond
from scenarios.season import Delay
from scenarios.words import Channel, Word


class TokenBucket(Word):
    """Kind (k): `burst` messages at once, then `rate`."""

    kind: Literal["token bucket"] = "token bucket"
    rate: PerSecond = Field(gt=0)
    burst: float = Field(default=1.0, ge=1.0)


class Provider(Word):
    """One provider account. `limits` all apply; `delay` is from acceptance to the customer's device."""

    name: str
    channels: tuple[Channel, ...]
    limits: tuple[TokenBucket, ...] = ()
    delay: Delay = Delay(median="0s", sigma=0.0)
    source: str = ""
    read_on: date | None = None
