"""What is wrong, where, what is allowed instead: the one user error, with its exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EXIT_USAGE = 2
EXIT_REFUSED = 4


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in something a user wrote.

    `where` is `file:line:column` as far as known (line and column count from 1),
    `key` the dotted name inside the file, `found` the offending text as written.
    """

    where: str
    key: str
    found: str
    message: str
    allowed: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        subject = " = ".join(part for part in (self.key, self.found) if part)
        text = f"{place}{subject}: {self.message}" if subject else f"{place}{self.message}"
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        return text


class BadValueError(ValueError):
    """A value that cannot be read: what is wrong with it, what is allowed, the nearest right one.

    Parsers raise it; readers add the place. A ValueError, as pydantic expects of its validators.
    """

    def __init__(self, message: str, allowed: str = "", nearest: str = "") -> None:
        self.message = message
        self.allowed = allowed
        self.nearest = nearest
        super().__init__(f"{message}; write {allowed}" if allowed else message)


class UserError(Exception):
    """Something the user can mend. Carries every problem found at once and the exit code."""

    def __init__(self, problems: Problem | Iterable[Problem], exit_code: int = EXIT_USAGE) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.exit_code = exit_code
        super().__init__("\n".join(str(problem) for problem in self.problems))


def user_error(
    message: str, *, where: str = "", key: str = "", found: str = "", allowed: str = "", exit_code: int = 2
) -> UserError:
    """A UserError with a single problem."""
    return UserError(Problem(where, key, found, message, allowed), exit_code)


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names in one line, the first `most` of them."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def nearest(name: str, allowed: Sequence[str]) -> str:
    """The allowed name most like `name`, or "" where none is near."""
    close = difflib.get_close_matches(name.lower(), [a.lower() for a in allowed], n=1, cutoff=0.6)
    return next((a for a in allowed if close and a.lower() == close[0]), "")
