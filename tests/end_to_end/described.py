"""FORMATS.md as data: which files there are, and the columns and keys that each has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "FORMATS.md"
LOOSE = "Files without a format"

_CODE = re.compile(r"`([^`]+)`")
_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \|(.*)")
_NOT_ALWAYS = "missing where"
_CAPTION = re.compile(r"^(Keys|Columns|Metadata)\b[^`]*(?:`([^`]+)`)?[^`]*:$")

Types = dict[str, str]
"""Type by column or key."""


@dataclass
class Section:
    """What the page says of some files: their format, columns, and keys by the object that has them."""

    files: tuple[str, ...]
    format: str = ""
    columns: Types = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    """Columns that some seasons have no use for."""
    keys: dict[str, Types] = field(default_factory=dict)
    """Of JSON or of a parquet file's metadata, by path in it: "" is the top, `trials[]` a list's items."""


def sections() -> list[Section]:
    """The page's sections about files that have a format."""
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [_section(part) for part in parts if part.startswith("`")]


def loose_files() -> list[str]:
    """Patterns of the files that have none."""
    part = PAGE.read_text(encoding="utf-8").split(f"## {LOOSE}")[1]
    return [match[1] for line in part.splitlines() if (match := _ROW.match(line))]


def matches(name: str, pattern: str) -> bool:
    """Whether a file's path in the run is meant by a pattern; `*` ends at a slash, `**` does not."""
    if pattern.endswith("/**"):
        return name.startswith(pattern.removesuffix("**"))
    return name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)


def _section(text: str) -> Section:
    heading, *lines = text.splitlines()
    found = Section(tuple(_CODE.findall(heading)))
    found.format = next((m[1] for line in lines if (m := re.match(r"Format `([^`]+)`", line))), "")
    for kind, path, name, type_, meaning in _rows(lines):
        types = found.columns if kind == "Columns" else found.keys.setdefault(path, {})
        assert name not in types, f"{heading}: {name} stands twice"
        types[name] = type_
        if kind == "Columns" and _NOT_ALWAYS in meaning:
            found.optional.add(name)
    return found


def _rows(lines: list[str]) -> Iterator[tuple[str, str, str, str, str]]:
    """(kind of table, path, name, type, what else is said) of every row."""
    kind = path = ""
    for line in lines:
        if caption := _CAPTION.match(line):
            kind = caption[1]
            path = "" if kind == "Columns" else caption[2] or ""
        elif row := _ROW.match(line):
            yield kind, path, row[1], row[2].strip(), row[3]
