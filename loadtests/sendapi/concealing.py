"""The reference send API's settings as they may be written down: each secret as the name of a variable."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from loadtests.sendapi import knobs as knob_file
from loadtests.sendapi.knobs import Knobs

SECRETS = {
    "key": "PEAKDAY_SENDAPI_KEY",
    "admin_key": "PEAKDAY_SENDAPI_ADMIN_KEY",
    "queue": "PEAKDAY_SENDAPI_QUEUE",
}
"""What is never written down, and the variable that a child is given it in. A queue's URL only where it holds
a password."""


def concealed(knobs: Knobs) -> tuple[Knobs, dict[str, str]]:
    """The knobs with `${NAME}` in the place of each secret, and the variables of these names."""
    found = {name: getattr(knobs, name) for name in SECRETS if _is_secret(name, getattr(knobs, name))}
    named = {name: f"${{{SECRETS[name]}}}" for name in found}
    return msgspec.structs.replace(knobs, **named), {SECRETS[name]: value for name, value in found.items()}


def revealed(knobs: Knobs, variables: Mapping[str, str]) -> Knobs:
    """What `concealed` was given."""
    named = {name: variables.get(variable, "") for name, variable in SECRETS.items()}
    hidden = {name: value for name, value in named.items() if getattr(knobs, name) == f"${{{SECRETS[name]}}}"}
    return msgspec.structs.replace(knobs, **hidden)


def _is_secret(name: str, value: str) -> bool:
    return "@" in value if name == "queue" else bool(value)


def write(knobs: Knobs, path: Path) -> dict[str, str]:
    """Leave the knobs for a child; the variables that it must be given."""
    named, variables = concealed(knobs)
    path.touch(mode=0o600)
    path.write_bytes(knob_file.to_json(named))
    return variables


def read(path: Path, variables: Mapping[str, str]) -> Knobs:
    """What `write` left, checked. Raises UserError."""
    knobs = revealed(knob_file.decoded(path.read_bytes(), str(path)), variables)
    knob_file.check(knobs, str(path))
    return knobs
