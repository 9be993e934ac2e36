"""The options of a command as typed, read together: every mistake in them is told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from loadtests.targets import safety
from loadtests.targets.embedded import Embedded
from loadtests.targets.target import Target, resolve
from scenarios.objectives import Objective, parse_objective
from scenarios.problems import BadValueError, Problem, UserError

Value = TypeVar("Value")


class Options:
    """Reads options one by one and keeps what is wrong with them until `check`."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def value(self, name: str, text: str, parse: Callable[[str], Value], instead: Value) -> Value:
        """The value of an option; `instead` where it cannot be read, until `check` says so."""
        try:
            return parse(text)
        except BadValueError as error:
            problem = Problem("", name, text, error.message, error.allowed, error.nearest)
        except ValueError as error:
            problem = Problem("", name, text, str(error))
        self._problems.append(problem)
        return instead

    def above_zero(self, name: str, text: str, parse: Callable[[str], float]) -> float:
        """The same for a rate or a duration of which none at all makes no sense."""
        value = self.value(name, text, parse, 1.0)
        if value <= 0.0:
            self._problems.append(Problem("", name, text, "is nothing at all", "more than 0"))
        return value

    def within(self, name: str, text: str, start_s: float, duration_s: float) -> None:
        """Keep that a start lies beyond the season, where it does."""
        if start_s >= duration_s:
            message = "is not in the season"
            self._problems.append(Problem("", name, text, message, f"0s to less than {duration_s:g}s"))

    def objectives(self, name: str, texts: Sequence[str]) -> tuple[Objective, ...]:
        """Objectives of a send API."""
        found = [
            self.value(name, text, lambda line: parse_objective(line, "send api"), None) for text in texts
        ]
        return tuple(objective for objective in found if objective is not None)

    def told(self, read: Callable[[], Value]) -> Value | None:
        """What `read` returns; None where it raises a UserError, until `check` raises it."""
        try:
            return read()
        except UserError as error:
            self._problems += error.problems
            return None

    def target(self, text: str) -> Target | Embedded | None:
        """What `--target` means."""
        return self.told(lambda: resolve(text))

    def check(self) -> None:
        """Raises UserError with everything that is wrong."""
        if self._problems:
            raise UserError(self._problems)


def must_answer(target: Target | Embedded | None) -> None:
    """Before anything is simulated: a target of somebody else's may be loaded, and answers. UserError (4)."""
    if isinstance(target, Target):
        safety.check(target)
        safety.check_each(target)
