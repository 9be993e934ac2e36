"""What is wrong with a table that was read, by its path in the table; pydantic's findings in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scenarios.positions import KeyPath
from scenarios.problems import BadValueError, nearest
from scenarios.shapes import Shape, choices, describe, keys_at, shape_at

_MISSING = object()


@dataclass(frozen=True)
class Complaint:
    """One mistake at a path. `points_at` says which place of the text shows it best."""

    path: KeyPath
    message: str
    allowed: str = ""
    nearest: str = ""
    points_at: Literal["value", "key", "table"] = "value"


def value_at(table: Any, path: KeyPath) -> Any:
    """The raw value at `path`. Raises LookupError where there is none."""
    for part in path:
        is_item = isinstance(table, list) and isinstance(part, int)
        if not (is_item or (isinstance(table, dict) and part in table)):
            raise LookupError(path)
        table = table[part]
    return table


def complaints(
    vocabulary: type[BaseModel], table: Mapping[str, Any], error: ValidationError
) -> list[Complaint]:
    """Every finding of pydantic on `table`, one per place, in plain words."""
    found: dict[KeyPath, Complaint] = {}
    placed = [(*_place(table, details), details) for details in error.errors(include_url=False)]
    for path, through_union, details in placed:
        deeper = any(other[: len(path)] == path and len(other) > len(path) for other, _, _ in placed)
        if through_union and deeper and isinstance(_value(table, path), dict | list):
            continue  # one member of a union took the table as its own and says more
        found.setdefault(path, _complaint(Shape(vocabulary), table, path, details))
    return list(found.values())


def _place(table: Any, details: ErrorDetails) -> tuple[KeyPath, bool]:
    """The path of a finding in the raw table, and whether pydantic came there through a union's member."""
    path: KeyPath = ()
    through_union = False
    for part in details["loc"]:
        inner = _value(table, (*path, part))
        if inner is not _MISSING:
            path = (*path, part)
        elif part != "[key]":
            through_union = True
    if details["type"] == "missing":
        path = (*path, details["loc"][-1])
    return path, through_union


def _value(table: Any, path: KeyPath) -> Any:
    try:
        return value_at(table, path)
    except LookupError:
        return _MISSING


def _complaint(root: Shape, table: Any, path: KeyPath, details: ErrorDetails) -> Complaint:
    kind = details["type"]
    reason = details.get("ctx", {}).get("error")
    if kind == "missing":
        return Complaint(path, "is missing", describe(shape_at(root, path)), points_at="table")
    if kind == "extra_forbidden" or details["loc"][-1] == "[key]":
        return _unknown_key(root, path)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_tag(path, details)
    if isinstance(reason, BadValueError):
        return Complaint(path, reason.message, reason.allowed, reason.nearest)
    if kind == "value_error":
        return Complaint(path, str(reason))
    return _wrong_value(shape_at(root, path), path, _value(table, path), details)


def _unknown_key(root: Shape, path: KeyPath) -> Complaint:
    known = keys_at(shape_at(root, path[:-1]))
    return Complaint(path, "unknown key", ", ".join(known), nearest(str(path[-1]), known), points_at="key")


def _unknown_tag(path: KeyPath, details: ErrorDetails) -> Complaint:
    context = details.get("ctx", {})
    name = str(context.get("discriminator", "")).strip("'()")
    allowed = str(context.get("expected_tags", "")).replace("'", '"')
    if details["type"] == "union_tag_not_found":
        return Complaint((*path, name), "is missing", allowed, points_at="table")
    known = tuple(tag.strip(' "') for tag in allowed.split(","))
    return Complaint((*path, name), f"unknown {name}", allowed, nearest(str(context.get("tag", "")), known))


def _wrong_value(shape: Shape | None, path: KeyPath, value: Any, details: ErrorDetails) -> Complaint:
    allowed = describe(shape)
    kind = details["type"]
    if isinstance(value, str) and (known := choices(shape)):
        return Complaint(path, f"is not one of the known {_plural(path)}", allowed, nearest(value, known))
    for start, words in _OUT_OF_BOUNDS:
        if kind.startswith(start):
            return Complaint(path, words, allowed)
    return Complaint(path, f"{kind_in_words(value)} does not fit here", allowed)


_OUT_OF_BOUNDS = (
    ("greater_than", "is too small"),
    ("less_than", "is too large"),
    ("too_short", "has too few items"),
    ("too_long", "has too many items"),
    ("string_too_short", "is too short"),
    ("string_too_long", "is too long"),
    ("finite_number", "is not a finite number"),
    ("int_from_float", "is not a whole number"),
    ("datetime", "is not a date and time"),
    ("date", "is not a date"),
)


def _plural(path: KeyPath) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), "value")
    return name if name.endswith("s") else f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def kind_in_words(value: Any) -> str:
    """What kind of TOML value this is."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a truth value"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "a text"),
        ((datetime, date, time), "a date or time"),
        (list, "a list"),
        (dict, "a table"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), "this value")
