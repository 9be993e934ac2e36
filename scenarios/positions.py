"""Where each key and value of a TOML text stands: tomllib reads values and keeps no positions.

The scanner follows only what it needs of TOML 1.0: tomllib has accepted the text before it comes here.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]
"""Names of tables and keys, indices of array items: ("campaign", 2, "release")."""

_BLANK = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_FOUND_MAX = 60


@dataclass
class Places:
    """Offsets into `text`: of keys, of values (start, end), of table headers."""

    text: str
    keys: dict[KeyPath, int] = field(default_factory=dict)
    values: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    headers: dict[KeyPath, int] = field(default_factory=dict)

    def of_key(self, path: KeyPath) -> str:
        """`line:column` of a key, else of the nearest table around it."""
        return self._line_column(self.keys[path]) if path in self.keys else self.of_table(path[:-1])

    def of_value(self, path: KeyPath) -> str:
        """`line:column` of a value, else of the nearest table around it."""
        return self._line_column(self.values[path][0]) if path in self.values else self.of_table(path)

    def of_table(self, path: KeyPath) -> str:
        """`line:column` of a table's header, or of what stands for one; 1:1 is the file itself."""
        starts = self.headers.get(path, self.values.get(path, (self.keys.get(path),))[0])
        if starts is not None:
            return self._line_column(starts)
        return self.of_table(path[:-1]) if path else "1:1"

    def as_written(self, path: KeyPath) -> str:
        """The value's text in one line, shortened; "" for a table with a header of its own."""
        if path not in self.values:
            return ""
        start, end = self.values[path]
        text = " ".join(self.text[start:end].split())
        return text if len(text) <= _FOUND_MAX else text[: _FOUND_MAX - 1] + "…"

    def _line_column(self, offset: int) -> str:
        line = self.text.count("\n", 0, offset) + 1
        return f"{line}:{offset - self.text.rfind(chr(10), 0, offset)}"


def locate(text: str) -> Places:
    """The places of a TOML text that tomllib accepts. Lines and columns count from 1, in characters."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.places


class _Scanner:
    """One pass over the text; `at` is the offset of the next character."""

    def __init__(self, text: str) -> None:
        self.places = Places(text)
        self.text = text
        self.at = 0
        self.array_lengths: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_FILLER)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_FILLER)

    def _header(self) -> KeyPath:
        start = self.at
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        parts = self._dotted_key()
        self.at += 2 if is_array else 1
        path: KeyPath = ()
        for position, (name, offset) in enumerate(parts):
            path = (*path, name)
            self.places.keys.setdefault(path, offset)
            if is_array and position == len(parts) - 1:
                self.array_lengths[path] = self.array_lengths.get(path, 0) + 1
            if path in self.array_lengths:
                path = (*path, self.array_lengths[path] - 1)
        self.places.headers[path] = start
        return path

    def _pair(self, table: KeyPath) -> None:
        path = table
        for name, offset in self._dotted_key():
            path = (*path, name)
            self.places.keys.setdefault(path, offset)
        self._skip(_BLANK)
        self.at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        start = self.at
        if self.text[start] == "[":
            self._array(path)
        elif self.text[start] == "{":
            self._inline_table(path)
        elif self.text[start] in "\"'":
            self._skip(_STRING)
        else:
            self._skip(_SCALAR)
            self.at -= len(self.text[start : self.at]) - len(self.text[start : self.at].rstrip())
        self.places.values[path] = (start, self.at)

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        self._skip(_FILLER)
        while self.text[self.at] != "]":
            self._value((*path, index))
            index += 1
            self._skip_comma(_FILLER)
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_FILLER)
        while self.text[self.at] != "}":
            self._pair(path)
            self._skip_comma(_FILLER)
        self.at += 1

    def _skip_comma(self, filler: re.Pattern[str]) -> None:
        self._skip(filler)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(filler)

    def _dotted_key(self) -> list[tuple[str, int]]:
        parts: list[tuple[str, int]] = []
        while True:
            self._skip(_BLANK)
            start = self.at
            quoted = self.text[start] in "\"'"
            self._skip(_STRING if quoted else _BARE_KEY)
            written = self.text[start : self.at]
            parts.append((tomllib.loads(f"k={written}")["k"] if quoted else written, start))
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self.text, self.at):
            self.at = match.end()
