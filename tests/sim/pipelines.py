"""Small seasons with plain numbers, as the engines take them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scenarios.catalogue import Loaded
from scenarios.scenario import Scenario
from sim.traffic import Stream, Traffic

STARTS_AT = datetime(2026, 11, 11, tzinfo=UTC)
UNLIMITED = {"name": "wide", "channels": ["email", "sms", "push", "whatsapp"]}


def scenario(bins: int, workers: dict[str, Any], **parts: Any) -> Loaded:
    """A scenario of `bins` seconds without campaigns of its own: traffic is handed to the engines."""
    told = {
        "title": "test",
        "starts_at": STARTS_AT,
        "duration": f"{bins}s",
        "audience": {"size": 1_000_000},
        "response": parts.pop("response", {}),
        "trigger": parts.pop("trigger", []),
        "fault": parts.pop("fault", []),
        "provider": parts.pop("provider", [UNLIMITED]),
        "upstream": parts.pop("upstream", []),
        "tenants": parts.pop("tenants", None),
        "pipeline": {"workers": workers, **parts},
    }
    made = Scenario.model_validate(told)
    return Loaded(made, None, "test", Path("test.toml"), "", hashlib.sha256(b"").hexdigest())


def stream(
    name: str, channel: Any = "email", priority: Any = "marketing", freshness_s: float = 1e6
) -> Stream:
    """One campaign stream."""
    return Stream(name, channel, name, priority, freshness_s, "campaign")


def traffic(streams: list[Stream], counts: npt.ArrayLike) -> Traffic:
    """int64 (streams, bins) messages due, bins of 1 s."""
    due = np.asarray(counts, dtype=np.int64)
    none = np.zeros(len(streams), dtype=np.int64)
    return Traffic(tuple(streams), STARTS_AT, 1.0, due, due.sum(axis=1), none, 0, "test")


def poisson(rate_per_s: float, bins: int, seed: int) -> npt.NDArray[np.int64]:
    """int64 (bins,) Poisson counts in bins of 1 s."""
    return np.random.default_rng(seed).poisson(rate_per_s, bins)


def block(rate_per_s: float, first: int, last: int, bins: int, seed: int) -> npt.NDArray[np.int64]:
    """int64 (bins,) Poisson counts at a rate in the bins from `first` until `last`, nothing elsewhere."""
    at = np.arange(bins)
    return np.random.default_rng(seed).poisson(np.where((at >= first) & (at < last), rate_per_s, 0.0))
