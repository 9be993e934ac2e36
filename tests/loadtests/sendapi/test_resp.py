"""Replies of a queue server in whatever pieces they come, and where such a server is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sendapi.resp import Place, Replies, ServerError, packed, place_of

values = st.recursive(
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=200)),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=20,
)


def written(value: object) -> bytes:
    if value is None:
        return b"$-1\r\n"
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, bytes):
        return b"$%d\r\n%s\r\n" % (len(value), value)
    assert isinstance(value, list)
    return b"*%d\r\n" % len(value) + b"".join(written(one) for one in value)


@given(st.lists(values, max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_replies_are_the_same_in_any_pieces(replies, sizes) -> None:
    reader, found, text, at, turn = Replies(), [], b"".join(map(written, replies)), 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        found += reader.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert found == replies


def test_errors_and_states_stand_among_the_replies() -> None:
    ok, error, last = Replies().feed(b"+OK\r\n-OOM command not allowed\r\n*-1\r\n")
    assert (ok, last) == (b"OK", None)
    assert isinstance(error, ServerError)
    assert str(error) == "OOM command not allowed"


def test_a_command_is_an_array_of_bulk_strings() -> None:
    assert packed("XADD", b"a\r\nb", 12) == b"*3\r\n$4\r\nXADD\r\n$4\r\na\r\nb\r\n$2\r\n12\r\n"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", Place(host="localhost")),
        ("valkey://me:p%40ss@[::1]:7000/3", Place("", "::1", 7000, 3, "me", "p@ss")),
        ("rediss://host/?db=2", Place(host="host", database=2, tls=True)),
        ("valkeys://:word@host", Place(host="host", password="word", tls=True)),
    ],
)
def test_an_address_says_where_and_who(url: str, place: Place) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize("url", ["redis://host/one", "redis://host:port", "redis://host:99999"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        place_of(url)
