"""Evidence per window against objectives: holds, breaks, or unknown.

The rules are CONTRACT's: windows are tumbling, by due time, full ones only, warm-up excluded; a request that
failed, timed out or was dropped is slow; a window with too few requests for its quantile is "too little
data", neither good nor bad. Simulations and measurements are judged here by the same code: what can tell a
quantity, over the whole or by windows, is `Evidence`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from scenarios.objectives import QUANTITIES, Objective
from sim import wording

TOO_LITTLE = "too little data"
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reading:
    """A quantity's value over one window; NaN where it cannot be told, `missing` says why."""

    value: float
    missing: str = ""


class Evidence(Protocol):
    """What a simulation or a measurement can tell about the quantities of objectives."""

    def whole(self, quantity: str, stream: str) -> Reading:
        """The quantity over the whole hold, of one stream or of all ("")."""

    def windows(self, quantity: str, stream: str, window_s: float) -> Sequence[Reading]:
        """The quantity in each full window of `window_s`, in order."""


@dataclass(frozen=True)
class Judged:
    """An objective against evidence. holds: None = unknown. `because` is one sentence with both numbers.

    value: in the objective's unit; with windows, the value that the asked share of windows kept to.
    """

    objective: Objective
    value: float
    holds: bool | None
    because: str


def judge(objective: Objective, evidence: Evidence) -> Judged:
    """Does the evidence meet the objective?"""
    if objective.window_s > 0.0:
        return _judge_windows(objective, evidence)
    reading = evidence.whole(objective.quantity, objective.stream)
    if math.isnan(reading.value):
        return Judged(objective, reading.value, None, reading.missing or TOO_LITTLE)
    holds = good(objective, reading.value)
    return Judged(objective, reading.value, holds, _sentence(objective, reading.value, holds))


def good(objective: Objective, value: float) -> bool:
    """Is the value on the right side of the limit?"""
    return value <= objective.limit if objective.at_most else value >= objective.limit


def _judge_windows(objective: Objective, evidence: Evidence) -> Judged:
    readings = evidence.windows(objective.quantity, objective.stream, objective.window_s)
    if not readings:
        return Judged(objective, math.nan, None, f"{TOO_LITTLE}: no full window of {objective.window_s:g} s")
    told = [r.value for r in readings if not math.isnan(r.value)]
    met = sum(good(objective, value) for value in told)
    unknown = len(readings) - len(told)
    asked = math.ceil(objective.window_share * len(readings) - 1e-9)
    holds = True if met >= asked else False if met + unknown < asked else None
    because = f"{met} of {len(readings)} windows of {objective.window_s:g} s good, {asked} asked"
    if unknown:
        missing = next(r.missing or TOO_LITTLE for r in readings if math.isnan(r.value))
        because += f", {unknown} unknown ({missing})"
    return Judged(objective, _kept_by(objective, told, asked), holds, because)


def _kept_by(objective: Objective, values: Sequence[float], asked: int) -> float:
    """The limit that `asked` of the windows would have met; the worst known where fewer are known."""
    best_first = sorted(values, reverse=not objective.at_most)
    return best_first[min(max(asked, 1), len(best_first)) - 1] if best_first else math.nan


def _sentence(objective: Objective, value: float, holds: bool) -> str:
    asked = "at most" if objective.at_most else "at least"
    name = f"{objective.quantity}[{objective.stream}]" if objective.stream else objective.quantity
    kind = QUANTITIES[objective.subject][objective.quantity].kind
    reached, limit = wording.beside(value, objective.limit, kind), wording.told(objective.limit, kind)
    return f"{name} is {reached}, {asked} {limit} asked: {'holds' if holds else 'missed'}"


def enough(samples: float, q: float) -> bool:
    """Are there enough samples for the quantile q? At least one is to be expected beyond it."""
    return samples * (1.0 - q) >= 1.0 - 1e-9


@dataclass(frozen=True)
class Sends:
    """Evidence from requests, columns of equal length in order of due time, within a hold.

    due_s, latency_s (from the due time; infinite for whatever failed or was dropped): float64. failed: bool.
    messages, accepted: float64, messages of the request and how many of them counted as goodput.
    from_s, to_s: the hold without its warm-up.
    """

    due_s: Floats
    latency_s: Floats
    failed: Mask
    messages: Floats
    accepted: Floats
    from_s: float
    to_s: float

    def whole(self, quantity: str, stream: str) -> Reading:
        """Over the hold."""
        return self._read(quantity, stream, slice(0, len(self.due_s)))

    def windows(self, quantity: str, stream: str, window_s: float) -> Sequence[Reading]:
        """In each full window of the hold."""
        full = math.floor((self.to_s - self.from_s) / window_s + 1e-9)
        cuts = np.searchsorted(self.due_s, self.from_s + np.arange(full + 1) * window_s)
        return [self._read(quantity, stream, slice(a, b)) for a, b in pairwise(cuts.tolist())]

    def _read(self, quantity: str, stream: str, part: slice) -> Reading:
        due = len(self.due_s[part])
        if stream:
            return Reading(math.nan, f"requests are not told apart by stream {stream!r}")
        if quantity in QUANTILES:
            return _latency(self.latency_s[part], quantity)
        if not due:
            return Reading(math.nan, f"{TOO_LITTLE}: nothing was due")
        if quantity == "error_share":
            return Reading(float(self.failed[part].mean()))
        if quantity == "goodput_share":
            return Reading(float(self.accepted[part].sum() / self.messages[part].sum()))
        return Reading(math.nan, f"requests tell nothing about {quantity}")


def _latency(latency_s: Floats, quantity: str) -> Reading:
    q, due = QUANTILES[quantity], len(latency_s)
    if not enough(due, q):
        return Reading(math.nan, f"{TOO_LITTLE}: {due} requests for a {quantity}")
    at = max(0, math.ceil(q * due - 1e-9) - 1)
    return Reading(float(np.partition(latency_s, at)[at]))


def evidence_of(
    due_s: Floats,
    latency_s: Floats,
    failed: Mask,
    *,
    from_s: float,
    to_s: float,
    messages: npt.ArrayLike | None = None,
    accepted: npt.ArrayLike | None = None,
) -> Sends:
    """Evidence from what was due within [from_s, to_s), in any order.

    A failed request counts as slow whatever its latency; so does a latency of NaN (it never ended).
    messages: per request, 1 by default; accepted: of them, by default all of a request that did not fail.
    """
    weight = np.ones(len(due_s)) if messages is None else np.asarray(messages, dtype=np.float64)
    goodput = np.where(failed, 0.0, weight) if accepted is None else np.asarray(accepted, dtype=np.float64)
    slow = np.where(failed | np.isnan(latency_s), np.inf, latency_s)
    order = np.argsort(due_s, kind="stable")
    order = order[(due_s[order] >= from_s) & (due_s[order] < to_s)]
    return Sends(due_s[order], slow[order], failed[order], weight[order], goodput[order], from_s, to_s)
