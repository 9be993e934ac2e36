"""Who is written to, when and why: audience, campaigns, triggered sends, answers, demand."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from scenarios.quantities import Count, PerSecond, Seconds, Share
from scenarios.words import Channel, Priority, Word

Answer = Literal["delivered", "open", "click", "purchase"]
ANSWERS: tuple[Answer, ...] = ("delivered", "open", "click", "purchase")


class Delay(Word):
    """How long until something happens: lognormal with a median and a shape, or fixed when sigma is 0."""

    median: Seconds
    sigma: float = Field(default=0.0, ge=0.0, le=5.0)


class Segment(Word):
    """A named part of the audience."""

    name: str
    share: Share


class Audience(Word):
    """How many customers there are and how many of them may be written to, by channel.

    `reach` is the share with an address, consent and a clean record (O3); the rest is suppressed.
    """

    size: Count
    reach: dict[Channel, Share] = Field(default_factory=dict)
    segments: tuple[Segment, ...] = ()


class Campaign(Word):
    """One planned send to a segment, released at a rate from a moment on.

    `start` is absolute, with an offset. `release` is messages per second at the target's doors.
    `freshness` is how late a customer may still learn of it (O1); older messages expire.
    """

    name: str
    channel: Channel
    start: datetime
    release: PerSecond
    segment: str = "everyone"
    share: Share = 1.0
    priority: Priority = "marketing"
    freshness: Seconds = 1800.0
    source: str = ""


class Background(Word):
    """A steady stream that no campaign causes: order confirmations, one-time codes.

    `rate` is the day's mean; `hourly` its 24 relative weights from the scenario's local hour 0.
    """

    name: str
    channel: Channel
    rate: PerSecond
    hourly: tuple[float, ...] = ()
    priority: Priority = "transactional"
    freshness: Seconds = 300.0
    source: str = ""


class Trigger(Word):
    """A send caused by a customer's answer to a delivered message (T6).

    Each `after` answer to one of `to` (stream names; empty = every campaign) causes a send with
    probability `share`, `delay` after the answer.
    """

    name: str
    channel: Channel
    after: Answer
    to: tuple[str, ...] = ()
    share: Share = 1.0
    delay: Delay
    priority: Priority = "transactional"
    freshness: Seconds = 300.0
    source: str = ""


class Response(Word):
    """How customers answer a delivered message of one channel; shares are of delivered messages.

    `delay` is from delivery to open or, on a channel without opens, to click; `act_delay` from
    there to the purchase. A message that arrives after its freshness is answered `stale_share` as often.
    """

    open_share: Share = 0.0
    click_share: Share = 0.0
    purchase_share: Share = 0.0
    unsubscribe_share: Share = 0.0
    complaint_share: Share = 0.0
    bounce_share: Share = 0.0
    stale_share: Share = 0.3
    delay: Delay
    act_delay: Delay
    order_value: float = Field(default=0.0, ge=0.0)
    source: str = ""


class Growth(Word):
    """This year's volume against last year's: median and 90 % quantile of a lognormal factor (V1)."""

    p50: float = Field(gt=0.0)
    p90: float = Field(gt=0.0)


class Columns(Word):
    """What the columns of a history are called in the team's own file."""

    timestamp: str = "timestamp"
    channel: str = "channel"
    campaign: str = "campaign"
    messages: str = "messages"


class Demand(Word):
    """Where the volume comes from besides campaigns: last year's sends, times growth, shifted to this year.

    `history` and `calendar` are CSV or Parquet paths relative to the scenario's file. The calendar's
    campaigns replace the history's of the same name. `noise` is the standard deviation of a
    minute's demand relative to its mean, `noise_correlation` how long a deviation lasts.
    """

    history: str | None = None
    calendar: str | None = None
    growth: Growth | float = Field(default=1.0)
    columns: Columns = Columns()
    noise: Share = 0.0
    noise_correlation: Seconds = 600.0
