"""The send path: one priority queue, workers, retries."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scenarios.quantities import Count, Seconds, Share
from scenarios.words import Word


class Queue(Word):
    """Where accepted messages wait, priorities first. At `bound` it rejects the newcomer; 0 = unbounded."""

    bound: Count = 0


class Workers(Word):
    """`count` servers; each takes `service_time` a message."""

    count: Count = Field(gt=0)
    service_time: Seconds = Field(gt=0)
    distribution: Literal["deterministic", "exponential", "lognormal"] = "lognormal"
    variation: float = Field(default=0.5, ge=0.0, le=5.0, description="standard deviation / mean")


class Retries(Word):
    """What a worker does when the provider does not take a message: come back after an exponential backoff.

    Wait k is `backoff` * 2^(k-1), at most `cap`, each drawn from +- `jitter` around it. With `retry_after` it
    begins when the provider's 429, or our own open breaker, told, at most `retry_after_max` later. After
    `attempts` tries the message has failed: it is dead-lettered. So it is when it would be a retry beyond the
    `budget`, a share of a provider's first attempts; up to `budget_saved` retries are kept for later.
    """

    attempts: int = Field(default=8, ge=1, le=100)
    backoff: Seconds = Field(default=1.0, gt=0)
    cap: Seconds = Field(default=60.0, gt=0)
    jitter: Share = 0.5
    retry_after: bool = True
    retry_after_max: Seconds = Field(default=3600.0, gt=0)
    budget: Share | None = None
    budget_saved: Count = Field(default=100, gt=0)


class Breaker(Word):
    """A circuit breaker before each provider: nothing is asked for `open` after a window in which at least
    `share` of at least `calls` calls failed; then `probes` that all pass close it."""

    share: Share = Field(default=0.5, gt=0)
    window: Seconds = Field(default=10.0, gt=0)
    calls: Count = Field(default=20, gt=0)
    open: Seconds = Field(default=30.0, gt=0)
    probes: Count = Field(default=3, gt=0)


class Pipeline(Word):
    """The platform's own send path, from its door to the provider's."""

    queue: Queue = Queue()
    workers: Workers
    retries: Retries = Retries()
    breaker: Breaker | None = None
