"""Response framing: the same answer however it is cut, and a named fault for whatever is none."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.replay.fates import Fault
from loadtests.replay.http1 import BODY_BYTES_MAX, HEAD_BYTES_MAX, BadResponse, Inbox

COUNTED = b"HTTP/1.1 202 Accepted\r\nX-Id: 7\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;ext=1\r\nhello\r\nB\r\n, many time\r\n0\r\nTrailer: x\r\n\r\n"
)
BARE_TRAILER = b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + COUNTED
NO_REASON = b"HTTP/1.1 202\r\ncontent-length:0\r\n\r\n"

WHOLE = {
    COUNTED: (202, b"hello"),
    CHUNKED: (200, b"hello, many time"),
    BARE_TRAILER: (200, b"hi"),
    EMPTY: (204, b""),
    CONTINUED: (202, b"hello"),
    NO_REASON: (202, b""),
}


def feed(inbox: Inbox, data: bytes, cuts: list[int]) -> bool:
    """Feed in pieces; True when the last piece, and none before it, completed a response."""
    ends = sorted({min(c, len(data)) for c in cuts} | {len(data)} - {0})
    pieces = [data[a:b] for a, b in zip([0, *ends], ends, strict=False) if a < b]
    done = [inbox.feed(piece) for piece in pieces]
    assert not any(done[:-1])
    return done[-1]


@pytest.mark.parametrize("data", WHOLE)
@given(cuts=st.lists(st.integers(1, 200), max_size=8))
def test_a_response_is_read_alike_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    inbox = Inbox()
    for _ in range(2):
        assert feed(inbox, data, cuts)
        assert (inbox.status, inbox.body) == WHOLE[data]
        assert inbox.keep_alive
        assert inbox.empty


def test_the_head_is_given_as_it_was_received_without_its_status_line() -> None:
    inbox = Inbox()
    assert inbox.feed(COUNTED)
    assert inbox.head == b"X-Id: 7\r\nContent-Length: 5"


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    inbox = Inbox()
    assert not inbox.feed(b"HTTP/1.1 200 OK\r\n\r\nhel")
    assert not inbox.feed(b"lo")
    assert inbox.end()
    assert (inbox.body, inbox.keep_alive) == (b"hello", False)


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close", False),
        (b"HTTP/1.1 200 OK\r\nCONNECTION: Keep-Alive, Close", False),
        (b"HTTP/1.0 200 OK\r\nX: y", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive", True),
        (b"HTTP/1.1 200 OK\r\nX: y", True),
    ],
)
def test_a_connection_is_kept_as_the_head_says(head: bytes, kept: bool) -> None:
    inbox = Inbox()
    assert inbox.feed(head + b"\r\nContent-Length: 0\r\n\r\n")
    assert inbox.keep_alive is kept


@pytest.mark.parametrize(
    "answer",
    [COUNTED + b"more", CHUNKED + b"HTTP/1.1 200", EMPTY + b"x"],
    ids=["counted", "chunked", "empty"],
)
def test_bytes_behind_a_response_end_the_trust_in_the_connection(answer: bytes) -> None:
    inbox = Inbox()
    assert inbox.feed(answer)
    assert not inbox.keep_alive


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKS = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
BAD = {
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Fault.MALFORMED),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02", Fault.MALFORMED),
    "letters in the status": (b"HTTP/1.1 2x2 OK\r\n\r\n", Fault.MALFORMED),
    "four digits of status": (b"HTTP/1.1 2020 OK\r\n\r\n", Fault.MALFORMED),
    "a negative length": (_OK + b"Content-Length: -1\r\n\r\n", Fault.MALFORMED),
    "two lengths": (_OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n", Fault.MALFORMED),
    "a chunk size in letters": (_CHUNKS + b"xyz\r\n", Fault.MALFORMED),
    "a chunk longer than it says": (_CHUNKS + b"1\r\nab\r\n", Fault.MALFORMED),
    "an endless chunk size": (_CHUNKS + b"1" * 5000, Fault.MALFORMED),
    "a huge length": (_OK + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1), Fault.TOO_LARGE),
    "a huge chunk": (_CHUNKS + b"fffffff\r\n", Fault.TOO_LARGE),
    "an endless head": (_OK + b"X: " + b"y" * HEAD_BYTES_MAX, Fault.TOO_LARGE),
    "an endless body": (_OK + b"\r\n" + b"y" * (BODY_BYTES_MAX + 1), Fault.TOO_LARGE),
}


@pytest.mark.parametrize(("data", "fault"), BAD.values(), ids=BAD.keys())
def test_what_is_no_acceptable_response_has_its_fault(data: bytes, fault: Fault) -> None:
    with pytest.raises(BadResponse) as caught:
        Inbox().feed(data)
    assert caught.value.fault is fault


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", COUNTED[:-1], CHUNKED[:-2]])
def test_a_response_that_ends_too_early_is_closed_early(sent: bytes) -> None:
    inbox = Inbox()
    assert not (sent and inbox.feed(sent))
    with pytest.raises(BadResponse) as caught:
        inbox.end()
    assert caught.value.fault is Fault.CLOSED_EARLY


@pytest.mark.parametrize("before", [b"", _OK, _CHUNKS], ids=["start", "head", "chunks"])
@given(data=st.binary(min_size=1, max_size=300))
def test_no_bytes_whatsoever_raise_anything_but_a_named_fault(before: bytes, data: bytes) -> None:
    with contextlib.suppress(BadResponse):
        Inbox().feed(before + data)
