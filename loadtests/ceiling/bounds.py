"""Two ceilings of one target: what it accepts and what it delivers, found among the same trials. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.ceiling.shown import Tried, believed_per_s, reported
from loadtests.ceiling.trial import Trial, delivered_of_accepted_per_s


@dataclass(frozen=True)
class Bound:
    """The highest rate (messages/s) of one kind, as an interval: low held, high broke (infinite where none
    did: is_lower_bound), point is the best estimate. sustained_per_s: what came through where more was there
    than could, its direct measure; NaN where no trial showed it."""

    point_per_s: float
    low_per_s: float
    high_per_s: float
    is_lower_bound: bool
    sustained_per_s: float = math.nan


def acceptance(trials: Sequence[Trial]) -> Bound:
    """The highest rate at which the target accepts as the objectives ask, whatever becomes of it."""
    return _bound([accepting(trial, trial.duration_s) for trial in trials])


def delivery(trials: Sequence[Trial]) -> Bound | None:
    """The highest accepted rate that is also delivered, so that no backlog grows; None where deliveries were
    not observed."""
    tried = [_delivering(trial) for trial in trials if trial.delivers is not None]
    return _bound(tried) if tried else None


def accepting(trial: Trial, took_s: float) -> Tried:
    """A trial as it tells of acceptance."""
    return Tried(trial.offered_per_s, trial.duration_s, trial.accepts, trial.accepted_per_s, took_s)


def _delivering(trial: Trial) -> Tried:
    accepted_per_s = trial.offered_per_s if trial.accepted_per_s is None else trial.accepted_per_s
    rate_per_s = min(trial.offered_per_s, accepted_per_s)
    flow_per_s = delivered_of_accepted_per_s(trial.measurement, trial.accepted_per_s)
    carried = trial.sustained_per_s or flow_per_s
    return Tried(rate_per_s, trial.duration_s, trial.delivers or "invalid", carried)


def _bound(tried: Sequence[Tried]) -> Bound:
    low, high, point = reported(tried)
    believed = believed_per_s(tried)
    return Bound(
        point_per_s=point,
        low_per_s=low,
        high_per_s=high,
        is_lower_bound=math.isinf(high),
        sustained_per_s=math.nan if believed is None else believed,
    )
