"""The providers: which one carries a stream, how long it takes to deliver, what bounces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

import numpy as np

from scenarios.problems import Problem, UserError
from scenarios.providers import Provider
from scenarios.scenario import Scenario
from scenarios.season import Delay
from scenarios.words import Channel
from sim.traffic import Stream

_BLOCK = 4096


def carriers(scenario: Scenario, streams: Sequence[Stream]) -> list[int]:
    """Index of the provider that carries each stream: the first that names its channel.

    Raises UserError naming every channel that nobody carries.
    """
    carrier: dict[Channel, int] = {}
    for index, provider in reversed(list(enumerate(scenario.providers))):
        carrier.update(dict.fromkeys(provider.channels, index))
    missing = sorted({stream.channel for stream in streams} - set(carrier))
    if missing:
        allowed = "add the channel to a provider's `channels`"
        raise UserError(
            Problem("", "provider.channels", c, "no provider carries it", allowed) for c in missing
        )
    return [carrier[stream.channel] for stream in streams]


def lost_shares(scenario: Scenario, streams: Sequence[Stream]) -> list[float]:
    """Share of each stream's accepted messages that do not arrive: failed inside a request that was answered
    200, or bounced."""
    responses = scenario.responses
    bounced = [responses[s.channel].bounce_share if s.channel in responses else 0.0 for s in streams]
    failed = [scenario.providers[carrier].partial_failure for carrier in carriers(scenario, streams)]
    return [1.0 - (1.0 - b) * (1.0 - f) for b, f in zip(bounced, failed, strict=True)]


def delivery_delays(delay: Delay, random: np.random.Generator) -> Iterator[float]:
    """Endless seconds from the provider's acceptance to the customer's device."""
    if delay.sigma == 0.0 or delay.median == 0.0:
        return repeat(delay.median)
    median_ln, sigma = math.log(delay.median), delay.sigma
    return chain.from_iterable(random.lognormal(median_ln, sigma, _BLOCK).tolist() for _ in repeat(None))


def open_per(provider: Provider, span_s: float) -> float:
    """Messages that all limits together let pass in a span; inf without limits."""
    return min((limit.open_per(span_s) for limit in provider.limits), default=math.inf)
