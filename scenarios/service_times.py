"""Measured service times: a file of them, turned into the quantiles that stand in a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scenarios.files import read_text
from scenarios.problems import BadValueError, Problem, UserError
from scenarios.quantities import DURATION_ALLOWED, parse_duration

KEY = "pipeline.workers.samples"
SAMPLES_MIN = 20
_QUANTILES = 201
"""Every half percent."""


def with_quantiles(table: Mapping[str, Any], folder: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The raw tables of a scenario with the file of service times that they name read into `quantiles`.

    Tables that name none come back as they are; so do those whose file cannot be read, with the problems.
    """
    pipeline = table.get("pipeline")
    workers = pipeline.get("workers") if isinstance(pipeline, Mapping) else None
    file = workers.get("samples") if isinstance(workers, Mapping) else None
    if not isinstance(pipeline, Mapping) or not isinstance(workers, Mapping) or not isinstance(file, str):
        return dict(table), []
    try:
        told = {**workers, "quantiles": [f"{time_s!r}s" for time_s in _read(folder / file, file)]}
    except UserError as error:
        return dict(table), list(error.problems)
    told.pop("samples")
    return {**table, "pipeline": {**pipeline, "workers": told}}, []


def _read(path: Path, file: str) -> list[float]:
    """Quantiles 0, 1/200, ... 1 of the times in a file, seconds, ascending."""
    times_s: list[float] = []
    problems: list[Problem] = []
    for line, text in _lines(read_text(path, file)):
        try:
            times_s.append(parse_duration(text))
        except BadValueError as error:
            problems.append(Problem(f"{file}:{line}", KEY, text, error.message, error.allowed, error.nearest))
    if not problems and len(times_s) < SAMPLES_MIN:
        reason = f"has {len(times_s)} service times"
        allowed = f"at least {SAMPLES_MIN}, one a line: {DURATION_ALLOWED}"
        problems.append(Problem(file, KEY, file, reason, allowed))
    if problems:
        raise UserError(problems)
    times_s.sort()
    last = len(times_s) - 1
    return [_between(times_s, last * i / (_QUANTILES - 1)) for i in range(_QUANTILES)]


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _between(times_s: list[float], at: float) -> float:
    low = min(int(at), len(times_s) - 2)
    return times_s[low] + (at - low) * (times_s[low + 1] - times_s[low])
