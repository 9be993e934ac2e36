"""An answer in any form that HTTP/1.1 allows is read; what it says of its connection holds."""

from __future__ import annotations

import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Reply
from tests.loadtests.replay.faults.talks import ACCEPTED, TEN, assert_ten, once


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a;b=1\r\nok\r\n0\r\nA: 1\r\nX-B: 2\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + ACCEPTED,
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ACCEPTED,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nCONTENT-LENGTH:2\r\nCONNECTION: Keep-Alive\r\n\r\nok",
        b"HTTP/1.1 202 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.0 202 Accepted\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=[
        "chunks, extensions, trailers",
        "2000 interim ones",
        "early hints",
        "no content",
        "small letters",
        "capitals",
        "a length and chunks",
        "HTTP/1.0 that is kept",
        "no reason",
    ],
)
def test_an_answer_in_any_form_that_http_allows_is_read_and_its_connection_kept(
    serve, answering, replay, answer
) -> None:
    server = serve(answering(answer))
    records = replay(server.port, TEN, Bounds(connections=1))
    assert_ten(records, "NONE")
    assert (records.reply == Reply.ACCEPTED).all()
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 202 Accepted\r\n\r\nup to the end",
        b"HTTP/1.0 202 Accepted\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\nup to the end",
    ],
    ids=["HTTP/1.0", "HTTP/1.0 with a length", "until it closes"],
)
def test_an_answer_that_ends_its_connection_is_read_and_the_next_send_has_one_of_its_own(
    serve, replay, answer
) -> None:
    server = serve(once(answer))
    records = replay(server.port, TEN, Bounds(connections=1))
    assert_ten(records, "NONE")
    assert (records.reply == Reply.ACCEPTED).all()
    assert server.connections == 10


def test_an_unchanged_answer_has_no_body_whatever_length_it_tells(serve, answering, replay) -> None:
    server = serve(answering(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"))
    records = replay(server.port, TEN, Bounds(connections=1))
    assert_ten(records, "NONE")
    assert set(records.status.tolist()) == {304}
    assert server.connections == 1


def test_an_answer_longer_than_it_says_stands_and_its_connection_is_not_used_again(
    serve, answering, replay
) -> None:
    server = serve(answering(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 Surprise"))
    records = replay(server.port, TEN)
    assert_ten(records, "NONE")
    assert set(records.status.tolist()) == {202}
    assert server.connections == 10


def test_an_answer_shorter_than_it_says_runs_into_the_time_out(serve, answering, replay) -> None:
    server = serve(answering(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nshort"))
    assert_ten(replay(server.port, TEN, Bounds(timeout_s=0.3)), "TIMEOUT")
