"""Trials of an experiment on the model: a scenario under a seed, judged.

Common random numbers: all candidates meet the same seeds, so that what differs between them is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from scenarios.catalogue import Loaded
from sim.experiments.executors import each
from sim.judging import Judged
from sim.outcome import Resolution
from sim.progress import SILENT, Watcher
from sim.seeds import derive
from sim.simulate import Replication, judged_replication


@dataclass(frozen=True)
class Trial:
    """One season: its figures and its objectives, judged."""

    replication: Replication
    judged: tuple[Judged, ...]

    @property
    def meets(self) -> bool:
        """Every objective is met; what cannot be told is not."""
        return all(j.holds is True for j in self.judged)


@dataclass(frozen=True)
class Laboratory:
    """Where trials are made, and how."""

    resolution: Resolution = "cohort"
    executor: Executor | None = None
    watcher: Watcher = SILENT
    width: int = 2
    """Trials that go on at a time, so that a search need not wait for more than it can use."""

    def trials(self, asked: Sequence[tuple[Loaded, int]], stage: str = "") -> list[Trial]:
        """A trial of each scenario under its seed, in their order; the watcher is told under `stage`."""
        found: list[Trial] = []
        for one in each(partial(trial, self.resolution), asked, self.watcher, self.executor):
            found.append(one)
            if stage:
                self.watcher.tell(stage, len(found), len(asked), f"{len(found)} of {len(asked)} seasons")
        return found


def trial(resolution: Resolution, asked: tuple[Loaded, int]) -> Trial:
    """A pure function of its arguments, for any executor."""
    loaded, seed = asked
    return Trial(*judged_replication(loaded, resolution, seed))


def seeds_of(loaded: Loaded, seed: int | None, replications: int) -> tuple[int, ...]:
    """The seeds of so many replications: those of `simulate --replications`."""
    first = loaded.scenario.seed if seed is None else seed
    return (first, *(derive(first, "replication", i) for i in range(1, replications)))
