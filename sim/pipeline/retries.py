"""Whether and when a refused message comes back: exponential backoff with cap and jitter, and a budget."""

from __future__ import annotations

from scenarios.pipeline import Retries
from sim.pipeline.limitlaws import Figures, State


def backoff_range_s(retries: Retries, attempt: int) -> tuple[float, float]:
    """Least and greatest wait after refusal number `attempt` (from 1); every wait between is as likely.

    The middle is backoff x 2^(attempt - 1), at most `cap`; the jitter goes `jitter` of it to both sides.
    """
    doublings = min(attempt - 1, 1000)  # 2.0**1024 overflows, and the cap holds long before
    middle_s = min(retries.cap, retries.backoff * 2.0**doublings)
    return middle_s * (1.0 - retries.jitter), middle_s * (1.0 + retries.jitter)


def budget_earn(state: State, figures: Figures, firsts: float) -> None:
    """So many first attempts were made. figures: share of them, retries kept at most. state: retries left."""
    state[0] += figures[0] * firsts


def budget_spend(state: State, figures: Figures, retries: float) -> None:
    """So many retries are made; of what is left, no more is kept than may be."""
    state[0] = min(figures[1], state[0] - retries)
