"""One key of a scenario whose value is searched: read where it stands, moved, written back as text."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from scenarios.catalogue import Loaded, load_text
from scenarios.positions import KeyPath
from scenarios.problems import BadValueError, UserError, user_error
from scenarios.profiles import with_profiles
from scenarios.quantities import parse_count, parse_duration, parse_rate
from scenarios.scenario import local_moment, zone_of
from scenarios.settings import settings_of

OPTION = "--find"
ALLOWED = "a key whose value is a number, a count, a rate, a duration, or a moment of the season"


@dataclass(frozen=True)
class Axis:
    """Places on a key's values. `at` is where the scenario stands; `step` the least that matters (0: a
    share of the place).

    A moment's places are seconds since the season's start and end at `most`; of a number, a larger one is a
    larger place. `text` writes a place as a value of `--set`.
    """

    key: str
    at: float
    text: Callable[[float], str]
    step: float = 0.0
    moment: bool = False
    most: float = 0.0

    def snapped(self, place: float) -> float:
        """The nearest place that can be written."""
        return round(place / self.step) * self.step if self.step else float(f"{place:.6g}")

    def setting(self, place: float) -> str:
        """KEY=VALUE."""
        return f"{self.key}={self.text(place)}"


def axis_of(loaded: Loaded, key: str, option: str = OPTION, least: float = 0.0) -> Axis:
    """The axis of a key that the scenario has, at more than `least` or at a moment.

    Raises UserError in the name of `option`.
    """
    table = with_profiles(tomllib.loads(loaded.toml))
    settings, problems = settings_of([f"{key}=0"], table)
    if problems:
        raise UserError(replace(problem, where=option) for problem in problems)
    value = _value(table, settings[0].path, key, option)
    axis = _moment(loaded, key, value) or _number(key, value) or _text(key, value)
    if axis is None or (axis.at <= least and not axis.moment):
        message = f"stands at {value!r}, which cannot be searched"
        raise user_error(message, where=option, found=key, allowed=ALLOWED)
    return axis


def _value(table: Any, path: KeyPath, key: str, option: str) -> Any:
    try:
        for part in path:
            table = table[part]
    except (KeyError, IndexError, TypeError) as error:
        message = "does not stand in the scenario, so there is nothing to start from; --set it first"
        raise user_error(message, where=option, found=key) from error
    return table


def with_settings(loaded: Loaded, settings: list[str]) -> Loaded:
    """The scenario with `KEY=VALUE` applied, its name kept. Raises UserError."""
    return load_text(loaded.toml, loaded.path, settings=settings)


def _moment(loaded: Loaded, key: str, value: Any) -> Axis | None:
    scenario = loaded.scenario
    zone = zone_of(scenario.timezone)
    local = local_moment(value, zone) if zone is not None else value
    if not isinstance(local, datetime):
        return None
    at = (local - scenario.starts_at).total_seconds()

    def text(place: float) -> str:
        return (scenario.starts_at + timedelta(seconds=round(place))).isoformat()

    return Axis(key, at, text, step=60.0, moment=True, most=scenario.duration - 60.0)


def _number(key: str, value: Any) -> Axis | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return Axis(key, float(value), lambda place: str(round(place)), step=1.0)
    return Axis(key, value, lambda place: f"{place:.6g}")


def _text(key: str, value: Any) -> Axis | None:
    for parse, unit in ((parse_count, ""), (parse_rate, "/s"), (parse_duration, "s")):
        try:
            at = float(parse(value))
        except BadValueError:
            continue
        return _with_unit(key, at, unit) if unit else _number(key, int(at))
    return None


def _with_unit(key: str, at: float, unit: str) -> Axis:
    return Axis(key, at, lambda place: f"{place:.6g}{unit}")
