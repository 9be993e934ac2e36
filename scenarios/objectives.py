"""An objective from one line of text: quantity, operator, limit, window, share of good windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Subject = Literal["send api", "season"]


@dataclass(frozen=True)
class Objective:
    """`QUANTITY OP LIMIT [over WINDOW [, SHARE of them]]`, e.g. `p99<=250ms over 10s, 95%`.

    Quantities of the send API, judged on a measured trial: p50, p90, p95, p99, p999 (latency, seconds),
    error_share, goodput_share. Of the season, judged on an Outcome: fresh_share, delay_p50 … delay_p99
    (seconds), expired_share, failed_share, drain (seconds), backlog (messages); each may name a stream:
    `fresh_share[flash-push]>=99%`. `limit` is in seconds or a share 0-1. `window_s` 0 = over the whole hold.
    `window_share` is the share of windows that must be good: 1 = every one.
    """

    text: str
    subject: Subject
    quantity: str
    stream: str
    at_most: bool
    limit: float
    window_s: float = 0.0
    window_share: float = 1.0
