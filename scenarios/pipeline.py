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
    """What a worker does when the provider says 429: come back after an exponential backoff.

    Wait k is `backoff` * 2^(k-1), at most `cap`, each drawn from +- `jitter` around it.
    After `attempts` tries the message has failed.
    """

    attempts: int = Field(default=8, ge=1, le=100)
    backoff: Seconds = Field(default=1.0, gt=0)
    cap: Seconds = Field(default=60.0, gt=0)
    jitter: Share = 0.5


class Pipeline(Word):
    """The platform's own send path, from its door to the provider's."""

    queue: Queue = Queue()
    workers: Workers
    retries: Retries = Retries()
