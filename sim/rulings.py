"""Judged objectives as JSON and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from scenarios.objectives import Subject, parse_objective
from sim.judging import Judged


def to_documents(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """One object an objective: name (its line), value, limit, holds, because; an unknown value is None."""
    return [
        {
            "name": j.objective.text,
            "value": j.value if math.isfinite(j.value) else None,
            "limit": j.objective.limit,
            "holds": j.holds,
            "because": j.because,
        }
        for j in judged
    ]


def from_documents(documents: Iterable[Mapping[str, Any]], subject: Subject) -> tuple[Judged, ...]:
    """What `to_documents` wrote; a value of None is NaN."""
    return tuple(
        Judged(
            parse_objective(told["name"], subject),
            math.nan if told["value"] is None else told["value"],
            told["holds"],
            told["because"],
        )
        for told in documents
    )
