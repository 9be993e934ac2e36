"""Connections opened before time 0, for what is due first: a cold start over TLS made its own sends late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from loadtests.replay.pool import Pool

AHEAD_S = 0.05
"""A send API mostly answers within this: what is due in the first so many seconds needs a connection each."""
AHEAD_S_MAX = 1.0
"""So long a replay's beginning is put off for it at most."""
WAIT_S = 0.01


class Carrier(Protocol):
    """`exchange.Exchange`, `multiplexed.Multiplexed`."""

    pool: Pool
    sends_each: int
    """Sends that one connection is expected to carry at once."""

    def hear(self, wait_s: float) -> list[int]:
        """Take what the sockets have, waiting so long for it; descriptors of others are returned."""


def open_ahead(carrier: Carrier, sends: int, clock: Callable[[], int], until_ns: int) -> None:
    """Open as many as so many sends need, the bound at most, and return once they are open, or at `until_ns`.

    Nothing is sent, and one that does not open fails no send. The first opened is used first: a server that
    takes up few connections at once took up that one."""
    pool = carrier.pool
    wanted = min(-(-sends // carrier.sends_each), pool.most)
    while (now_ns := clock()) < until_ns and (wanted or pool.opening):
        while wanted and pool.begin(now_ns):
            wanted -= 1
        if carrier.hear(WAIT_S):
            break
    pool.free.reverse()
