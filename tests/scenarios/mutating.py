"""Damages a scenario's text at known places, and reads what is then reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scenarios.catalogue import SHIPPED, load_text
from scenarios.problems import Problem, UserError

FILE = "damaged.toml"


@dataclass(frozen=True)
class Damage:
    """`old` (found once in the text) becomes `new`; the problem is expected at `at` within `new`."""

    old: str
    new: str
    at: str
    message: str
    key: str = ""
    near: str = ""


def shipped_text(name: str) -> str:
    return (SHIPPED / f"{name}.toml").read_text(encoding="utf-8")


def place(text: str, offset: int) -> str:
    line = text.count("\n", 0, offset) + 1
    return f"{FILE}:{line}:{offset - text.rfind(chr(10), 0, offset)}"


def damaged(text: str, damages: list[Damage]) -> tuple[str, dict[Damage, str]]:
    """The text with all damages done, and where the problem of each must be reported."""
    for damage in damages:
        assert text.count(damage.old) == 1, damage.old
        text = text.replace(damage.old, damage.new)
    return text, {
        damage: place(text, text.index(damage.new) + damage.new.index(damage.at)) for damage in damages
    }


def problems_in(text: str) -> tuple[Problem, ...]:
    """What loading the text reports; nothing when it is right."""
    try:
        load_text(text, Path(SHIPPED / FILE), FILE)
    except UserError as error:
        return error.problems
    return ()
