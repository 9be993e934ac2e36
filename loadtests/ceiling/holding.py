"""One rate held for a trial: play it, observe the target, judge, let what is left drain."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from loadtests.ceiling.search import Next
from loadtests.ceiling.trial import Trial, judge_trial
from loadtests.replay.launch import Played
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule, constant
from loadtests.targets.observing import Observed, Observer
from scenarios.objectives import Objective

UNOBSERVED_PAUSE_S = 0.3
DRAIN_S_MAX = 10.0
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


class Player(Protocol):
    """What the search needs of the replay engine."""

    last: Played | None

    def play(self, schedule: Schedule, name: str) -> SendRecords:
        """Replay a schedule; `last.started_at` is then its time 0, seconds since 1970."""


def mixed(schedule: Schedule, like: Schedule) -> Schedule:
    """`schedule` with its requests given to the streams of `like` in the same proportion of messages.

    The golden ratio's multiples spread each stream evenly (a low-discrepancy sequence), so that a short trial
    has the mix of a long one.
    """
    weight = np.bincount(like.stream, weights=like.messages, minlength=len(like.streams))
    if weight.sum() <= 0.0:
        return schedule
    place = np.arange(1, schedule.due_s.size + 1) * GOLDEN % 1.0
    stream = np.searchsorted(np.cumsum(weight) / weight.sum(), place, side="right")
    return replace(
        schedule,
        stream=np.minimum(stream, len(like.streams) - 1).astype(np.int16),
        streams=like.streams,
        channels=like.channels,
        campaigns=like.campaigns,
        priorities=like.priorities,
        origin=f"{schedule.origin}, streams as in: {like.origin}",
    )


class Holding:
    """Holds one rate after the other: plays, observes, judges, lets the backlog drain."""

    def __init__(
        self,
        engine: Player,
        objectives: Sequence[Objective],
        batch: int,
        like: Schedule | None,
        observer: Observer | None,
        drain_s: float,
        keys: str,
    ) -> None:
        self._engine = engine
        self._objectives = objectives
        self._batch = batch
        self._like = like
        self._observer = observer
        self._drain_s = min(DRAIN_S_MAX, drain_s)
        self._keys = keys
        self.drains = True
        """Whether what a trial left in the target is waited for; not where only acceptance is looked at."""

    def trial(self, ahead: Next, name: str) -> Trial:
        """Hold the next rate. Raises what the engine raises."""
        schedule = constant(ahead.rate_per_s, ahead.duration_s, batch=self._batch, arrivals="even")
        if self._like is not None:
            schedule = mixed(schedule, self._like)
        before = self._observer.latest("backlog") if self._observer else None
        records = self._engine.play(schedule, name)
        played = self._engine.last
        observed: Observed | None = None
        if self._observer and played is not None:
            observed = self._observer.since(played.started_at)
        if self.drains:
            self._drain(before, ahead.rate_per_s)
        delays = self._observer.delays() if self._observer else None
        judged = judge_trial(name, schedule, records, self._objectives, observed, delays, self._keys)
        return replace(judged, alone=self.drains)

    def _drain(self, before: float | None, rate_per_s: float) -> None:
        """Until the backlog is back where it was, or so small that it is gone in a hundredth of a second."""
        if self._observer and before is not None:
            self._observer.settle(before + 0.01 * rate_per_s, self._drain_s)
        else:
            time.sleep(min(UNOBSERVED_PAUSE_S, self._drain_s))
