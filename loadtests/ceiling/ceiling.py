"""The search from preflight to interval: what the target holds, what it breaks at, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loadtests.measurement import Measurement, Percentiles

FORMAT = "peakday ceiling 1"

Verdict = Literal["holds", "breaks", "invalid"]


@dataclass(frozen=True)
class Trial:
    """One rate held: what was offered, what came back, the verdict and its reason in words."""

    name: str
    offered_per_s: float
    duration_s: float
    goodput_per_s: float
    delivered_per_s: float | None
    latency_s: Percentiles
    lateness_s: Percentiles
    bad_share: float
    limited: int
    errors: int
    verdict: Verdict
    because: str
    limited_by: str
    measurement: Measurement


@dataclass(frozen=True)
class Ceiling:
    """Highest offered rate (messages/s) that met every objective for a full trial, as an interval.

    low: the highest rate that held; high: the lowest that broke (inf when none did: is_lower_bound);
    point: the best estimate between them. limited_by: "latency", "limit", "backlog", "errors", "generator", "nothing".
    """

    point_per_s: float
    low_per_s: float
    high_per_s: float
    requests_per_s: float
    is_lower_bound: bool
    limited_by: str
    objectives: tuple[str, ...]
    valid: bool
    invalid_because: str
    trials: tuple[Trial, ...]
    wall_s: float
