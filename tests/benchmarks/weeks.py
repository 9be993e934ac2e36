"""Seasons of any size for benchmarks: a Cyber Week's load on four providers, with peaks above their limits.

Shapes are made up: a daily wave, blasts on the hour, Friday and Monday higher. They are no forecast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scenarios.catalogue import Loaded
from sim.traffic import Stream, Traffic
from tests.sim.pipelines import STARTS_AT, scenario

CHANNELS = ("email", "sms", "push", "whatsapp")
DAY_S = 86_400.0
TRIGGERS = 2
CARRIED_SHARE = 0.95
"""Limits and workers carry this share of the greatest bin: the blasts queue, are refused and come again."""
ANSWERS = {
    "open_share": 0.3,
    "click_share": 0.05,
    "purchase_share": 0.01,
    "bounce_share": 0.01,
    "delay": {"median": "20min", "sigma": 1.2},
    "act_delay": {"median": "10min", "sigma": 1.0},
}


def week(streams: int, days: float, messages: float, bin_s: float) -> tuple[Loaded, Traffic]:
    """Two of the `streams` are triggered by answers; `messages` are due on the others."""
    due = _due(streams - TRIGGERS, days, messages, bin_s)
    own = [_stream(f"campaign {i}", i, "campaign") for i in range(len(due))]
    triggered = [_stream(f"trigger {i}", i, "trigger") for i in range(TRIGGERS)]
    counts = np.vstack((due, np.zeros((TRIGGERS, due.shape[1]), dtype=np.int64)))
    none = np.zeros(len(counts), dtype=np.int64)
    traffic = Traffic((*own, *triggered), STARTS_AT, bin_s, counts, counts.sum(axis=1), none, 0, "week")
    return _loaded(traffic, triggered), traffic


def _due(streams: int, days: float, messages: float, bin_s: float) -> npt.NDArray[np.int64]:
    random = np.random.default_rng(5)
    at_s = (np.arange(int(days * DAY_S / bin_s)) + 0.5) * bin_s
    wave = 1.0 + 0.55 * np.sin(2.0 * np.pi * (at_s / DAY_S - 0.3))
    blasts = np.where(np.isin((at_s % DAY_S) // 3600.0, (8, 12, 18, 20)), 1.0, 0.0)
    day = np.array([0.7, 0.8, 0.9, 1.6, 1.2, 1.0, 2.0])[(at_s // DAY_S).astype(np.int64) % 7]
    shapes = [day * (blasts if i % 3 == 2 else wave) for i in range(streams)]
    shares = random.dirichlet(np.full(streams, 2.0))
    rates = (messages * s * shape / shape.sum() for s, shape in zip(shares, shapes, strict=True))
    return np.array([random.poisson(rate) for rate in rates])


def _stream(name: str, i: int, cause: Any) -> Stream:
    urgent = i % 3 == 0
    priority: Any = "transactional" if urgent else "marketing"
    channel: Any = CHANNELS[i % len(CHANNELS)]
    return Stream(name, channel, name, priority, 1e5 if urgent else 3600.0, cause)


def _loaded(traffic: Traffic, triggered: list[Stream]) -> Loaded:
    peaks = {c: _peak_per_s(traffic, c) * CARRIED_SHARE for c in CHANNELS}
    providers = [
        {
            "name": channel,
            "channels": [channel],
            "delay": {"median": "2s", "sigma": 0.8},
            "limits": [
                {"rate": f"{peak}/s", "burst": 2.0 * peak},
                {"rate": f"{peak * 1.1}/s", "burst": 1e12},
            ],
        }
        for channel, peak in peaks.items()
    ]
    delay = {"median": "5min", "sigma": 1.0}
    triggers = [
        {"name": s.name, "channel": s.channel, "after": "open", "share": 0.02, "delay": delay}
        for s in triggered
    ]
    workers = {"count": max(1, int(sum(peaks.values()) * 0.05)), "service_time": "50ms"}
    bins = round(traffic.duration_s)
    return scenario(
        bins, workers, provider=providers, trigger=triggers, response=dict.fromkeys(CHANNELS, ANSWERS)
    )


def _peak_per_s(traffic: Traffic, channel: str) -> float:
    """At least 1: a channel may have no stream but a triggered one."""
    rows = [i for i, s in enumerate(traffic.streams) if s.channel == channel and s.cause == "campaign"]
    return max(1.0, float(traffic.counts[rows].sum(axis=0).max(initial=0)) / traffic.bin_s)
