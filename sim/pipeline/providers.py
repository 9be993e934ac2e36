"""The providers: which one carries a stream, how long it takes to deliver, what bounces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np

from scenarios.limits import LimitWord
from scenarios.problems import Problem, UserError
from scenarios.providers import Provider
from scenarios.scenario import Scenario
from scenarios.season import Delay
from scenarios.words import Channel
from sim.seeds import one_by_one
from sim.traffic import Stream

DEFERRED_JITTER = 0.1
"""A provider tries again *about* every so often: within so much to both sides, evenly. Assumed; without it
deferred messages would come back in step with the very tokens that they missed."""


def carriers(scenario: Scenario, streams: Sequence[Stream]) -> list[int]:
    """Index of the provider that carries each stream: the first that names its channel and is no standby.

    Raises UserError naming every channel that nobody carries.
    """
    carrier = _by_channel(scenario, standby=False)
    missing = sorted({stream.channel for stream in streams} - set(carrier))
    if missing:
        allowed = "add the channel to a provider's `channels`"
        raise UserError(
            Problem("", "provider.channels", c, "no provider carries it", allowed) for c in missing
        )
    return [carrier[stream.channel] for stream in streams]


def standbys(scenario: Scenario, streams: Sequence[Stream]) -> list[int | None]:
    """Index of the provider that takes what each stream's carrier does not; None where there is none."""
    standby = _by_channel(scenario, standby=True)
    return [standby.get(stream.channel) for stream in streams]


def _by_channel(scenario: Scenario, *, standby: bool) -> dict[Channel, int]:
    found: dict[Channel, int] = {}
    for index, provider in reversed(list(enumerate(scenario.providers))):
        if provider.standby == standby:
            found.update(dict.fromkeys(provider.channels, index))
    return found


def lost_share(scenario: Scenario, stream: Stream, carrier: int) -> float:
    """Share of a stream's accepted messages that do not arrive: failed inside a request that was answered
    200, or bounced."""
    response = scenario.responses.get(stream.channel)
    bounced = response.bounce_share if response else 0.0
    return 1.0 - (1.0 - bounced) * (1.0 - scenario.providers[carrier].partial_failure)


def door(provider: Provider) -> list[LimitWord]:
    """The limits that refuse: what they hold back comes back to us."""
    return [limit for limit in provider.limits if getattr(limit, "retried_by", "us") == "us"]


def mailbox(provider: Provider) -> list[LimitWord]:
    """The limits that defer: what they hold back, the provider tries again."""
    return [limit for limit in provider.limits if getattr(limit, "retried_by", "us") == "provider"]


def deferred_tries(provider: Provider) -> int:
    """How often the provider tries a deferred message again: as long as its expiry is not over."""
    return math.floor(provider.deferred_expiry / provider.deferred_retry + 1e-9)


def delivery_delays(delay: Delay, random: np.random.Generator) -> Iterator[float]:
    """Endless seconds from the provider's acceptance to the customer's device."""
    if delay.sigma == 0.0 or delay.median == 0.0:
        return repeat(delay.median)
    median_ln, sigma = math.log(delay.median), delay.sigma
    return one_by_one(lambda size: random.lognormal(median_ln, sigma, size))


def open_per(provider: Provider, span_s: float) -> float:
    """Messages that all limits together let pass in a span; inf without limits."""
    return min((limit.open_per(span_s) for limit in provider.limits), default=math.inf)
