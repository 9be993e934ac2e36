"""What `plan --json` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from sim.experiments.find import Found
from sim.experiments.sensitivity import Range, Sensitivity, Varied
from sim.experiments.trials import Trial
from sim.experiments.vary import Row


def grid_document(rows: Sequence[Row], probability: float) -> dict[str, Any]:
    """The rows of a grid, in order."""
    return {"rows": [_row(row, probability) for row in rows]}


def found_document(found: Found, probability: float) -> dict[str, Any]:
    """The answer of a search: found (true or false), key, value (text, null: none), how sure, how found."""
    return {
        "found": found.value is not None,
        "key": found.key,
        "value": found.value,
        "met_share": found.met_share,
        "confidence": found.confidence,
        "misses_at": found.misses_at,
        "objectives": objectives(found.trials),
        "simulated": found.simulated,
        "verdict": verdict(found.met_share, probability),
    }


def sensitivity_document(found: Sensitivity) -> dict[str, Any]:
    """Inputs with their ranges, and for every figure the indices of each, null where it does not vary."""
    return {
        "points": found.points,
        "simulated": found.simulated,
        "inputs": [_range(each) for each in found.ranges],
        "figures": {name: _varied(figure) for name, figure in found.figures.items()},
    }


def verdict(met_share: float, probability: float) -> str:
    """Ready: enough replications meet every objective; at risk: some do."""
    if met_share >= probability - 1e-9:
        return "ready"
    return "at risk" if met_share > 0.0 else "not ready"


def objectives(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Each objective over the trials: line, median of the values, limit, in which share of them it holds."""
    found = []
    for own in zip(*(trial.judged for trial in trials), strict=True):
        values = [j.value for j in own if math.isfinite(j.value)]
        median = float(np.median(values)) if values else None
        met = sum(j.holds is True for j in own) / len(own)
        told = own[0].objective
        found.append({"name": told.text, "value": median, "limit": told.limit, "met_share": met})
    return found


def _row(row: Row, probability: float) -> dict[str, Any]:
    return {
        "set": dict(row.settings),
        "objectives": objectives(row.trials),
        "met_share": row.met_share,
        "verdict": verdict(row.met_share, probability),
        "figures": {name: _finite(asdict(interval)) for name, interval in row.figures.items()},
    }


def _range(each: Range) -> dict[str, str]:
    return {"key": each.key, "low": each.axis.text(each.low), "high": each.axis.text(each.high)}


def _varied(figure: Varied) -> dict[str, Any]:
    told = _finite({"mean": figure.mean, "deviation": figure.deviation})
    if figure.indices is None:
        return {**told, "indices": None}
    own = {
        key: {"first": _finite(asdict(each.first)), "total": _finite(asdict(each.total))}
        for key, each in figure.indices.items()
    }
    return {**told, "indices": own}


def _finite(told: Mapping[str, float]) -> dict[str, float | None]:
    return {key: value if math.isfinite(value) else None for key, value in told.items()}
