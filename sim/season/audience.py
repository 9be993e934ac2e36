"""How many customers a campaign is planned for, and how many of them may be written to."""

from __future__ import annotations

from dataclasses import dataclass

from scenarios.season import Audience, Campaign
from scenarios.words import Channel

EVERYONE = "everyone"


@dataclass(frozen=True)
class Recipients:
    """Messages of one campaign: planned - suppressed = offered."""

    planned: int
    suppressed: int

    @property
    def offered(self) -> int:
        """Messages that are sent."""
        return self.planned - self.suppressed


def reach(audience: Audience, channel: Channel) -> float:
    """Share of customers with an address, consent and a clean record (O3); all on a channel not named."""
    return audience.reach.get(channel, 1.0)


def recipients(audience: Audience, campaign: Campaign) -> Recipients:
    """The campaign's share of its segment; who cannot be reached on its channel is suppressed."""
    shares = {EVERYONE: 1.0} | {segment.name: segment.share for segment in audience.segments}
    planned = round(audience.size * shares[campaign.segment] * campaign.share)
    return Recipients(planned, planned - round(planned * reach(audience, campaign.channel)))
