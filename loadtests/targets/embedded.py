"""The embedded target: the reference send API with serve's options as a query."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from loadtests.sendapi.knobs import Knobs, Stall, check
from scenarios.problems import Problem, UserError, nearest
from scenarios.quantities import parse_count, parse_duration, parse_rate

STALL_ALLOWED = '"400ms/every 60s"'


@dataclass(frozen=True)
class Embedded:
    """A reference send API to be started with `knobs`; `text` is what the user wrote."""

    text: str = "embedded"
    knobs: Knobs = field(default_factory=Knobs)


def parse_stall(text: str) -> Stall:
    """`D/every D`: frozen for how long, how often. Raises ValueError."""
    match = re.match(r"^\s*([^/]+)/\s*(?:every)?\s*(.+)$", text)
    if match is None:
        raise ValueError(f"{text!r} is not a stall; write {STALL_ALLOWED}")
    return Stall(parse_duration(match[1].strip()), parse_duration(match[2].strip()))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


_OPTIONS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "limit": ("limit_per_s", parse_rate),
    "burst": ("burst", lambda text: float(parse_count(text))),
    "service-time": ("service_time_s", parse_duration),
    "distribution": ("distribution", str),
    "variation": ("variation", _number),
    "workers": ("workers", parse_count),
    "wait-bound": ("wait_bound_s", parse_duration),
    "stall": ("stall", parse_stall),
    "queue": ("queue", str),
    "queue-bound": ("queue_bound", parse_count),
    "freshness": ("freshness_s", parse_duration),
}
_DISTRIBUTIONS = ("deterministic", "exponential", "lognormal")


def parse_embedded(text: str) -> Embedded:
    """`embedded?limit=500/s&service-time=20ms&workers=8`. Raises UserError with every problem at once."""
    _, _, query = text.partition("?")
    settings: dict[str, Any] = {}
    problems: list[Problem] = []
    for part in filter(None, query.split("&")):
        name, _, raw = part.partition("=")
        value = unquote(raw.replace("+", " "))
        problem = _read_option(name, value, settings)
        problems += [problem] if problem else []
    knobs = Knobs(**settings)
    try:
        check(knobs, "--target")
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(problems)
    return Embedded(text, knobs)


def _read_option(name: str, value: str, settings: dict[str, Any]) -> Problem | None:
    if name not in _OPTIONS:
        near = nearest(name, tuple(_OPTIONS))
        message = "the embedded API has no such option"
        return Problem("--target", name, value, message, ", ".join(_OPTIONS), near)
    field_name, parse = _OPTIONS[name]
    if field_name in settings:
        return Problem("--target", name, value, "is given twice")
    if name == "distribution" and value not in _DISTRIBUTIONS:
        near = nearest(value, _DISTRIBUTIONS)
        return Problem("--target", name, value, "unknown distribution", ", ".join(_DISTRIBUTIONS), near)
    try:
        settings[field_name] = parse(value)
    except ValueError as error:
        return Problem("--target", name, value, str(error))
    return None
