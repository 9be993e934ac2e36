"""How often and how late the messages of one stream are answered, and which streams a trigger follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarios.season import Answer, Audience, Delay, Response, Trigger
from scenarios.words import Channel
from sim.season.audience import reach
from sim.traffic import Stream

AT_ONCE = Delay.model_validate({"median": "0s"})


@dataclass(frozen=True)
class Law:
    """How the messages of one stream are answered: shares of fresh deliveries; others `stale` times that."""

    open: float = 0.0
    click: float = 0.0
    purchase: float = 0.0
    stale: float = 0.0
    unsubscribe: float = 0.0
    complaint: float = 0.0
    order_value: float = 0.0
    delay: Delay = AT_ONCE
    act_delay: Delay = AT_ONCE

    def share(self, answer: Answer) -> float:
        """Share of fresh deliveries answered so."""
        shares = {"delivered": 1.0, "open": self.open, "click": self.click, "purchase": self.purchase}
        return shares[answer]

    def stale_factor(self, answer: Answer) -> float:
        """How often a stale delivery is answered so, relative to a fresh one."""
        return 1.0 if answer == "delivered" else self.stale

    def delays(self, answer: Answer) -> tuple[Delay, ...]:
        """From delivery to the answer."""
        after_opening = {"delivered": (), "purchase": (self.delay, self.act_delay)}
        return after_opening.get(answer, (self.delay,))


def law_of(stream: Stream, responses: Mapping[Channel, Response]) -> Law:
    """The law of one stream's messages; a channel without a response is never answered."""
    response = responses.get(stream.channel)
    if response is None:
        return Law()
    sells = stream.priority == "marketing"
    return Law(
        open=response.open_share,
        click=response.click_share,
        purchase=response.purchase_share if sells else 0.0,
        stale=response.stale_share,
        unsubscribe=response.unsubscribe_share if sells else 0.0,
        complaint=response.complaint_share if sells else 0.0,
        order_value=response.order_value,
        delay=response.delay,
        act_delay=response.act_delay,
    )


def sends(trigger: Trigger, cause: Stream, audience: Audience) -> float:
    """Sends per answer to `cause`: whoever was reached on one channel is on another with that one's reach."""
    return trigger.share * (1.0 if trigger.channel == cause.channel else reach(audience, trigger.channel))


def causes(trigger: Trigger, streams: Sequence[Stream]) -> list[int]:
    """Indices of the streams that a trigger follows: those named in `to`, or all campaigns and history."""
    if trigger.to:
        return [i for i, s in enumerate(streams) if s.name in trigger.to or s.campaign in trigger.to]
    return [i for i, s in enumerate(streams) if s.cause in ("campaign", "history")]
