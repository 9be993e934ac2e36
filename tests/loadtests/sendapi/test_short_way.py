"""The short way of a send through uvicorn: the answers, the order and the keep-alive that ASGI would give."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable

import pytest

from loadtests.sendapi.server import Running

HEAD = (
    "POST /v3/mail/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
)
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def send_of(body: bytes, head: str = HEAD) -> bytes:
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def exchanged(api: Running, *pieces: bytes) -> bytes:
    """All that comes back until the server hangs up."""
    host, _, port = api.base_url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10.0) as connection:
        for piece in pieces:
            connection.sendall(piece)
        seen = b""
        while part := connection.recv(65536):
            seen += part
        return seen


def told(raw: bytes) -> bytes:
    """An answer without what differs from one moment to the next."""
    return re.sub(rb"(?m)^(date|x-message-id|[a-z-]*request-id): .*\r\n", b"", raw)


@pytest.fixture
def asked(mail) -> dict[str, bytes]:
    good = json.dumps(mail()).encode()
    sandbox = json.dumps(mail(mail_settings={"sandbox_mode": {"enable": True}})).encode()
    closing = HEAD + "Connection: close\r\n"
    form = "Content-Type: application/x-www-form-urlencoded\r\n"
    twilio = f"POST /2010-04-01/Accounts/AC{'0' * 32}/Messages.json HTTP/1.1\r\nHost: x\r\n"
    return {
        "good": send_of(good, closing),
        "sandbox": send_of(sandbox, closing),
        "bad field": send_of(json.dumps(mail(subject="")).encode(), closing),
        "no json": send_of(b"{", closing),
        "no key": send_of(good, closing.replace("Authorization: Bearer k\r\n", "")),
        "no length, chunked": f"{closing}Transfer-Encoding: chunked\r\n\r\n".encode()
        + b"2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.0": send_of(good, HEAD.replace("HTTP/1.1", "HTTP/1.0")),
        "twilio without a key": send_of(b"To=%2B1", f"{twilio}{form}Connection: close\r\n"),
    }


def test_every_request_is_answered_as_by_asgi(kept, asked) -> None:
    """A door of one worker and no time to speak of sends everything by ASGI."""
    answers, received = [], []
    for api in (kept(queue="sqlite"), kept(queue="sqlite", service_time_s=1e-9)):
        before = api.health().received
        answers.append({name: told(exchanged(api, request)) for name, request in asked.items()})
        received.append(api.health().received - before)
    short, by_asgi = answers
    assert received[0] == received[1]
    assert short == by_asgi
    assert [short[name][9:12] for name in ("good", "sandbox", "bad field")] == [b"202", b"200", b"400"]


def test_requests_of_both_ways_on_one_connection_are_answered_in_their_order(kept, mail) -> None:
    good, bad = (send_of(json.dumps(mail(**change)).encode()) for change in ({}, {"subject": ""}))
    last = HEALTH.replace(b"Host: x", b"Host: x\r\nConnection: close")
    seen = exchanged(kept(queue="valkey"), good + HEALTH + bad + good + good + HEALTH + bad + last)
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", seen)
    assert statuses == [b"202", b"200", b"400", b"202", b"202", b"200", b"400", b"200"]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_a_request_in_pieces_is_one_request(kept, mail, size: int) -> None:
    request = send_of(json.dumps(mail()).encode(), HEAD + "Connection: close\r\n")
    api = kept(queue="sqlite")
    before = api.health().received
    seen = exchanged(api, *(request[at : at + size] for at in range(0, len(request), size)))
    assert seen.startswith(b"HTTP/1.1 202")
    assert api.health().received == before + 1


def test_a_client_that_asks_whether_to_continue_is_told(kept, mail) -> None:
    head = HEAD + "Connection: close\r\nExpect: 100-continue\r\n"
    seen = exchanged(kept(queue="sqlite"), send_of(json.dumps(mail()).encode(), head))
    assert re.findall(rb"HTTP/1\.1 (\d+)", seen) == [b"100", b"202"]


def test_another_head_on_the_same_connection_is_looked_at_anew(kept, mail) -> None:
    good = json.dumps(mail()).encode()
    without_key = HEAD.replace("Authorization: Bearer k\r\n", "")
    last = HEAD.replace("Bearer k", "Basic k") + "Connection: close\r\n"
    requests = send_of(good) + send_of(good, without_key) + send_of(good) + send_of(good, last)
    seen = exchanged(kept(queue="sqlite"), requests)
    assert re.findall(rb"HTTP/1\.1 (\d+)", seen) == [b"202", b"401", b"202", b"401"]


def test_a_client_that_leaves_before_its_answer_is_delivered_all_the_same(
    kept, mail, eventually: Callable[..., bool]
) -> None:
    request = send_of(json.dumps(mail()).encode())
    api = kept(queue="valkey")
    assert eventually(lambda: api.health().backlog == 0)
    before = api.health().delivered
    host, _, port = api.base_url.removeprefix("http://").rpartition(":")
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=10.0) as connection:
            connection.sendall(request)
    assert eventually(lambda: api.health().delivered == before + 5)
    assert api.health().backlog == 0
