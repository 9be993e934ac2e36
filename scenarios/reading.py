"""TOML text into any vocabulary: every problem at once, each with file:line:column."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from scenarios.complaints import Complaint, complaints, value_at
from scenarios.positions import KeyPath, Places, locate
from scenarios.problems import Problem, UserError, user_error
from scenarios.salvage import salvage
from scenarios.words import Word

AnyWord = TypeVar("AnyWord", bound=Word)
Checks = Callable[[AnyWord], Iterable[Complaint]]

_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class Document:
    """A parsed TOML text. `settings` holds, by path, the text of what was set from outside the file."""

    file: str
    table: dict[str, Any]
    places: Places
    settings: Mapping[KeyPath, str] = field(default_factory=dict)

    def problem(self, complaint: Complaint) -> Problem:
        """The complaint with its place, its key and what is written there."""
        place, found = f"{self.file}:{self._line_column(complaint)}", self.places.as_written(complaint.path)
        for path, text in self.settings.items():
            if self._comes_from(path, complaint.path):
                place, found = "--set", text.partition("=")[2].strip()
        key = self.key(complaint.path)
        return Problem(place, key, found, complaint.message, complaint.allowed, complaint.nearest)

    def _comes_from(self, setting: KeyPath, path: KeyPath) -> bool:
        """Whether what stands at `path` was put there by a setting."""
        is_new = path not in self.places.keys and path not in self.places.values
        return path[: len(setting)] == setting or (is_new and len(path) > 0 and setting[: len(path)] == path)

    def key(self, path: KeyPath) -> str:
        """The path in words: items of a list by their name, else by their index."""
        text = ""
        for end in range(1, len(path) + 1):
            part = path[end - 1]
            if isinstance(part, str):
                text += f".{part}" if text else part
            else:
                text += self._item(path[:end], part)
        return text

    def _item(self, path: KeyPath, index: int) -> str:
        try:
            name = value_at(self.table, (*path, "name"))
        except LookupError:
            return f"[{index}]"
        return f".{name}" if isinstance(name, str) and name else f"[{index}]"

    def _line_column(self, complaint: Complaint) -> str:
        if complaint.points_at == "key":
            return self.places.of_key(complaint.path)
        if complaint.points_at == "table":
            return self.places.of_table(complaint.path[:-1])
        return self.places.of_value(complaint.path)


def read(
    text: str,
    vocabulary: type[AnyWord],
    file: str,
    base: Mapping[str, Any] | None = None,
    checks: Checks[AnyWord] | None = None,
) -> AnyWord:
    """A TOML text read into a vocabulary.

    `file` is how the text is called in messages. `base` holds what goes without saying: the text's values
    go over it, table by table. `checks` look at what spans several values, also at what could be read of a
    text with mistakes. Raises UserError with every problem, in the order of the text.
    """
    document = parse(text, file)
    merged = Document(file, over(base or {}, document.table), document.places)
    word, problems = read_document(merged, vocabulary, checks)
    if word is None:
        raise UserError(problems)
    return word


def parse(text: str, file: str) -> Document:
    """The raw tables of a TOML text and where everything stands. Raises UserError for what is no TOML."""
    text = text.removeprefix("\ufeff")
    try:
        return Document(file, tomllib.loads(text), locate(text))
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(text, file, str(error)) from None
    except (RecursionError, ValueError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number has too many digits"
        raise user_error(f"this is not TOML that can be read: {reason}", where=f"{file}:1:1") from None


def over(base: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """`table` laid over `base`: tables are merged, everything else replaces."""
    merged = dict(base)
    for key, value in table.items():
        below = merged.get(key)
        merged[key] = over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def read_document(
    document: Document, vocabulary: type[AnyWord], checks: Checks[AnyWord] | None = None
) -> tuple[AnyWord | None, list[Problem]]:
    """The word, or None and every problem in the order of the text."""
    found: list[Complaint] = []
    word: AnyWord | None = None
    try:
        word = vocabulary.model_validate(document.table)
    except ValidationError as error:
        found = complaints(vocabulary, document.table, error)
    if checks is not None:
        found += checks(salvage(vocabulary, document.table) if word is None else word)
    if not found:
        return word, []
    return None, sorted({document.problem(complaint) for complaint in found}, key=text_order)


def text_order(problem: Problem) -> tuple[str, tuple[int, ...], Problem]:
    """Sorts problems by file, line and column."""
    file, *place = re.split(r":(?=\d+(?::\d+)*$)", problem.where, maxsplit=1)
    return file, tuple(int(number) for number in (place[0].split(":") if place else ())), problem


def _no_toml(text: str, file: str, reason: str) -> UserError:
    place = _TOML_PLACE.search(reason)
    lines = text.split("\n")
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (len(lines), len(lines[-1]) + 1)
    words = _TOML_PLACE.sub("", reason)
    found = lines[min(line, len(lines)) - 1].strip()[:60]
    return user_error(
        f"this is not TOML: {words[:1].lower()}{words[1:]}", where=f"{file}:{line}:{column}", found=found
    )
