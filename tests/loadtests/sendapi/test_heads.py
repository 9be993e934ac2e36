"""Heads that come again byte for byte: what is taken for one request, and what never is."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from loadtests.sendapi import serving
from loadtests.sendapi.answer import Asked, Short
from loadtests.sendapi.assembly import dispatched
from loadtests.sendapi.formats_sendgrid import SendGrid
from loadtests.sendapi.heads import HEAD_BYTES_MAX, HEADS_MAX, Heads, Met
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.opening import open_store
from loadtests.sendapi.protocol import SendProtocol
from loadtests.sendapi.surface import Surface
from tests.loadtests.sendapi.test_short_way import HEAD, exchanged, send_of

SHORT = Short(SendGrid(), Asked("POST", "/v3/mail/send", "/v3/mail/send", {}))
REQUEST = b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbody"


def learned(*requests: tuple[bytes, bytes]) -> Heads:
    heads = Heads()
    for data, body in requests:
        heads.learn(data, SHORT, body)
    return heads


def test_a_head_that_was_learned_is_known_with_any_body_of_its_length() -> None:
    heads = learned((REQUEST, b"body"))
    met = heads.met(REQUEST.replace(b"body", b"\r\n\r\n"))
    assert met is not None
    assert met.body == b"\r\n\r\n"
    assert met.short is SHORT


@pytest.mark.parametrize(
    "data",
    [
        REQUEST[:-1],
        REQUEST + b"x",
        REQUEST + REQUEST,
        REQUEST.replace(b"POST", b"post"),
        b"\r\n" + REQUEST,
        REQUEST.partition(b"body")[0],
        REQUEST[:10],
        b"",
    ],
)
def test_whatever_is_not_one_whole_request_with_that_head_is_not_known(data: bytes) -> None:
    assert learned((REQUEST, b"body")).met(data) is None


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (REQUEST, b"bod"),
        (REQUEST + REQUEST, b"body"),
        (REQUEST.replace(b"body", b""), b""),
        (REQUEST.replace(b"content-length: 4", b"transfer-encoding: chunked"), b"other"),
        (REQUEST.replace(b"POST", b"POST" * HEAD_BYTES_MAX), b"body"),
    ],
)
def test_a_head_is_learned_only_of_a_request_that_came_alone_and_whole(data: bytes, body: bytes) -> None:
    assert learned((data, body)).met(data) is None


def test_the_oldest_head_is_let_go_when_there_are_too_many() -> None:
    requests = [(REQUEST.replace(b" / ", b" /%d " % n), b"body") for n in range(HEADS_MAX + 1)]
    heads = learned(*requests)
    assert heads.met(requests[0][0]) is None
    assert all(heads.met(data) for data, _ in requests[1:])


def test_requests_known_and_unknown_on_one_connection_are_answered_in_their_order(start_in, mail) -> None:
    good, other = send_of(json.dumps(mail(first=1)).encode()), send_of(json.dumps(mail(first=9)).encode())
    bad = send_of(json.dumps(mail(subject="")).encode())
    without_key = good.replace(b"Authorization: Bearer k\r\n", b"")
    last = send_of(b"{}", HEAD + "Connection: close\r\n")
    with start_in(queue="valkey") as api:
        seen = exchanged(
            api, good, other, bad, bad, good[:60], good[60:], other, good + good, without_key, last
        )
        received = api.health().received
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", seen)]
    assert statuses == [202, 202, 400, 400, 202, 202, 202, 202, 401, 400]
    assert received == 6


class Counted(Heads):
    """Heads that count what they recognise."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def met(self, data: bytes) -> Met | None:
        found = super().met(data)
        self.times += found is not None
        return found


def test_of_three_equal_requests_only_the_first_is_parsed(tmp_path: Path, mail) -> None:
    request = send_of(json.dumps(mail()).encode())

    async def statuses(port: int) -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found = []
        for _ in range(3):
            writer.write(request)
            found.append((await reader.readuntil(b"\r\n\r\n"))[9:12])
        writer.close()
        await writer.wait_closed()
        return found

    async def test() -> None:
        surface, knobs = Surface(""), Knobs(queue="sqlite", data=str(tmp_path))
        surface.heads = counted = Counted()
        store = await open_store(knobs, tmp_path)
        with serving.listening("127.0.0.1", 0) as sock:
            async with serving.served(sock, surface, SendProtocol), dispatched(store, knobs) as source:
                surface.open(source)
                assert await statuses(sock.getsockname()[1]) == [b"202"] * 3
                assert store.received == 3
        assert counted.times == 2

    asyncio.run(test())
