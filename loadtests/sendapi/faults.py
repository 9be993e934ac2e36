"""Faults that can be switched while the API runs: what they are, and who makes them happen."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from loadtests.sendapi.dispatcher import Dispatcher
from loadtests.sendapi.door import Door
from loadtests.sendapi.knobs import Stall
from loadtests.targets.embedded import parse_stall
from scenarios.problems import Problem, UserError, nearest
from scenarios.quantities import parse_duration, parse_rate, parse_share

ERROR = "error"
"""What the access log calls a send that was answered 500 on purpose."""


class Faults(msgspec.Struct, frozen=True):
    """What goes wrong now; None = as the API was started.

    `error_share`: of all good sends, 0-1, are answered 500 and not queued. `limit_per_s`: of every provider.
    """

    error_share: float = 0.0
    service_time_s: float | None = None
    stall: Stall | None = None
    limit_per_s: float | None = None


NONE = Faults()


class Switchboard:
    """The faults of one API."""

    def __init__(self, door: Door, dispatcher: Dispatcher, seed: int) -> None:
        self.now = NONE
        self._door = door
        self._dispatcher = dispatcher
        self._random = random.Random(seed)

    def switch(self, faults: Faults) -> None:
        """These hold from now on, and no others."""
        before, self.now = self.now, faults
        self._door.change(faults.service_time_s, faults.stall)
        if before.limit_per_s != faults.limit_per_s:
            self._dispatcher.limit(faults.limit_per_s)

    def hits(self) -> bool:
        """Whether the next send is to fail."""
        return self.now.error_share > 0.0 and self._random.random() < self.now.error_share


def _stall(text: str) -> Stall:
    length_s, every_s = parse_stall(text)
    if length_s >= every_s:
        raise ValueError("it would never thaw; a stall is shorter than its period")
    return Stall(length_s, every_s)


def _above_zero(text: str) -> float:
    rate_per_s = parse_rate(text)
    if rate_per_s <= 0.0:
        raise ValueError("a limit must let something pass")
    return rate_per_s


WORDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "error_share": ("error_share", parse_share),
    "service_time": ("service_time_s", parse_duration),
    "stall": ("stall", _stall),
    "limit": ("limit_per_s", _above_zero),
}
"""Keys of the admin endpoint: the field, and how its text is read."""


def read(document: object, base: Faults) -> Faults:
    """`base` with what a JSON document changes; null = as started. UserError with every mistake.

    {"error_share": "5%", "service_time": "20ms", "stall": "400ms/every 5s", "limit": "500/s"}
    """
    if not isinstance(document, Mapping):
        raise UserError(Problem("", "", "", "not a JSON object", ", ".join(WORDS)))
    changes: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in document.items():
        if key not in WORDS:
            message = "there is no such fault"
            problems.append(Problem("", key, "", message, ", ".join(WORDS), nearest(key, tuple(WORDS))))
            continue
        name, parse = WORDS[key]
        try:
            changes[name] = getattr(NONE, name) if value is None else parse(_text(value))
        except ValueError as error:
            problems.append(Problem("", key, str(value), str(error)))
    if problems:
        raise UserError(problems)
    return msgspec.structs.replace(base, **changes)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('write it as text with its unit, like "5%", "20ms" or "500/s"')
    return value
