"""Faults on the calendar: what breaks, from when, for how long, and how badly."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from scenarios.quantities import Seconds, Share
from scenarios.words import Word, kind


class FaultWord(Word):
    """Any kind of fault. It begins `from`, on the scenario's clock unless it has an offset, and lasts `for`;
    both count from bin to bin, to the nearest."""

    from_: datetime = Field(alias="from")
    for_: Seconds = Field(alias="for", gt=0)

    def bins(self, starts_at: datetime, bin_s: float) -> tuple[int, int]:
        """Its first bin, and the first after it."""
        begins_s = (self.from_ - starts_at).total_seconds()
        return round(begins_s / bin_s), round((begins_s + self.for_) / bin_s)


class ProviderFault(FaultWord):
    """Any fault of one provider."""

    provider: str


class ProviderOutage(ProviderFault):
    """The provider refuses everything. What it has accepted before, it still delivers."""

    kind: Literal["provider-outage"]


class SlowProvider(ProviderFault):
    """What the provider accepts meanwhile takes `factor` times its `delay`."""

    kind: Literal["slow-provider"]
    factor: float = Field(gt=0.0, le=1e4)


class HalvedLimit(ProviderFault):
    """The provider's limits pass `factor` of what they say; each at least one message."""

    kind: Literal["halved-limit"]
    factor: float = Field(default=0.5, gt=0.0, le=1.0)


class WorkerLoss(FaultWord):
    """A `share` of the workers there are, to the nearest whole one, takes no more messages; what they have in
    hand they finish. When it is over they start up again."""

    kind: Literal["worker-loss"]
    share: Share = Field(gt=0)


class RegionLoss(FaultWord):
    """A region goes down that holds a `share` of the workers and of the queue's room.

    Its workers are lost as with a worker loss, and there is so much less `bound`. Accepted messages are kept
    in the other regions too: none is lost.
    """

    kind: Literal["region-loss"]
    share: Share = Field(gt=0)


class QueueUnavailable(FaultWord):
    """Nothing enters the queue and nothing leaves it: newcomers are rejected, workers find no message, and
    what comes back from a backoff waits."""

    kind: Literal["queue-unavailable"]


Fault = Annotated[
    Annotated[ProviderOutage, Tag("provider-outage")]
    | Annotated[SlowProvider, Tag("slow-provider")]
    | Annotated[HalvedLimit, Tag("halved-limit")]
    | Annotated[WorkerLoss, Tag("worker-loss")]
    | Annotated[RegionLoss, Tag("region-loss")]
    | Annotated[QueueUnavailable, Tag("queue-unavailable")],
    Discriminator(kind),
]
