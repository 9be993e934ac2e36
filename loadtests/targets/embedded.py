"""The embedded target: the reference send API with serve's options as a query."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import msgspec

from loadtests.sendapi.knobs import Distribution, Knobs, Stall, check
from scenarios.problems import BadValueError, Problem, UserError, nearest
from scenarios.quantities import parse_count, parse_duration, parse_rate, parse_size

TARGET = "--target"
"""Where options stand that are written into a target."""
STALL_ALLOWED = '"400ms/every 60s"'


@dataclass(frozen=True)
class Embedded:
    """What the reference send API is asked to be, with the names of `Knobs`; None = not asked, left as it is.

    `text` is what the user wrote. `delivery` "webhook": what becomes of messages is heard by peakday. The
    door is frozen for `stall_s` of every `stall_every_s`; 0 = never.
    """

    text: str = "embedded"
    limit_per_s: float | None = None
    burst: float | None = None
    service_time_s: float | None = None
    distribution: Distribution | None = None
    variation: float | None = None
    workers: int | None = None
    processes: int | None = None
    wait_bound_s: float | None = None
    stall_s: float = 0.0
    stall_every_s: float = 0.0
    queue: str | None = None
    queue_bound: int | None = None
    queue_bytes: int | None = None
    freshness_s: float | None = None
    drain_s: float | None = None
    access_log: str | None = None
    sink: str | None = None
    webhook: str | None = None
    delivery: str = ""
    attempts: int | None = None
    backoff_s: float | None = None

    def over(self, base: Knobs) -> Knobs:
        """`base` with what was asked on top. Raises UserError where that makes no sense.

        A limit replaces all providers by one; a service time without a distribution is the same every time.
        """
        asked = {name: getattr(self, name) for name in _PLAIN if getattr(self, name) is not None}
        if self.limit_per_s is not None:
            asked |= {"providers": (), "burst": self.burst}
        if self.service_time_s is not None:
            asked.setdefault("distribution", "deterministic")
        if self.stall_s:
            asked["stall"] = Stall(self.stall_s, self.stall_every_s)
        knobs = msgspec.structs.replace(base, **asked)
        check(knobs, TARGET)
        return knobs


_PLAIN = (
    "limit_per_s",
    "burst",
    "service_time_s",
    "distribution",
    "variation",
    "workers",
    "processes",
    "wait_bound_s",
    "queue",
    "queue_bound",
    "queue_bytes",
    "freshness_s",
    "drain_s",
    "access_log",
    "sink",
    "webhook",
    "attempts",
    "backoff_s",
)


def parse_stall(text: str) -> tuple[float, float]:
    """`D/every D`: frozen for how long, how often, in seconds. Raises ValueError."""
    match = re.match(r"^\s*([^/]+)/\s*(?:every)?\s*(.+)$", text)
    if match is None:
        raise ValueError(f"{text!r} is not a stall; write {STALL_ALLOWED}")
    stall_s, every_s = parse_duration(match[1].strip()), parse_duration(match[2].strip())
    if stall_s <= 0:
        raise ValueError("a stall takes more than 0 s")
    return stall_s, every_s


def _way(text: str) -> str:
    if text != "webhook":
        raise BadValueError("the embedded API tells of each delivery by its webhook", "webhook")
    return text


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
    "processes": ("processes", parse_count),
    "wait-bound": ("wait_bound_s", parse_duration),
    "stall": ("stall_s stall_every_s", parse_stall),
    "queue": ("queue", str),
    "queue-bound": ("queue_bound", parse_count),
    "queue-size": ("queue_bytes", parse_size),
    "freshness": ("freshness_s", parse_duration),
    "drain": ("drain_s", parse_duration),
    "access-log": ("access_log", str),
    "sink": ("sink", str),
    "webhook": ("webhook", str),
    "delivery": ("delivery", _way),
    "attempts": ("attempts", parse_count),
    "backoff": ("backoff_s", parse_duration),
}
_DISTRIBUTIONS = ("deterministic", "exponential", "lognormal")


def parse_embedded(text: str) -> Embedded:
    """`embedded?limit=500/s&service-time=20ms&workers=8`. Raises UserError with every problem at once."""
    parts = [part.partition("=") for part in text.partition("?")[2].split("&") if part]
    return read_options(text, [(name, unquote(raw.replace("+", " "))) for name, _, raw in parts])


def parse_serve(options: Mapping[str, str | int | None], base: Knobs) -> Knobs:
    """`base` with the options of `peakday serve` on top, None where not given. UserErrors name them."""
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    try:
        return read_options("embedded", given).over(base)
    except UserError as error:
        raise UserError([_of_a_command(problem) for problem in error.problems], error.exit_code) from None


def _of_a_command(problem: Problem) -> Problem:
    key = f"--{problem.key.replace('_', '-')}" if problem.where == TARGET else problem.key
    return replace(problem, where="" if problem.where == TARGET else problem.where, key=key)


def read_options(text: str, options: Iterable[tuple[str, str]]) -> Embedded:
    """The embedded API with these options, each a name and its text. Raises UserError with every problem."""
    settings: dict[str, Any] = {}
    problems = [found for name, value in options if (found := _read_option(name, value, settings))]
    asked = Embedded(text, **settings)
    try:
        asked.over(Knobs())
    except UserError as error:
        problems += error.problems
    if asked.delivery and asked.webhook:
        message = "the API posts to one place, and that is peakday's own where it hears of deliveries"
        problems.append(Problem(TARGET, "webhook", asked.webhook, message, "one of delivery and webhook"))
    if problems:
        raise UserError(problems)
    return asked


def _read_option(name: str, value: str, settings: dict[str, Any]) -> Problem | None:
    if name not in _OPTIONS:
        near = nearest(name, tuple(_OPTIONS))
        message = "the embedded API has no such option"
        return Problem(TARGET, name, value, message, ", ".join(_OPTIONS), near)
    names, parse = _OPTIONS[name]
    if names.split()[0] in settings:
        return Problem(TARGET, name, value, "is given twice")
    if name == "distribution" and value not in _DISTRIBUTIONS:
        near = nearest(value, _DISTRIBUTIONS)
        return Problem(TARGET, name, value, "unknown distribution", ", ".join(_DISTRIBUTIONS), near)
    try:
        parsed = parse(value)
    except ValueError as error:
        return Problem(TARGET, name, value, str(error))
    values = parsed if isinstance(parsed, tuple) else (parsed,)
    settings.update(zip(names.split(), values, strict=True))
    return None
