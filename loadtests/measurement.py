"""Records to rates, latency from the due time, lateness, validity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FORMAT = "peakday measurement 1"


@dataclass(frozen=True)
class Percentiles:
    """Seconds; NaN where there was nothing to measure."""

    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True)
class Window:
    """One tumbling second, by due time, of a replay: requests, and slow or failed ones beside quantiles."""

    at_s: float
    due: int
    accepted: int
    p50_s: float
    p99_s: float
    lateness_s_p99: float


@dataclass(frozen=True)
class Measurement:
    """What one replay showed. Rates are messages/s over `duration_s` unless the name says requests.

    due = started + dropped (requests). accepted, rejected, limited, errors: requests by their last attempt.
    latency_s and service_s: of requests that were answered; a failed, timed-out or dropped request counts as
    slow (infinite) in latency. messages_received, delivered, lost, duplicated: None where the target's
    far side was not observed.
    """

    name: str
    due: int
    started: int
    dropped: int
    attempts: int
    accepted: int
    rejected: int
    limited: int
    errors: int
    faults: dict[str, int]
    messages_due: int
    messages_accepted: int
    messages_received: int | None
    messages_delivered: int | None
    lost: int | None
    duplicated: int | None
    duration_s: float
    offered_per_s: float
    goodput_per_s: float
    delivered_per_s: float | None
    backlog_growth_per_s: float | None
    requests_per_s: float
    latency_s: Percentiles
    service_s: Percentiles
    lateness_s: Percentiles
    wait_s: Percentiles
    latency_counts: npt.NDArray[np.float64]
    service_counts: npt.NDArray[np.float64]
    windows: tuple[Window, ...]
    valid: bool
    invalid_because: str
    scale: float
    compress: float
    origin: str
    complete: bool
