"""What delivered messages cause: the customers' answers and the sends triggered by them. One law, two faces.

The law. A message delivered on a channel with a `Response` is opened, clicked and leads to a purchase with
the channel's shares, which are nested (who clicks has opened, who buys has clicked), `stale_share` times as
often when it came too late. On a channel without opens the click comes first. The message makes its customer
unsubscribe or complain with the channel's shares, late or not. Transactional messages are opened and clicked,
but sell nothing and annoy nobody. Answers count with the message that caused them, however late they come.
Each `after` answer to a message of one of a trigger's `to` causes a send with probability `share`; on another
channel than the cause's, only to the share of customers within that channel's reach (who is out of reach is
no cause, so planned = offered). Sends due after the season's end never happen.

Message face: `Answers.deliver[stream](delivered_s, fresh)` -> [(trigger stream, due_s), ...], drawn.
Cohort face: `flows`, expected sends a delivery and when they fall due; sim.pipeline.feedback says how they
come bin by bin. No send falls due earlier than its flow's first lag after its cause. The price: of each
trigger, the earliest 1 % (delays.EARLY_SHARE) wait until that lag. Cost: bins x triggers x about 40
breakpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from scenarios.season import Trigger
from sim.outcome import Customers
from sim.season.customers import customers
from sim.season.delays import Drawn, Spread, spread
from sim.season.laws import causes, law_of, sends
from sim.seeds import one_by_one
from sim.seeds import stream as random_stream
from sim.traffic import Stream

_BLOCK = 256
"""Random numbers drawn at once by the message face: few messages of many streams are answered."""

Floats = npt.NDArray[np.float64]


def _index(streams: Sequence[Stream], name: str) -> int:
    return next(i for i, s in enumerate(streams) if s.cause == "trigger" and s.name == name)


def expected_customers(
    scenario: Scenario, streams: Sequence[Stream], delivered: Floats, fresh: Floats
) -> Customers:
    """The cohort face's customers: of (S,) deliveries, `fresh` of them in time."""
    laws = [law_of(stream, scenario.responses) for stream in streams]
    effective = fresh + np.array([law.stale for law in laws]) * (delivered - fresh)
    bought = effective * np.array([law.purchase for law in laws])
    return customers(
        scenario.audience.size,
        opens=float(effective @ np.array([law.open for law in laws])),
        clicks=float(effective @ np.array([law.click for law in laws])),
        purchases=float(bought.sum()),
        unsubscribes=float(delivered @ np.array([law.unsubscribe for law in laws])),
        complaints=float(delivered @ np.array([law.complaint for law in laws])),
        revenue=float(bought @ np.array([law.order_value for law in laws])),
    )


@dataclass(frozen=True)
class Flow:
    """Deliveries that cause sends of stream `row` after one delay; by_fresh, by_stale: (S,), sends each."""

    row: int
    by_fresh: Floats
    by_stale: Floats
    laid_out: Spread


def flows(scenario: Scenario, streams: Sequence[Stream], bin_s: float) -> Iterator[Flow]:
    """What the deliveries of all streams cause, a flow for each trigger and channel of its causes."""
    laws = [law_of(stream, scenario.responses) for stream in streams]
    for trigger in scenario.triggers:
        followed = causes(trigger, streams)
        for channel in sorted({streams[i].channel for i in followed}):
            members = [i for i in followed if streams[i].channel == channel]
            weights = np.zeros((2, len(streams)))
            for i in members:
                share = laws[i].share(trigger.after) * sends(trigger, streams[i], scenario.audience)
                weights[:, i] = share, share * laws[i].stale_factor(trigger.after)
            if weights.any():
                delays = (*laws[members[0]].delays(trigger.after), trigger.delay)
                row = _index(streams, trigger.name)
                yield Flow(row, weights[0], weights[1], spread(delays, bin_s))


Sent = tuple[int, float]
"""A triggered send: index of its stream, due time in seconds from the season's start."""


class Answers:
    """The message face: each delivered message is answered, or not, by its own draw.

    Every stream draws from its own random streams, so that another stream changes nothing here.
    """

    def __init__(self, scenario: Scenario, streams: Sequence[Stream], seed: int) -> None:
        self._scenario = scenario
        followers: list[list[tuple[int, Trigger]]] = [[] for _ in streams]
        for trigger in scenario.triggers:
            row = _index(streams, trigger.name)
            for i in causes(trigger, streams):
                followers[i].append((row, trigger))
        both = zip(streams, followers, strict=True)
        self._replies = [_Replies(scenario, stream, followed_by, seed) for stream, followed_by in both]
        self.deliver = [reply.to for reply in self._replies]
        """By stream, (delivered_s, fresh) to the sends that one delivery causes, in no order, none due before
        `delivered_s`."""
        self.answered = [reply.any for reply in self._replies]
        """Of each stream whether anybody ever answers; else nothing need be drawn."""

    def customers(self) -> Customers:
        """What the customers did about everything delivered so far."""
        counts = np.array([reply.counts for reply in self._replies], dtype=np.float64).reshape(-1, 5)
        values = np.array([reply.law.order_value for reply in self._replies])
        opens, clicks, purchases, unsubscribes, complaints = counts.sum(axis=0).tolist()
        return customers(
            self._scenario.audience.size,
            opens=opens,
            clicks=clicks,
            purchases=purchases,
            unsubscribes=unsubscribes,
            complaints=complaints,
            revenue=float(counts[:, _PURCHASES] @ values),
        )


_OPENS, _CLICKS, _PURCHASES, _UNSUBSCRIBES, _COMPLAINTS = range(5)


class _Replies:
    """The answers to one stream. One uniform number u decides on a message: opened where u < open, clicked
    where u < click, bought where u < purchase; unsubscribed where 1 - u < unsubscribe, complained alike."""

    def __init__(
        self, scenario: Scenario, stream: Stream, followed_by: Sequence[tuple[int, Trigger]], seed: int
    ) -> None:
        self.law = law_of(stream, scenario.responses)
        self.counts = [0, 0, 0, 0, 0]
        own = partial(random_stream, seed, "response", stream.name)
        self._uniform = one_by_one(own("answer").random, _BLOCK).__next__
        self._normal = one_by_one(own("delay").standard_normal, _BLOCK)
        self._sent = one_by_one(own("sent").random, _BLOCK).__next__
        self._leaving = 1.0 - max(self.law.unsubscribe, self.law.complaint)
        self._answering = max(self.law.open, self.law.click, self.law.purchase)
        self._answering_late = self._answering * self.law.stale
        self._triggers = [
            (t.after, sends(t, stream, scenario.audience), row, Drawn((t.delay,), self._normal))
            for row, t in followed_by
        ]
        self._opening = Drawn((self.law.delay,), self._normal)
        self._acting = Drawn((self.law.act_delay,), self._normal)
        self._on_delivery = any(t.after == "delivered" for _, t in followed_by)
        self.any = self._on_delivery or self._answering > 0.0 or self._leaving < 1.0

    def to(self, delivered_s: float, fresh: bool) -> Sequence[Sent]:
        """The sends caused by one delivery."""
        u = self._uniform()
        if u >= self._leaving:
            self._leave(1.0 - u)
        if u < (self._answering if fresh else self._answering_late):
            return self._answered(delivered_s, u if fresh else u / self.law.stale, True)
        return self._answered(delivered_s, u, False) if self._on_delivery else ()

    def _leave(self, u: float) -> None:
        self.counts[_UNSUBSCRIBES] += u < self.law.unsubscribe
        self.counts[_COMPLAINTS] += u < self.law.complaint

    def _answered(self, delivered_s: float, u: float, answering: bool) -> Sequence[Sent]:
        answers: dict[str, float] = {"delivered": delivered_s}
        if answering:
            opened_s = delivered_s + self._opening()
            if u < self.law.open:
                self.counts[_OPENS] += 1
                answers["open"] = opened_s
            if u < self.law.click:
                self.counts[_CLICKS] += 1
                answers["click"] = opened_s
            if u < self.law.purchase:
                self.counts[_PURCHASES] += 1
                answers["purchase"] = opened_s + self._acting()
        return [
            (row, answers[after] + delay())
            for after, share, row, delay in self._triggers
            if after in answers and self._sent() < share
        ]
