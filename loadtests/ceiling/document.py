"""A ceiling as JSON: what the outside relies on, and everything, to be read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from loadtests import measurement
from loadtests import percentiles as times
from loadtests.ceiling.bounds import Bound
from loadtests.ceiling.ceiling import Ceiling
from loadtests.ceiling.trial import Trial
from sim.formats import require

FORMAT = "peakday ceiling 1"

LATER = ("accepts", "accepted_per_s", "delivers", "sustained_per_s", "alone")
"""What trials of this format may lack."""
_MEASURED = ("latency_s", "lateness_s")
"""What a trial has from its measurement."""


def summary(of: Ceiling) -> dict[str, Any]:
    """The keys that the outside relies on for a ceiling; what is not a finite number is null."""
    return {
        "ceiling_per_s": {
            "point": times.finite(of.point_per_s),
            "low": times.finite(of.low_per_s),
            "high": times.finite(of.high_per_s),
        },
        "requests_per_s": times.finite(of.requests_per_s),
        "is_lower_bound": of.is_lower_bound,
        "limited_by": of.limited_by,
        "generator_per_s": times.finite(of.generator_per_s),
        "delivery_observed": of.delivery_observed,
        "accept_per_s": _bound_summary(of.accept),
        "delivery_per_s": _bound_summary(of.delivery),
        "objectives": list(of.objectives),
        "valid": of.valid,
        "invalid_because": of.invalid_because,
        "trials": [_trial_summary(trial) for trial in of.trials],
        "wall_s": of.wall_s,
    }


def to_document(of: Ceiling) -> dict[str, Any]:
    """Everything, as JSON can carry it."""
    document: dict[str, Any] = {"format": FORMAT}
    for field in fields(of):
        value = getattr(of, field.name)
        if isinstance(value, Bound):
            value = {name: times.number(figure) for name, figure in asdict(value).items()}
        document[field.name] = times.number(value) if isinstance(value, float) else value
    return document | {
        "objectives": list(of.objectives),
        "trials": [_trial_document(trial) for trial in of.trials],
    }


def from_document(document: Mapping[str, Any]) -> Ceiling:
    """What `to_document` made. Raises UserError for another format."""
    require(document.get("format"), FORMAT)
    values: dict[str, Any] = {field.name: document.get(field.name) for field in fields(Ceiling)}
    for name in ("point_per_s", "low_per_s", "high_per_s", "requests_per_s", "wall_s", "generator_per_s"):
        values[name] = times.restored(values[name])
    for name in ("accept", "delivery"):
        values[name] = _bound(values[name])
    values["objectives"] = tuple(values["objectives"])
    values["trials"] = tuple(_trial(trial) for trial in values["trials"])
    return Ceiling(**values)


def _bound_summary(of: Bound | None) -> dict[str, Any] | None:
    """A ceiling of one kind; None: not observed."""
    if of is None:
        return None
    rates = {"point": of.point_per_s, "low": of.low_per_s, "high": of.high_per_s}
    found: dict[str, Any] = {name: times.finite(rate) for name, rate in rates.items()}
    return found | {
        "is_lower_bound": of.is_lower_bound,
        "sustained": times.finite(of.sustained_per_s),
    }


def _bound(document: Mapping[str, Any] | None) -> Bound | None:
    if document is None:
        return None
    rates = {name: times.restored(value) for name, value in document.items() if name.endswith("_per_s")}
    return Bound(**rates, is_lower_bound=bool(document["is_lower_bound"]))


def _trial_summary(of: Trial) -> dict[str, Any]:
    """The keys that the outside relies on for a trial; what is not a finite number is null."""
    return {
        "name": of.name,
        "offered_per_s": of.offered_per_s,
        "duration_s": of.duration_s,
        "goodput_per_s": of.goodput_per_s,
        "delivered_per_s": of.delivered_per_s,
        "latency_s": times.summary(of.latency_s),
        "bad_share": times.finite(of.bad_share),
        "lateness_s": times.summary(of.lateness_s, ("p50", "p99", "max")),
        "accepts": of.accepts,
        "delivers": of.delivers,
        "verdict": of.verdict,
        "because": of.because,
        "limited_by": of.limited_by,
        "observed": [asdict(figure) for figure in of.measurement.figures],
    }


def _trial_document(of: Trial) -> dict[str, Any]:
    """Everything, as JSON can carry it; percentiles stand in the measurement."""
    document = {field.name: getattr(of, field.name) for field in fields(of)}
    document |= {
        "bad_share": times.number(of.bad_share),
        "measurement": measurement.to_document(of.measurement),
    }
    return {name: value for name, value in document.items() if name not in _MEASURED}


def _trial(document: Mapping[str, Any]) -> Trial:
    """What `to_document` made."""
    measured = measurement.from_document(document["measurement"])
    names = [f.name for f in fields(Trial) if f.name in document or f.name not in LATER]
    values = {name: document[name] for name in names if name not in _MEASURED}
    values |= {"bad_share": times.restored(document["bad_share"]), "measurement": measured}
    return Trial(**values, **{name: getattr(measured, name) for name in _MEASURED})
