"""Fits service times, parallelism and limits to what was measured; predicts a part it was not fitted on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtests import intervals
from loadtests import percentiles as times
from loadtests.intervals import BLOCKS
from loadtests.measurement import Measurement
from loadtests.replay.fates import Reply
from loadtests.replay.records import SendRecords
from loadtests.unqueued import unqueued_s
from sim.formats import require
from sim.pipeline.workers import serve

FORMAT = "peakday calibration 1"

SERVICE_TIME = "pipeline.workers.service_time"
VARIATION = "pipeline.workers.variation"
PARALLELISM = "pipeline.workers.count"
LIMIT_PREFIX = "provider."
LIMIT_SUFFIX = ".rate"

MIN_ANSWERS = 50
SATURATED_SHARE = 0.97
WHOLE_TOLERANCE = 0.1
"""So far below a whole number of servers the product of throughput and time may fall by noise."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """One parameter of the scenario before and after, with a 90 % interval; `unit` as in the scenario."""

    name: str
    unit: str
    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True)
class Refused:
    """A parameter that the measurement says nothing about, and what would be needed to fit it."""

    name: str
    missing: str


@dataclass(frozen=True)
class Predicted:
    """One held-out figure, predicted by the fitted model and measured; error = predicted / measured - 1."""

    name: str
    unit: str
    predicted: float
    measured: float
    error: float


@dataclass(frozen=True)
class Calibration:
    """What the measurement changed in the model, and how well that model predicts the held-out replay."""

    fitted: tuple[Fitted, ...]
    refused: tuple[Refused, ...]
    held_out: tuple[Predicted, ...]
    fitted_on: tuple[str, ...]
    held_out_on: str

    def value(self, name: str) -> float | None:
        """The fitted value of a parameter, or None where it was refused."""
        return next((f.after for f in self.fitted if f.name == name), None)


@dataclass(frozen=True)
class Play:
    """One replay as measured: its figures and its rows."""

    measurement: Measurement
    records: SendRecords


@dataclass(frozen=True)
class Believed:
    """What the scenario says of the target before anything was measured, at the rehearsed scale.

    variation: standard deviation / mean of the service times. limit_per_s: by provider, inf = unlimited.
    """

    service_s: float
    variation: float
    workers: float
    limit_per_s: Mapping[str, float]


def calibrate(believed: Believed, trials: Sequence[Play], held_out: Play) -> Calibration:
    """Fit on the trials alone, then predict the held-out replay with what was fitted."""
    fitted: list[Fitted] = []
    refused: list[Refused] = []
    service, variation = _fit_service(believed, trials)
    workers = _fit_parallelism(believed, trials, service)
    if isinstance(service, Fitted) and isinstance(workers, Fitted):
        service, workers = _whole_servers(service, workers)
    for result in (service, variation, workers, *_fit_limits(believed, trials)):
        if isinstance(result, Fitted):
            fitted.append(result)
        else:
            refused.append(result)
    return Calibration(
        tuple(fitted),
        tuple(refused),
        _predict(believed, tuple(fitted), trials, held_out),
        tuple(play.measurement.name for play in trials),
        held_out.measurement.name,
    )


def _fit_service(believed: Believed, trials: Sequence[Play]) -> tuple[Fitted | Refused, Fitted | Refused]:
    """Mean and variation of the service times: a wrong variation would predict the wrong waits."""
    sample = unqueued_s([trial.records for trial in trials], MIN_ANSWERS)
    if sample.size < MIN_ANSWERS:
        missing = f"a trial with at least {MIN_ANSWERS} accepted requests"
        return Refused(SERVICE_TIME, missing), Refused(VARIATION, missing)
    return (
        Fitted(SERVICE_TIME, "s", believed.service_s, *intervals.mean(sample)),
        Fitted(VARIATION, "", believed.variation, *intervals.variation(sample)),
    )


def _completions_per_s(records: SendRecords) -> Floats:
    """Requests finished per second in each of BLOCKS equal spans of the hold's second half."""
    ended = np.sort(records.ended_s[(records.reply == Reply.ACCEPTED) & np.isfinite(records.ended_s)])
    edges = np.linspace(records.duration_s / 2, records.duration_s, BLOCKS + 1)
    counts = np.diff(np.searchsorted(ended, edges))
    return np.asarray(counts / np.diff(edges), dtype=np.float64)


def _saturates(play: Play) -> bool:
    """The door was behind: it finished visibly less than was due while the generator was on time."""
    m = play.measurement
    due_per_s = m.due / m.duration_s if m.duration_s else 0.0
    return m.valid and float(_completions_per_s(play.records).mean()) < SATURATED_SHARE * due_per_s


def _fit_parallelism(
    believed: Believed, trials: Sequence[Play], service: Fitted | Refused
) -> Fitted | Refused:
    """Little's law at saturation: busy servers = throughput x service time."""
    if isinstance(service, Refused):
        return Refused(PARALLELISM, "a service time to multiply the throughput by")
    saturated = [t for t in trials if _saturates(t)]
    if not saturated:
        top = max((float(_completions_per_s(t.records).mean()) for t in trials), default=0.0)
        return Refused(
            PARALLELISM,
            f"a trial that saturates the workers; none did, so there are at least {top * service.after:.1f}",
        )
    rates = max((_completions_per_s(t.records) for t in saturated), key=lambda r: float(r.mean()))
    mean, low, high = intervals.mean(rates)
    return Fitted(
        PARALLELISM, "workers", believed.workers, mean * service.after, low * service.low, high * service.high
    )


def _fit_limits(believed: Believed, trials: Sequence[Play]) -> list[Fitted | Refused]:
    """A limit is what is still delivered while the backlog behind it grows, in trials that are valid: where a
    machine stood still meanwhile, nothing delivered would be no limit."""
    results: list[Fitted | Refused] = []
    for name, before in believed.limit_per_s.items():
        key = f"{LIMIT_PREFIX}{name}{LIMIT_SUFFIX}"
        seen = [
            far.delivered_per_s
            for trial in trials
            for far in trial.measurement.providers
            if trial.measurement.valid and far.name == name and far.backlogged and far.delivered_per_s > 0.0
        ]
        if seen:
            results.append(Fitted(key, "/s", before, float(np.median(seen)), min(seen), max(seen)))
        else:
            results.append(
                Refused(key, "a valid trial in which its backlog grew while its deliveries were observed")
            )
    return results


def _whole_servers(service: Fitted, workers: Fitted) -> tuple[Fitted, Fitted]:
    """Whole servers that carry exactly the throughput seen; the rest of a request's time is not theirs.

    What a request spends outside of a server (network, disk) lengthens its time and leaves the throughput
    as it is, so throughput x time is never less than the number of servers: it is rounded down.
    """
    count = max(1, math.floor(workers.after + WHOLE_TOLERANCE))
    service_s = service.after * count / workers.after
    return (
        replace(service, after=service_s, low=min(service.low, service_s), high=max(service.high, service_s)),
        replace(workers, after=count, low=min(workers.low, count), high=max(workers.high, count)),
    )


def _predict(
    believed: Believed, fitted: tuple[Fitted, ...], trials: Sequence[Play], held_out: Play
) -> tuple[Predicted, ...]:
    """Send the held-out replay's due times through the fitted servers: service times in order from the
    unqueued requests, less what they spent outside of a server, as many servers as fitted (or believed)."""
    sample = unqueued_s([trial.records for trial in trials], MIN_ANSWERS)
    records = held_out.records
    first = (records.attempt == 1) & np.isfinite(records.ended_s) & (records.reply == Reply.ACCEPTED)
    if sample.size < MIN_ANSWERS or int(first.sum()) < MIN_ANSWERS:
        return ()
    values = {f.name: f.after for f in fitted}
    servers = max(1, round(values.get(PARALLELISM, believed.workers)))
    due = np.sort(records.due_s[first])
    outside_s = max(0.0, float(sample.mean()) - values.get(SERVICE_TIME, believed.service_s))
    inside_s = np.maximum(0.0, np.resize(sample, due.size) - outside_s)
    ended = serve(due, inside_s, servers)[1] + outside_s
    predicted = np.asarray(ended - due, dtype=np.float64)
    measured = np.asarray(records.ended_s[first] - records.due_s[first], dtype=np.float64)
    span = records.duration_s
    return (
        _compare("latency_p50", "s", float(np.quantile(predicted, 0.5)), float(np.quantile(measured, 0.5))),
        _compare("latency_p99", "s", float(np.quantile(predicted, 0.99)), float(np.quantile(measured, 0.99))),
        _compare(
            "throughput",
            "requests/s",
            float((ended <= span).sum() / span),
            float((records.ended_s[first] <= span).sum() / span),
        ),
    )


def _compare(name: str, unit: str, predicted: float, measured: float) -> Predicted:
    error = predicted / measured - 1.0 if measured else math.inf
    return Predicted(name, unit, predicted, measured, error)


def to_document(calibration: Calibration) -> dict[str, Any]:
    """calibration.json: CONTRACT's keys, with everything needed to read it back; what is infinite is None."""
    errors = {p.name: times.finite(p.error) for p in calibration.held_out}
    return {
        "format": FORMAT,
        "fitted": [asdict(f) | {"before": times.finite(f.before)} for f in calibration.fitted],
        "refused": [asdict(r) for r in calibration.refused],
        "error": {name: errors.get(name) for name in ("latency_p50", "latency_p99", "throughput")},
        "held_out": True,
        "held_out_on": calibration.held_out_on,
        "fitted_on": list(calibration.fitted_on),
        "predicted": [asdict(p) | {"error": times.finite(p.error)} for p in calibration.held_out],
    }


def from_document(document: Mapping[str, Any]) -> Calibration:
    """The Calibration that `to_document` wrote. Raises UserError for another format."""
    require(document.get("format"), FORMAT)
    return Calibration(
        tuple(Fitted(**(f | {"before": _restored(f["before"])})) for f in document["fitted"]),
        tuple(Refused(**r) for r in document["refused"]),
        tuple(Predicted(**(p | {"error": _restored(p["error"])})) for p in document["predicted"]),
        tuple(document["fitted_on"]),
        str(document["held_out_on"]),
    )


def _restored(value: float | None) -> float:
    return math.inf if value is None else value
