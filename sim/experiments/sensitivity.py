"""What the headline hangs on: Sobol's indices of keys over ranges, and of chance, on simulated seasons.

Chance is an input like the others: which of the seeds a season meets. The same points whatever computes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenarios.catalogue import Loaded
from scenarios.problems import Problem, UserError
from sim.experiments.axis import Axis, axis_of, with_settings
from sim.experiments.sobol import Indices, design, indices
from sim.experiments.trials import Laboratory
from sim.experiments.vary import Grid
from sim.seeds import stream

OPTION = "--sensitivity"
FORM = "--vary KEY=LOW,HIGH, as in pipeline.workers.count=1000,1400"
CHANCE = "chance"
FIGURES = (
    "peak_offered_per_s",
    "delivered",
    "expired",
    "failed",
    "delay_s_p50",
    "delay_s_p99",
    "backlog_max",
    "drain_s",
    "revenue",
)
"""Of a replication: what `simulate` puts first."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Range:
    """A key whose value is anywhere between two ends, evenly; whole numbers stay whole."""

    axis: Axis
    low: float
    high: float

    @property
    def key(self) -> str:
        """Of the scenario."""
        return self.axis.key

    def setting(self, at: float) -> str:
        """KEY=VALUE at 0-1 of the way."""
        return self.axis.setting(self.axis.snapped(self.low + at * (self.high - self.low)))


@dataclass(frozen=True)
class Varied:
    """A figure over all points; indices by input, None where it does not vary or a season cannot tell it."""

    mean: float
    deviation: float
    indices: Mapping[str, Indices] | None


@dataclass(frozen=True)
class Sensitivity:
    """ranges: the inputs beside chance. points: of the design; simulated: seasons."""

    ranges: tuple[Range, ...]
    points: int
    simulated: int
    figures: Mapping[str, Varied]


def ranges_of(loaded: Loaded, grid: Grid) -> tuple[Range, ...]:
    """Ranges from `--vary KEY=LOW,HIGH`. Raises UserError telling every mistake."""
    problems: list[Problem] = []
    found = []
    for key, values in grid:
        try:
            found.append(_range(loaded, key, values))
        except UserError as error:
            problems += error.problems
    if not grid:
        problems.append(Problem("", OPTION, "", "needs inputs and their ranges", FORM))
    if problems:
        raise UserError(problems)
    return tuple(found)


def _range(loaded: Loaded, key: str, values: Sequence[str]) -> Range:
    if len(values) != 2:
        raise UserError(Problem("", OPTION, f"{key}={','.join(values)}", "is no range", FORM))
    ends = [
        axis_of(with_settings(loaded, [f"{key}={value}"]), key, OPTION, least=-math.inf) for value in values
    ]
    low, high = (axis.at for axis in ends)
    if not low < high:
        raise UserError(Problem("", OPTION, f"{key}={','.join(values)}", "LOW is not below HIGH", FORM))
    # 0,0.5 is a range of fractions although its low end is written as a whole number
    return Range(min(ends, key=lambda axis: axis.step), low, high)


def sensitivity(
    loaded: Loaded, ranges: Sequence[Range], seeds: Sequence[int], points: int, laboratory: Laboratory
) -> Sensitivity:
    """Indices from `points` x (inputs + 2) seasons; chance is an input where there is more than one seed.

    points: a power of two. Raises UserError for a value within a range that the scenario does not allow.
    """
    keys = [each.key for each in ranges] + ([CHANCE] if len(seeds) > 1 else [])
    rows = design(len(keys), points, stream(seeds[0], "sensitivity")).rows
    asked = [(_at(loaded, ranges, row), _seed(seeds, row[len(ranges) :])) for row in rows]
    replications = [trial.replication for trial in laboratory.trials(asked, "plan")]
    figures = {
        name: _varied(np.array([getattr(r, name) for r in replications]), keys, seeds[0]) for name in FIGURES
    }
    return Sensitivity(tuple(ranges), points, len(rows), figures)


def _at(loaded: Loaded, ranges: Sequence[Range], row: Floats) -> Loaded:
    return with_settings(loaded, [each.setting(at) for each, at in zip(ranges, row.tolist(), strict=False)])


def _seed(seeds: Sequence[int], rest: Floats) -> int:
    return seeds[int(float(rest[0]) * len(seeds))] if len(rest) else seeds[0]


def _varied(told: Floats, keys: Sequence[str], seed: int) -> Varied:
    if not np.isfinite(told).all():
        return Varied(math.nan, math.nan, None)
    found = indices(told, len(keys), stream(seed, "sensitivity", "intervals"))
    by_key = None if found is None else dict(zip(keys, found, strict=True))
    return Varied(float(told.mean()), float(told.std()), by_key)
