"""A replay second by second, by due time: what was accepted, how late, how late the generator itself was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtests.attempts import Requests
from loadtests.percentiles import percentiles

WINDOW_S = 1.0


@dataclass(frozen=True)
class Window:
    """One tumbling second, by due time, of a replay: requests, and slow or failed ones beside quantiles."""

    at_s: float
    due: int
    accepted: int
    p50_s: float
    p99_s: float
    lateness_s_p99: float


def windows(sent: Requests, duration_s: float, window_s: float = WINDOW_S) -> tuple[Window, ...]:
    """Tumbling windows by due time; the last one may be short."""
    edges = np.arange(0.0, duration_s, window_s)
    cuts = np.append(np.searchsorted(sent.due_s, edges), sent.due_s.size)
    return tuple(
        _window(float(at), sent, slice(int(begin), int(end)))
        for at, begin, end in zip(edges, cuts[:-1], cuts[1:], strict=True)
    )


def _window(at_s: float, sent: Requests, part: slice) -> Window:
    latency = percentiles((sent.latency_s + sent.batch_wait_s)[part], sent.messages[part])
    return Window(
        at_s=at_s,
        due=sent.due_s[part].size,
        accepted=int(np.isfinite(sent.latency_s[part]).sum()),
        p50_s=latency.p50,
        p99_s=latency.p99,
        lateness_s_p99=percentiles(sent.lateness_s[part]).p99,
    )
