"""Who is written to, when and why: audience, campaigns, triggered sends, answers, demand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from scenarios.quantities import Count, Number, PerSecond, Seconds, Share
from scenarios.words import Channel, Priority, Word

Answer = Literal["delivered", "open", "click", "purchase"]
ANSWERS: tuple[Answer, ...] = ("delivered", "open", "click", "purchase")


class Delay(Word):
    """How long until something happens: lognormal with a median and a shape, or fixed when sigma is 0."""

    median: Seconds
    sigma: float = Field(default=0.0, ge=0.0, le=5.0)


class Segment(Word):
    """A named part of the audience. Segments may overlap; `everyone` is always there."""

    name: str
    share: Share


class Audience(Word):
    """How many customers there are and how many of them may be written to, by channel.

    `reach` is the share with an address, consent and a clean record (O3); the rest is suppressed. A channel
    that a campaign or a triggered send uses must be named there.
    """

    size: Count = Field(gt=0)
    reach: dict[Channel, Share] = Field(default_factory=dict)
    segments: tuple[Segment, ...] = ()


class Campaign(Word):
    """One planned send to a segment, released at a rate from a moment on.

    A `start` without offset is local to the scenario's `timezone`: in an hour that the clock skips it is
    moved on by the skip, in one that comes twice the first is meant. `release` is messages per second at the
    target's doors. `freshness` is how late a customer may still learn of it (O1); older messages expire.
    The campaign replaces the history's of the same name, or of the name in `replaces`. All of it is the
    `tenant`'s of that rank, or split among all of them.
    """

    name: str
    channel: Channel
    start: datetime
    release: PerSecond = Field(gt=0)
    segment: str = "everyone"
    share: Share = 1.0
    priority: Priority = "marketing"
    freshness: Seconds = Field(default=1800.0, gt=0)
    replaces: str = ""
    tenant: int | None = Field(default=None, ge=1)
    source: str = ""


class Background(Word):
    """A steady stream that no campaign causes: order confirmations, one-time codes.

    `rate` is the mean; relative weights shape it: `daily` from the season's first local day on (and over
    again), `hourly` the 24 from the local hour 0, `minutely` the 60 from the full hour.
    """

    name: str
    channel: Channel
    rate: PerSecond
    daily: tuple[Number, ...] = ()
    hourly: tuple[Number, ...] = ()
    minutely: tuple[Number, ...] = ()
    priority: Priority = "transactional"
    freshness: Seconds = Field(default=300.0, gt=0)
    tenant: int | None = Field(default=None, ge=1)
    source: str = ""


class Trigger(Word):
    """A send caused by a customer's answer to a delivered message (T6).

    Each `after` answer to one of `to` (stream names; empty = every campaign) causes a send with
    probability `share`, `delay` after the answer. `tenant` is as a campaign's.
    """

    name: str
    channel: Channel
    after: Answer
    to: tuple[str, ...] = ()
    share: Share = 1.0
    delay: Delay
    priority: Priority = "transactional"
    freshness: Seconds = Field(default=300.0, gt=0)
    tenant: int | None = Field(default=None, ge=1)
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

    p50: float = Field(gt=0.0, le=1000.0)
    p90: float = Field(gt=0.0, le=1000.0)


class Columns(Word):
    """What the columns of a history are called in the team's own file."""

    timestamp: str = "timestamp"
    channel: str = "channel"
    campaign: str = "campaign"
    messages: str = "messages"


class CalendarColumns(Word):
    """What the columns of a calendar are called in the team's own file."""

    name: str = "name"
    start: str = "start"
    audience: str = "audience"
    channels: str = "channels"
    release: str = "release"


Factor = Annotated[float, Field(gt=0.0, le=1000.0)]


class Demand(Word):
    """Where the volume comes from besides campaigns: last year's sends, times growth, shifted to this year.

    `history` and `calendar` are CSV or Parquet paths relative to the scenario's file. The calendar's
    campaigns replace the history's of the same name. `history_starts_at` is the moment of the history that
    becomes the season's `starts_at`; by default the day of the history's first row becomes the day of
    `starts_at`, with the clock as it was. The history's campaigns named in `transactional` are served before
    marketing and must arrive within `transactional_freshness`; all others are marketing with `freshness`.
    `growth` multiplies the history alone. `noise` is the standard deviation of a minute's demand relative to
    its mean, `noise_correlation` how long a deviation lasts. `release_noise` is the same of the pace at which
    the platform releases a campaign: its own scheduler's, not people's; as `noise` where nothing is said.
    """

    history: str | None = None
    history_starts_at: datetime | None = None
    calendar: str | None = None
    growth: Growth | Factor = 1.0
    transactional: tuple[str, ...] = ()
    freshness: Seconds = Field(default=1800.0, gt=0)
    transactional_freshness: Seconds = Field(default=300.0, gt=0)
    columns: Columns = Columns()
    calendar_columns: CalendarColumns = CalendarColumns()
    noise: Share = 0.0
    release_noise: Share | None = None
    noise_correlation: Seconds = Field(default=600.0, gt=0)
