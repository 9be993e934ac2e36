"""`--set KEY=VALUE`: a scenario's raw tables with single values changed, and its TOML text changed alike."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scenarios.positions import KeyPath
from scenarios.problems import Problem, UserError, listed, nearest

WHERE = "--set"
FORM = "KEY=VALUE, as in pipeline.workers.count=20, provider.sms.limits[0].rate=900/s"

_INDEX = re.compile(r"\[(\d+)\]")
_KEY = re.compile(r"[^.\[\]\s=]+(?:\[\d+\])*(?:\.[^.\[\]\s=]+(?:\[\d+\])*)*")


@dataclass(frozen=True)
class Setting:
    """One value to set: the text as given, its place in the tables, the value."""

    text: str
    path: KeyPath
    value: Any


def settings_of(
    texts: Sequence[str], table: Mapping[str, Any]
) -> tuple[tuple[Setting, ...], tuple[Problem, ...]]:
    """The settings that the texts state on a scenario's raw tables, and what is wrong with the other texts.

    A KEY is dotted; an item of a list is named by its `name` or its index:
    `campaign.midnight-flash.release`, `provider.0.limits[0].rate`. A VALUE is TOML, or a text
    without quotes.
    """
    found: list[Setting] = []
    problems: list[Problem] = []
    tried = copy.deepcopy(dict(table))
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not _KEY.fullmatch(key):
            problems.append(Problem(WHERE, "", text, "is not a setting", FORM))
            continue
        try:
            setting = Setting(text, _path(key, table), _value(value.strip()))
            put(tried, setting)
            found.append(setting)
        except UserError as error:
            problems += error.problems
    return tuple(found), tuple(problems)


def changed(table: Mapping[str, Any], settings: Sequence[Setting]) -> dict[str, Any]:
    """A copy of the raw tables with the settings applied, later ones over earlier ones."""
    result = copy.deepcopy(dict(table))
    for setting in settings:
        put(result, setting)
    return result


def _path(key: str, table: Any) -> KeyPath:
    path: KeyPath = ()
    for part in _INDEX.sub(r".\1", key).split("."):
        step = _item(part, table, key) if isinstance(table, list) else part
        path = (*path, step)
        inside = isinstance(table, list) or (isinstance(table, dict) and step in table)
        table = table[step] if inside else None
    return path


def _item(part: str, items: list[Any], key: str) -> int:
    names = [str(item.get("name", "")) if isinstance(item, dict) else "" for item in items]
    if part in names:
        return names.index(part)
    if part.isdigit() and int(part) < len(items):
        return int(part)
    named = [name for name in names if name]
    allowed = listed(named) if named else f"0 to {len(items) - 1}"
    raise UserError(Problem(WHERE, key, "", f'there is no item "{part}"', allowed, nearest(part, named)))


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return read["value"] if len(read) == 1 else text


def put(table: Any, setting: Setting) -> None:
    """Sets one value in tables of dicts and lists. Raises UserError where a value is in the way."""
    for part in setting.path[:-1]:
        if isinstance(table, dict) and part not in table:
            table[part] = {}
        table = table[part]
        if not isinstance(table, dict | list):
            break
    if not isinstance(table, dict | list):
        raise UserError(Problem(WHERE, "", setting.text, "goes into a value that is no table", FORM))
    table[setting.path[-1]] = setting.value  # type: ignore[index]  # _path made the last part fit the table
