"""Limits behind a provider's 202, as figures: its own queue, what mailbox providers take, new addresses.

What such a limit holds back was accepted: the provider sends it later, or we are told 421 and try again.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from scenarios.limits import Bucket, LimitWord
from scenarios.quantities import Number, PerSecond, Seconds, Share

RetriedBy = Literal["provider", "us"]
_PUBLISHED = {
    0: 20,
    1: 28,
    2: 39,
    3: 55,
    4: 77,
    5: 108,
    7: 211,
    10: 579,
    12: 1000,
    14: 2222,
    16: 4356,
    18: 8583,
    20: 16734,
    22: 32798,
    24: 64284,
    26: 125997,
    28: 246953,
    30: 484029,
}
WARM_UP_PER_HOUR = tuple(float(_PUBLISHED.get(day, round(20 * 1.4**day))) for day in range(31))
"""SendGrid's schedule, messages an hour and address from day 0; days between two published ones grow by the
factor 1.4 a day that the published ones follow."""
WARM_UP_DAYS_MAX = 60


class PacedQueue(LimitWord):
    """Kind (e): accepted at once, sent on at `rate`; as much as that sends in `queue` may wait, more is
    refused.

    A message whose turn would come later than `validity` after its acceptance expires instead.
    """

    size_key: ClassVar[str] = "rate"
    kind: Literal["paced queue"]
    rate: PerSecond = Field(gt=0)
    queue: Seconds = Field(default=36_000.0, gt=0)
    validity: Seconds = Field(default=36_000.0, gt=0)

    @property
    def per_s(self) -> float:
        return self.rate

    @property
    def at_once(self) -> float:
        return max(1.0, self.rate * self.queue)

    def open_per(self, span_s: float) -> float:
        """What it sends on: what waits arrives later."""
        return self.rate * span_s

    def scaled(self, scale: float) -> PacedQueue:
        """Exact."""
        return self.model_copy(update={"rate": self.rate * scale})


class MailboxDeferral(Bucket):
    """Kind (i): a mailbox provider takes `rate` times our reputation and defers the rest (421).

    The reputation begins at `reputation` and is reviewed every `review`: it falls by `fall` times the share
    that was deferred and rises by `recovery` times the share that was taken (an idle review counts as taken),
    between `least` and 1. `retried_by`: who tries again.
    """

    kind: Literal["mailbox deferral"]
    reputation: Share = 1.0
    least: Share = Field(default=0.05, gt=0)
    review: Seconds = Field(default=600.0, gt=0)
    fall: Share = 0.2
    recovery: Share = 0.05
    retried_by: RetriedBy = "provider"


class IpWarmUp(LimitWord):
    """Kind (i), new addresses: messages an hour and address by day of the `schedule`; the season starts on
    `day`.

    Hours are those of the UTC clock. After the schedule's last day nothing is held back any more.
    """

    size_key: ClassVar[str] = "ips"
    kind: Literal["ip warm-up"]
    ips: float = Field(gt=0)
    day: float = Field(default=0.0, ge=0.0)
    schedule: tuple[Number, ...] = Field(default=WARM_UP_PER_HOUR, min_length=1, max_length=WARM_UP_DAYS_MAX)
    retried_by: RetriedBy = "provider"

    @property
    def per_s(self) -> float:
        return self.at_once / 3600.0

    @property
    def at_once(self) -> float:
        """In an hour of the first day."""
        day = int(self.day)
        return self.of_day(day) if day < len(self.schedule) else math.inf

    def of_day(self, day: int) -> float:
        """Messages an hour on that day of the schedule, at least one."""
        return max(1.0, float(round(self.schedule[day] * self.ips)))

    def scaled(self, scale: float) -> IpWarmUp:
        """So many addresses more or fewer, parts of one included."""
        return self.model_copy(update={"ips": self.ips * scale})
