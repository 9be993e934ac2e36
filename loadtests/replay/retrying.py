"""Which attempts a client makes again, when, and how many it may: none unless Bounds.retries says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

from loadtests.replay.agenda import Send
from loadtests.replay.fates import Fault, Reply
from scenarios.pipeline import Retries
from sim.pipeline.retries import backoff_range_s

BUDGET_FLOOR = 10
"""Retries that are allowed before a share of the first attempts amounts to as many."""

_WORTH_IT_FAULTS = frozenset({Fault.TIMEOUT, Fault.REFUSED, Fault.RESET, Fault.CLOSED_EARLY})
_WORTH_IT_REPLIES = frozenset({Reply.LIMITED, Reply.FAILED})


class Comebacks:
    """Sends that come back later, soonest first.

    A send comes back after a refusal that may pass (limited, failed, connection refused or lost, no answer in
    time), at most `law.attempts` - 1 times, as long as all retries are at most `budget_share` of the first
    attempts, which `firsts` counts (and BUDGET_FLOOR). It waits as `law` says (sim.pipeline.retries), but not
    less than the target's Retry-After. `draw(low, high)` is uniform. A lost connection may have carried the
    message: the retry has the same message ids, so that the far side can tell.
    """

    def __init__(
        self,
        law: Retries,
        budget_share: float,
        draw: Callable[[float, float], float],
        firsts: Callable[[], int],
    ) -> None:
        self._law = law
        self._budget_share = budget_share
        self._draw = draw
        self._firsts = firsts
        self._retries = 0
        self._later: list[tuple[int, int, Send, int]] = []

    def __len__(self) -> int:
        return len(self._later)

    def take_back(
        self, send: Send, attempt: int, reply: Reply, fault: Fault, come_again_s: float | None, now_ns: int
    ) -> bool:
        """An attempt ended now; True when another one will follow."""
        if not self._is_allowed(attempt, reply, fault):
            return False
        wait_s = max(self._draw(*backoff_range_s(self._law, attempt)), come_again_s or 0.0)
        self._retries += 1
        heapq.heappush(self._later, (now_ns + int(wait_s * 1e9), self._retries, send, attempt + 1))
        return True

    def due(self, now_ns: int) -> Iterator[tuple[Send, int]]:
        """Take out those whose wait is over: (send, attempt)."""
        while self._later and self._later[0][0] <= now_ns:
            _, _, send, attempt = heapq.heappop(self._later)
            yield send, attempt

    def _is_allowed(self, attempt: int, reply: Reply, fault: Fault) -> bool:
        if attempt >= self._law.attempts:
            return False
        if fault not in _WORTH_IT_FAULTS and (fault != Fault.NONE or reply not in _WORTH_IT_REPLIES):
            return False
        return self._retries < max(BUDGET_FLOOR, self._budget_share * self._firsts())
