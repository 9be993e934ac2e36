"""What bounds a replay against one target: connections, waits, retries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """connections: open at once at most, to each address. timeout_s: of a wait for a connection, from the due
    time, and of a wait for the response, from the start. drain_s: how long after its duration a replay waits
    for what is under way. spin_s: the last part of every pause that is spent awake: less lateness for more
    of the core. retries: of a refused or lost send, at most; of the sends to an address at most
    `retry_budget_share` of their number.
    """

    connections: int = 1000
    timeout_s: float = 30.0
    drain_s: float = 10.0
    spin_s: float = 0.0
    retries: int = 0
    retry_budget_share: float = 0.2
