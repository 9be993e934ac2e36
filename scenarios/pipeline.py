"""The send path: one priority queue, workers, retries."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field

from scenarios.problems import BadValueError
from scenarios.quantities import Count, PerSecond, Seconds, Share, parse_duration
from scenarios.words import Word

Overflow = Literal["reject", "drop oldest", "spill"]
VARIATION_MAX = 5.0
"""The most that a scenario may say; beyond, a worker rather stalls than varies."""
VISIBILITY_MAX_S = 43_200.0
"""12 hours, as Amazon SQS has it; others allow less."""
OVERFLOWS: tuple[Overflow, ...] = get_args(Overflow)


class Queue(Word):
    """Where accepted messages wait, priorities first. 0 = unbounded.

    At `bound` it rejects the newcomer, drops what has waited longest in the lowest class, or lets newcomers
    wait outside, in the order in which they came, until there is room. With `fair_share` each tenant has a
    line of its own in every class, and workers take from the lines in turn, a message each.

    With a `visibility_timeout` a message that a worker took and has not acknowledged after so long, answered
    by a provider or set back, is visible again: at least once. Without one a message is the worker's once it
    is taken: at most once.
    """

    bound: Count = 0
    overflow: Overflow = "reject"
    visibility_timeout: Seconds | None = Field(default=None, gt=0, le=VISIBILITY_MAX_S)
    fair_share: bool = False


class Stalls(Word):
    """While a worker serves it stalls at `rate`, at random, for `length` each: its service takes longer."""

    rate: PerSecond
    length: Seconds = Field(gt=0)


class Crashes(Word):
    """While a worker serves it crashes at `rate`, at random; it is away for `restart` and its start-up.

    What it had in hand comes again when the queue's visibility time-out has passed; without one it is lost.
    """

    rate: PerSecond
    restart: Seconds


class Autoscaling(Word):
    """Between `count` and `most` workers, looked at `every` so often.

    `target` is messages waiting per worker, or the share of the workers' time that is used. Nothing is
    ordered for `cool_down` after an order.
    """

    most: Count = Field(gt=0)
    on: Literal["backlog", "utilisation"]
    target: float = Field(gt=0.0)
    every: Seconds = Field(default=60.0, gt=0)
    cool_down: Seconds = 300.0


class Workers(Word):
    """`count` servers; each takes up to `batch` messages at once and holds them for one service time.

    An empirical service time follows its `quantiles`, evenly spaced from the least to the greatest, straight
    between them; `service_time` may be left out then, or it scales them to that mean. `samples` names a
    file of measured times, one a line, that becomes the quantiles. A worker that is ordered, or comes back
    after a fault, serves `start_up` later.
    """

    count: Count = Field(gt=0)
    service_time: Seconds = Field(gt=0)
    distribution: Literal["deterministic", "exponential", "lognormal", "empirical"] = "lognormal"
    variation: float = Field(default=0.5, ge=0.0, le=VARIATION_MAX, description="standard deviation / mean")
    quantiles: tuple[Seconds, ...] = ()
    samples: str | None = None
    batch: Count = Field(default=1, gt=0)
    stalls: Stalls | None = None
    crashes: Crashes | None = None
    start_up: Seconds = 0.0
    autoscaling: Autoscaling | None = None

    @classmethod
    def prepared(cls, table: dict[str, Any]) -> dict[str, Any]:
        """The table with the mean of its quantiles as service time where it tells none."""
        quantiles = table.get("quantiles")
        if "service_time" in table or not isinstance(quantiles, list) or len(quantiles) < 2:
            return table
        try:
            times_s = [parse_duration(quantile) for quantile in quantiles]
        except BadValueError:
            return table  # told where it stands
        mean_s = (sum(times_s) - (times_s[0] + times_s[-1]) / 2.0) / (len(times_s) - 1)
        return {**table, "service_time": f"{mean_s!r}s"}


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
