"""Why a replay is not at its target rate, in words."""

from __future__ import annotations

from loadtests.replay.live import RECENT_S, Figures

ENOUGH_SHARE = 0.95
LATE_S = 0.025
"""Beyond, the generator's own lateness explains what is missing."""
BEGUN_S = 1.0
TOLD_AFTER_S = 0.3
"""An answer is counted no later than this after it came; what is missing for that reason is not missing."""


def why_not_at_target(figures: Figures) -> str:
    """One reason, the most telling first; "" while answers come as fast as sends are due."""
    missing_per_s = figures.target_per_s - figures.actual_per_s
    told_late = figures.target_per_s * TOLD_AFTER_S / max(TOLD_AFTER_S, min(figures.at_s, RECENT_S))
    if missing_per_s <= max((1.0 - ENOUGH_SHARE) * figures.target_per_s, told_late):
        return ""
    if lost := figures.errors_by_kind.get("lost worker", 0):
        return f"{lost:,} sends were lost with a worker of the generator"
    if figures.dropped:
        return f"{figures.dropped:,} sends were dropped: no connection was free for them in time"
    if figures.waiting:
        return f"{figures.waiting:,} due sends wait for a connection, {figures.in_flight:,} are in flight"
    if figures.lateness_s_p99 > LATE_S:
        late_ms = figures.lateness_s_p99 * 1e3
        return (
            f"the generator is late: p99 {late_ms:,.0f} ms; ask for less, for larger batches or more workers"
        )
    if 2 * figures.errors > figures.accepted:
        kinds = sorted(figures.errors_by_kind.items(), key=lambda kind: -kind[1])
        return "most requests fail: " + ", ".join(f"{times:,} {words}" for words, times in kinds[:2])
    if figures.at_s < BEGUN_S:
        return "it has just begun"
    return f"the target is slow: {figures.in_flight:,} in flight, p50 {figures.latency_s_p50 * 1e3:,.0f} ms"
