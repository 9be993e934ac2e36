"""How long a refused message waits before it comes back: exponential backoff with a cap and jitter."""

from __future__ import annotations

from scenarios.pipeline import Retries


def backoff_range_s(retries: Retries, attempt: int) -> tuple[float, float]:
    """Least and greatest wait after refusal number `attempt` (from 1); every wait between is as likely.

    The middle is backoff x 2^(attempt - 1), at most `cap`; the jitter goes `jitter` of it to both sides.
    """
    doublings = min(attempt - 1, 1000)  # 2.0**1024 overflows, and the cap holds long before
    middle_s = min(retries.cap, retries.backoff * 2.0**doublings)
    return middle_s * (1.0 - retries.jitter), middle_s * (1.0 + retries.jitter)
