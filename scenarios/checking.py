"""`peakday check FILE...`: every problem of scenario, target, history and calendar files at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scenarios.catalogue import find
from scenarios.files import read_text
from scenarios.history import check_history
from scenarios.plan import WANTED, read_calendar
from scenarios.problems import Problem, UserError, user_error
from scenarios.reading import AnyWord, Checks, Document, parse, read_document
from scenarios.resolving import resolve
from scenarios.salvage import salvage
from scenarios.scenario import Scenario
from scenarios.season import Columns
from scenarios.tables import columns_of

TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq")
TARGET_KEYS = frozenset({"operation", "base_url", "like", "observe"})
"""A TOML file with one of these at its top is a target file."""


def check_files(
    files: Sequence[str], target: type[AnyWord] | None = None, target_checks: Checks[AnyWord] | None = None
) -> list[Problem]:
    """All problems of all files, in the order of the files.

    A .toml is a target file when it has one of TARGET_KEYS, and is read into the vocabulary `target`; else it
    is a scenario, also by its shipped name, read with the history and the calendar that it names. A CSV or
    Parquet file is a history or a calendar by its columns; by itself it is read with the default names of the
    columns, in UTC, and its rows are not held against a season.
    """
    return [problem for file in files for problem in _problems(file, target, target_checks)]


def _problems(
    file: str, target: type[AnyWord] | None, target_checks: Checks[AnyWord] | None
) -> list[Problem]:
    try:
        path = find(file)
        if path.suffix.lower() in TABLE_ENDINGS:
            _check_table(path, file)
            return []
        text = read_text(path, file)
        document = parse(text, file)
        if target is not None and TARGET_KEYS & document.table.keys():
            return read_document(document, target, target_checks)[1]
        return _scenario_problems(document, text, path)
    except UserError as error:
        return list(error.problems)


def _scenario_problems(document: Document, text: str, path: Path) -> list[Problem]:
    if not document.table:
        raise user_error("is empty", where=document.file, allowed="a scenario or a target file")
    return list(resolve(document, text, path.parent, ()).problems)


def _check_table(path: Path, file: str) -> None:
    """Raises UserError with every problem of a history or a calendar."""
    present = set(columns_of(path, file))
    history, calendar = set(Columns().model_dump().values()), set(WANTED)
    nowhere = salvage(Scenario, {})
    if len(present & calendar) > len(present & history):
        read_calendar(nowhere, path, file)
    else:
        check_history(nowhere, path, file)
