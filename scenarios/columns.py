"""A file's columns as codes into distinct values, and every bad value with its exact place.

What a value means, and what is wrong with it, is worked out once for each distinct value: a year of minutes
of many streams is read in seconds, and still no bad row goes by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from scenarios.problems import BadValueError, Problem, listed, nearest

Value = TypeVar("Value")

LISTED_MAX = 1000
SHOWN = 50
"""Up to LISTED_MAX problems of one file are all told; of more only the first SHOWN, and how many they are."""


@dataclass(frozen=True)
class Column:
    """codes: int64 (rows,), index of each row's value in `values`; None is an empty place in Parquet."""

    codes: npt.NDArray[np.int64]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Faults:
    """Problems of one kind, the first of them told and the others counted."""

    told: tuple[Problem, ...] = ()
    more: int = 0


NO_FAULTS = Faults()


@dataclass(frozen=True)
class Table:
    """The wanted columns of a file, by the reader's own names.

    headers: what the file itself calls each column. misfits: rows that could not be taken apart.
    where(row, name): the place of a value, `file:line:column` of a CSV or `file:row N` of a Parquet file.
    """

    file: str
    columns: Mapping[str, Column]
    headers: Mapping[str, str]
    rows: int
    where: Callable[[int, str], str]
    misfits: Faults = NO_FAULTS


@dataclass(frozen=True)
class Parsed(Generic[Value]):
    """A column's meaning. values: by code, None where `errors` says what is wrong with it."""

    name: str
    codes: npt.NDArray[np.int64]
    values: tuple[Value | None, ...]
    errors: Mapping[int, BadValueError]
    texts: tuple[Any, ...]

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """bool (rows,), whether the row's value could be read."""
        return np.array([code not in self.errors for code in range(len(self.values))], dtype=np.bool_)[
            self.codes
        ]

    def at(self, row: int) -> Value | None:
        """The value of a row, None where it could not be read."""
        return self.values[int(self.codes[row])]

    @property
    def meaning(self) -> npt.NDArray[np.int64]:
        """int64 (rows,), one code for each meaning: texts that mean the same share the first one's code."""
        first: dict[Value | None, int] = {}
        same = [first.setdefault(value, code) for code, value in enumerate(self.values)]
        return np.array(same, dtype=np.int64)[self.codes]


def parsed(table: Table, name: str, parse: Callable[[Any], Value]) -> Parsed[Value]:
    """A column read by `parse`, which raises BadValueError for what it cannot read."""
    column = table.columns[name]
    values: list[Value | None] = []
    errors: dict[int, BadValueError] = {}
    for code, text in enumerate(column.values):
        try:
            values.append(parse(text))
        except BadValueError as error:
            values.append(None)
            errors[code] = error
    return Parsed(name, column.codes, tuple(values), errors, column.values)


def by_row(column: Parsed[Any], absent: float) -> npt.NDArray[np.float64]:
    """float64 (rows,): a numeric column's values, `absent` where they could not be read."""
    values = np.array([absent if value is None else value for value in column.values], dtype=np.float64)
    return values[column.codes]


def problems_of(table: Table, columns: Sequence[Parsed[Any]], others: Faults = NO_FAULTS) -> list[Problem]:
    """Every bad value, every row that is none and the `others`; of thousands the first, and how many more."""
    bad = [(column, np.flatnonzero(~column.good)) for column in columns if column.errors]
    found = [*table.misfits.told, *others.told]
    total = sum(len(rows) for _, rows in bad) + len(found) + table.misfits.more + others.more
    most = total if total <= LISTED_MAX else SHOWN
    for column, rows in bad:
        found += [_problem(table, column, int(row)) for row in rows[:most]]
    shown = sorted(found, key=_place)[:most]
    if total > len(shown):
        shown.append(Problem(table.file, "", "", f"and {total - len(shown):,} more problems"))
    return shown


def column_complaint(file: str, wanted: str, present: Sequence[str], key: str) -> Problem:
    """The problem of a column that the file does not have."""
    return Problem(
        f"{file}:1:1",
        "",
        "",
        f'there is no column "{wanted}"',
        f"the columns {listed(present)}; name yours in [{key}]",
        nearest(wanted, present),
    )


def _problem(table: Table, column: Parsed[Any], row: int) -> Problem:
    code = int(column.codes[row])
    error, found = column.errors[code], column.texts[code]
    text = "" if found is None else str(found)
    text = " ".join(text.split())
    shown = text if len(text) <= 60 else text[:59] + "…"
    header = table.headers[column.name]
    return Problem(table.where(row, column.name), header, shown, error.message, error.allowed, error.nearest)


def _place(problem: Problem) -> tuple[tuple[int, ...], Problem]:
    numbers = problem.where.replace("row ", "").split(":")
    return tuple(int(number) for number in numbers if number.isdigit()), problem
