"""Where keys and values of a TOML text stand."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.catalogue import SHIPPED, names
from scenarios.positions import KeyPath, locate

TEXT = '''title = "a # no comment ] }"  # a comment

[audience]
size = 3
reach.push = 0.5
"odd key" = """two
lines"""

[[campaign]]
name = "first"
days = [
  1, # one
  [2, 3],
]

[[campaign]]
name = "second"
limit = { rate = "1/s", inner = { burst = 2 } }

[[campaign.step]]
wait = 2026-11-11 00:00:00+08:00

[[campaign.step]]
wait = 'C:\\'
'''


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("title",), "1:9"),
        (("audience", "reach", "push"), "5:14"),
        (("audience", "odd key"), "6:13"),
        (("campaign", 0, "days", 0), "12:3"),
        (("campaign", 0, "days", 1, 1), "13:7"),
        (("campaign", 1, "name"), "17:8"),
        (("campaign", 1, "limit", "rate"), "18:18"),
        (("campaign", 1, "limit", "inner", "burst"), "18:43"),
        (("campaign", 1, "step", 0, "wait"), "21:8"),
        (("campaign", 1, "step", 1, "wait"), "24:8"),
    ],
)
def test_a_value_is_found_in_tables_arrays_dotted_keys_and_inline_tables(path: KeyPath, place: str) -> None:
    assert locate(TEXT).of_value(path) == place


def test_a_missing_key_is_at_the_header_of_its_own_block() -> None:
    places = locate(TEXT)
    assert places.of_table(("campaign", 0)) == "9:1"
    assert places.of_table(("campaign", 1)) == "16:1"
    assert places.of_table(("campaign", 1, "step", 1)) == "23:1"
    assert places.of_table(("audience", "reach")) == "5:1"
    assert places.of_table(("nowhere",)) == "1:1"


def test_windows_line_breaks_do_not_move_anything() -> None:
    assert locate(TEXT.replace("\n", "\r\n")).of_value(("campaign", 1, "step", 1, "wait")) == "24:8"


def test_a_value_as_written_is_one_line_and_short() -> None:
    places = locate(TEXT)
    assert places.as_written(("audience", "odd key")) == '"""two lines"""'
    assert places.as_written(("campaign", 1, "limit", "rate")) == '"1/s"'
    assert len(locate(f'a = "{"x" * 500}"').as_written(("a",))) == 60


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


def assert_every_value_is_where_it_is_said_to_be(text: str) -> None:
    places = locate(text)
    for path, value in leaves(tomllib.loads(text)):
        start, end = places.values[path]
        assert tomllib.loads(f"k = {places.text[start:end]}")["k"] == value


@pytest.mark.parametrize("name", names())
def test_every_value_of_a_shipped_scenario_is_found(name: str) -> None:
    assert_every_value_is_where_it_is_said_to_be((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"))


VALUES = st.recursive(
    st.one_of(
        st.integers(-(10**12), 10**12),
        st.booleans(),
        st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8),
        st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001 - bound of a strategy
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab.\"' é", max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(st.dictionaries(st.text('abc-_. "', min_size=1, max_size=5), VALUES, max_size=5))
def test_every_value_of_any_table_is_found(table: dict[str, Any]) -> None:
    assert_every_value_is_where_it_is_said_to_be(tomlkit.dumps(table))
