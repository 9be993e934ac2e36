"""Exact percentiles of times, by weight, with their JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}


@dataclass(frozen=True)
class Percentiles:
    """Seconds; NaN where there was nothing to measure, infinite where so many never ended well."""

    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    max: float


def percentiles(
    values_s: npt.NDArray[np.float64], weights: npt.NDArray[np.int64] | None = None
) -> Percentiles:
    """The least value that at least a share q of the weight does not exceed. NaN values are left out."""
    known = ~np.isnan(values_s)
    values = values_s[known]
    weight = np.ones(values.size) if weights is None else weights[known].astype(np.float64)
    if weight.sum() <= 0.0:
        return Percentiles(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    order = np.argsort(values, kind="stable")
    values, weight_up_to = values[order], np.cumsum(weight[order])
    # a share of the weight is rounded in its last digits; that must not push it to the next value
    wanted = np.array(list(QUANTILES.values())) * weight_up_to[-1] * (1.0 - 1e-12)
    p50, p90, p95, p99, p999 = (float(values[at]) for at in np.searchsorted(weight_up_to, wanted))
    return Percentiles(p50, p90, p95, p99, p999, float(values[-1]))


def number(value: float) -> float | str | None:
    """A float as JSON can carry it and `restored` reads it back: NaN as null, infinity as "inf"."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def restored(value: float | str | None) -> float:
    """The float that `number` wrote."""
    return math.nan if value is None else float(value)


def finite(value: float | None) -> float | None:
    """A float for other people's JSON: what is not a finite number is null."""
    return value if value is not None and math.isfinite(value) else None


def to_document(of: Percentiles) -> dict[str, float | str | None]:
    """All percentiles by name, to be read back."""
    return {name: number(getattr(of, name)) for name in (*QUANTILES, "max")}


def from_document(document: Mapping[str, Any]) -> Percentiles:
    """Percentiles from what `to_document` made."""
    return Percentiles(**{name: restored(document[name]) for name in (*QUANTILES, "max")})


def summary(
    of: Percentiles, names: tuple[str, ...] = ("p50", "p90", "p99", "p999")
) -> dict[str, float | None]:
    """The named percentiles, seconds or null."""
    return {name: finite(getattr(of, name)) for name in names}
