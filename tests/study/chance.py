"""How figures of a drawn season are drawn and written."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

STARTS_AT = datetime(2026, 11, 11, 9, tzinfo=UTC)

Tables = dict[str, Any]
Random = np.random.Generator


def between(random: Random, low: float, high: float) -> float:
    """Log-evenly: as often between 1 and 2 as between 2 and 4."""
    return float(math.exp(random.uniform(math.log(low), math.log(high))))


def at_minute(minute: float) -> datetime:
    """A moment of the season."""
    return STARTS_AT + timedelta(seconds=round(60.0 * minute))


def seconds(value: float) -> str:
    """As in a scenario's file."""
    return f"{value:.6g}s"


def per_second(rate: float) -> str:
    """As in a scenario's file."""
    return f"{rate:.6g}/s"


def delay(random: Random, low_s: float, high_s: float) -> Tables:
    """A lognormal delay with a median between two ends."""
    return {"median": seconds(between(random, low_s, high_s)), "sigma": float(random.uniform(0.2, 1.0))}
