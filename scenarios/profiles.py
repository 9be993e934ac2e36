"""Shipped provider profiles: what providers' public documentation says of their limits, by name."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "profiles"


def profile_names() -> tuple[str, ...]:
    """The profiles that ship, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def with_profile(table: dict[str, Any]) -> dict[str, Any]:
    """The raw table of a provider over that of the profile that it names, key by key.

    A profile that does not exist changes nothing here; `scenarios.checks` tells it.
    """
    name = table.get("profile")
    return {**_profile(name), **table} if isinstance(name, str) and name in profile_names() else table


def with_profiles(table: dict[str, Any]) -> dict[str, Any]:
    """The raw tables of a scenario with what its providers' profiles say written out."""
    providers = table.get("provider")
    if not isinstance(providers, list) or not any(isinstance(p, dict) and "profile" in p for p in providers):
        return table
    return {**table, "provider": [with_profile(p) if isinstance(p, dict) else p for p in providers]}


@functools.cache
def _profile(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
