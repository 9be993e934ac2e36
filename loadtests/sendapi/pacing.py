"""One provider's pace: the simulator's own limits on a clock, and how many messages are asked for at once."""

from __future__ import annotations

from collections.abc import Callable

from loadtests.sendapi.knobs import ProviderLimit
from scenarios.deferrals import PacedQueue
from scenarios.limits import LimitWord, TokenBucket
from sim.pipeline.limiter import Limiter

PATIENCE_S = 1.0
"""Longest sleep of a sender: meanwhile messages expire, and more urgent ones come."""

CHUNK_S = 0.005
"""Messages go out in chunks of at most this much of the limit's rate: fine enough for any window seen."""
CHUNK_MAX = 1000


class Pace:
    """What holds now; it may change while messages go out. `is_free`: nothing is limited."""

    def __init__(
        self, provider: ProviderLimit, clock: Callable[[], float], unix_clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._unix_clock = unix_clock
        self.change(provider)

    def change(self, provider: ProviderLimit) -> None:
        """From now on these limits hold, nothing used of them."""
        now_s = self._clock()
        self.limiter = limiter_of(provider, now_s, self._unix_clock() - now_s)
        self.chunk = chunk_of(provider)
        self.is_free = not _limits_of(provider)


def limiter_of(provider: ProviderLimit, now_s: float, epoch_s: float = 0.0) -> Limiter:
    """The simulator's limits with this provider's figures, nothing used at `now_s`; `epoch_s`: Unix time when
    the clock read 0."""
    return Limiter(_limits_of(provider), now_s, epoch_s)


def chunk_of(provider: ProviderLimit) -> int:
    """Messages asked for at once: never more than an all-or-nothing limit could pass, and CHUNK_S of it."""
    limits = _limits_of(provider)
    return max(1, int(min([CHUNK_MAX, *(min(x.at_once, x.per_s * CHUNK_S) for x in limits)])))


def _limits_of(provider: ProviderLimit) -> tuple[LimitWord, ...]:
    """A provider's own queue is our backlog here: it is the pace at which the sink is served."""
    limits = tuple(_paced(limit) if isinstance(limit, PacedQueue) else limit for limit in provider.limits)
    if provider.rate_per_s is None:
        return limits
    bucket = {"rate": f"{provider.rate_per_s!r}/s", "burst": provider.burst_messages()}
    return (TokenBucket.model_validate(bucket), *limits)


def _paced(queue: PacedQueue) -> TokenBucket:
    burst = max(1.0, queue.rate * CHUNK_S)
    return TokenBucket.model_validate({"rate": f"{queue.rate!r}/s", "burst": burst})
