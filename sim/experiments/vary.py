"""What if: every combination of some keys' values, each under the same seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from scenarios.catalogue import Loaded
from scenarios.problems import Problem, UserError
from sim.experiments.axis import with_settings
from sim.experiments.trials import Laboratory, Trial
from sim.simulate import Interval, intervals

OPTION = "--vary"
FORM = "KEY=A,B,C, as in pipeline.workers.count=1000,1200,1400"
ROWS_MAX = 1000

Grid = Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class Row:
    """One combination. met_share: of the replications, those that meet every objective.

    each_met_share: the same by objective, in the scenario's words.
    """

    settings: Mapping[str, str]
    met_share: float
    each_met_share: Mapping[str, float]
    figures: Mapping[str, Interval]
    trials: tuple[Trial, ...]


def grid_of(texts: Sequence[str]) -> Grid:
    """Keys and their values from the options as typed; commas within brackets belong to a value.

    Raises UserError.
    """
    problems, grid = [], []
    for text in texts:
        key, equals, values = text.partition("=")
        found = [value.strip() for value in _split(values)]
        if not equals or not key.strip() or not all(found):
            problems.append(Problem("", OPTION, text, "is no list of values", FORM))
        grid.append((key.strip(), found))
    size = math.prod(len(values) for _, values in grid)
    if not problems and size > ROWS_MAX:
        problems.append(
            Problem("", OPTION, " ".join(texts), f"makes {size} combinations", f"at most {ROWS_MAX}")
        )
    if problems:
        raise UserError(problems)
    return grid


def vary(loaded: Loaded, grid: Grid, seeds: Sequence[int], laboratory: Laboratory) -> tuple[Row, ...]:
    """A row for every combination, the last key fastest. Raises UserError for a value that does not fit."""
    keys = [key for key, _ in grid]
    combinations = [dict(zip(keys, values, strict=True)) for values in product(*(v for _, v in grid))]
    candidates, problems = [], []
    for settings in combinations:
        try:
            candidates.append(with_settings(loaded, [f"{key}={value}" for key, value in settings.items()]))
        except UserError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise UserError(problems)
    trials = laboratory.trials([(candidate, seed) for candidate in candidates for seed in seeds], "plan")
    n = len(seeds)
    return tuple(row_of(settings, trials[at * n : (at + 1) * n]) for at, settings in enumerate(combinations))


def row_of(settings: Mapping[str, str], trials: Sequence[Trial]) -> Row:
    """What the trials of one combination say."""
    by_objective = zip(*(trial.judged for trial in trials), strict=True)
    each = {own[0].objective.text: sum(j.holds is True for j in own) / len(own) for own in by_objective}
    met = sum(trial.meets for trial in trials) / len(trials)
    return Row(settings, met, each, intervals(tuple(t.replication for t in trials)), tuple(trials))


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts
