"""What binds first: what limited the measured ceiling, and the busiest stages of the calibrated season."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtests.ceiling.ceiling import Ceiling
from loadtests.farside import FarProvider
from loadtests.targets.observing import ALL
from reports import units
from reports.findings import Resource
from sim.outcome import Outcome
from sim.traffic import MINUTE_S, peak

SATURATED_SHARE = 0.99

LIMITED_BY = {
    "latency": "the send API's latency",
    "limit": "the send API's own rate limit (429)",
    "backlog": "delivery behind the send API's door",
    "errors": "errors of the send API",
    "generator": "the load generator, not the target",
    "nothing": "nothing up to the highest rate tried",
}


@dataclass(frozen=True)
class Binding:
    """What gives first, the evidence for it in one sentence, and the stages, busiest first."""

    what: str
    because: str
    resources: tuple[Resource, ...]


def per_minute(counts: npt.NDArray[np.float64], bin_s: float) -> npt.NDArray[np.float64]:
    """Mean per second over tumbling minutes of the last axis: float64 (…, minutes); the last may be short."""
    wide = max(1, round(MINUTE_S / bin_s))
    starts = np.arange(0, counts.shape[-1], wide)
    sums = np.add.reduceat(counts, starts, axis=-1)
    lengths = np.diff(np.append(starts, counts.shape[-1]))
    return np.asarray(sums / (lengths * bin_s), dtype=np.float64)


def resources(outcome: Outcome) -> tuple[Resource, ...]:
    """Every stage's utilisation, busiest in its own worst minute first, longest saturated among equals."""
    if not outcome.stages or outcome.bins == 0:
        return ()
    busy_share = outcome.busy_share
    minutes = per_minute(busy_share.astype(np.float64) * outcome.bin_s, outcome.bin_s)
    at_peak = _peak_bins(outcome)
    saturated_s = (busy_share >= SATURATED_SHARE).sum(axis=-1) * outcome.bin_s
    found = [
        Resource(
            name,
            float(busy_share[i, at_peak].mean(dtype=np.float64)),
            float(minutes[i].max()),
            float(saturated_s[i]),
        )
        for i, name in enumerate(outcome.stages)
    ]
    return tuple(sorted(found, key=lambda r: (-round(r.busy_share_max, 3), -r.saturated_s, -r.busy_share)))


def _peak_bins(outcome: Outcome) -> slice:
    """The bins of the minute in which most is offered."""
    found = peak(outcome.total("offered"), outcome.bin_s)
    first = min(int(found.start_s / outcome.bin_s), outcome.bins - 1)
    return slice(first, first + max(1, round(MINUTE_S / outcome.bin_s)))


def behind(ceiling: Ceiling | None) -> FarProvider | None:
    """The provider that held deliveries back at the lowest rate that broke: measured, not simulated."""
    breaks = [trial for trial in ceiling.trials if trial.verdict == "breaks"] if ceiling else []
    if not breaks or ceiling is None or ceiling.limited_by != "backlog":
        return None
    lowest = min(breaks, key=lambda trial: trial.offered_per_s)
    return max(lowest.measurement.providers, key=_kept_back_share, default=None)


def _kept_back_share(far: FarProvider) -> float:
    """Of what reaches a provider, the part that stays in front of it."""
    reaches = far.delivered_per_s + far.backlog_growth_per_s
    return far.backlog_growth_per_s / reaches if reaches > 0.0 else 0.0


def far_words(name: str) -> str:
    """A provider behind the send API; one that carries every channel has no name of its own."""
    return "the provider limit that all channels share" if name == ALL else f"the limit of provider {name}"


def stage_words(name: str) -> str:
    """A stage's name for a reader: `provider:push` is the provider push."""
    kind, _, own = name.partition(":")
    return f"the provider {own}" if kind == "provider" and own else f"the {name}"


def binding(
    ceiling: Ceiling | None,
    stages: tuple[Resource, ...],
    *,
    season_misses: bool,
    workers: float | None = None,
    cause: str = "",
) -> Binding:
    """What gives first.

    The measured ceiling says so, unless nothing limited it or the calibrated season misses an objective
    that the ceiling does not explain: then the busiest stage of the season does. Behind a measured backlog
    the provider whose queue grew is named; behind a measured latency the workers, where a trial saturated
    them: `workers` is how many it showed. `cause`: what was observed of the target there.
    """
    simulated = _simulated(stages)
    if ceiling is None or not ceiling.valid:
        return Binding(stage_words(stages[0].name) if stages else "", simulated, stages)
    measured = _joined(_measured(ceiling), cause)
    if slow := behind(ceiling):
        return Binding(far_words(slow.name), _joined(measured, simulated), stages)
    if ceiling.limited_by == "latency" and workers is not None:
        what = f"the send API's workers: all {workers:.3g} busy"
        return Binding(what, _joined(measured, simulated), stages)
    if (season_misses or ceiling.limited_by == "backlog") and stages and stages[0].busy_share_max >= 0.8:
        return Binding(stage_words(stages[0].name), _joined(simulated, measured), stages)
    return Binding(
        LIMITED_BY.get(ceiling.limited_by, ceiling.limited_by), _joined(measured, simulated), stages
    )


def _measured(ceiling: Ceiling) -> str:
    breaks = [trial for trial in ceiling.trials if trial.verdict == "breaks"]
    if not breaks:
        return f"measured: nothing broke up to {units.rate(ceiling.low_per_s)}"
    first = min(breaks, key=lambda trial: trial.offered_per_s)
    return f"measured: at {units.rate(first.offered_per_s)} {first.because}"


def _simulated(stages: tuple[Resource, ...]) -> str:
    if not stages:
        return ""
    told = ", ".join(
        f"{stage_words(stage.name)} {units.percent(stage.busy_share_max)}" for stage in stages[:3]
    )
    return f"simulated, busiest minute: {told} busy"


def _joined(first: str, second: str) -> str:
    return "; ".join(part for part in (first, second) if part)


def room_left(busy_share: float) -> float:
    """How many times more a stage could carry: 1 / utilisation (inf when idle)."""
    return 1.0 / busy_share if busy_share > 0.0 else math.inf
