"""The API over real sockets: answers, refusals and counts, over both queues."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from loadtests.sendapi.server import Running


def settled(api: Running, eventually) -> Any:
    assert eventually(lambda: api.health().backlog == 0)
    return api.health()


def test_a_good_request_is_accepted_with_an_id_and_an_empty_body(client, mail) -> None:
    first, second = client.post(mail()), client.post(mail())
    assert (first.status, first.body) == (202, b"")
    assert first.headers["x-message-id"] != second.headers["x-message-id"] != ""


def test_a_thousand_personalizations_are_a_thousand_messages_delivered(api, client, mail, eventually) -> None:
    before = settled(api, eventually)
    assert client.post(mail(messages=1000, first=10_000)).status == 202
    after = settled(api, eventually)
    assert after.received - before.received == after.delivered - before.delivered == 1000
    assert after.duplicated == before.duplicated


def test_a_message_that_is_sent_twice_is_counted_as_a_duplicate(api, client, mail, eventually) -> None:
    before = settled(api, eventually)
    for _ in range(2):
        assert client.post(mail(messages=40, first=20_000)).status == 202
    assert settled(api, eventually).duplicated - before.duplicated == 40


def test_a_sandbox_request_is_checked_but_not_queued(api, client, mail, eventually) -> None:
    before = settled(api, eventually)
    sandbox = {"mail_settings": {"sandbox_mode": {"enable": True}}}
    assert client.post(mail(**sandbox)).status == 200
    assert client.post(mail(subject="", **sandbox)).status == 400
    assert api.health().received == before.received


def test_every_bad_field_is_named_in_the_providers_shape(client, mail) -> None:
    document = mail(messages=2, content=[])
    document["personalizations"][1]["to"][0]["email"] = "nobody"
    reply = client.post(document)
    assert reply.status == 400
    assert reply.headers["content-type"] == "application/json"
    assert reply.fields() == ["personalizations.1.to.0.email", "content"]
    assert all(set(error) == {"message", "field", "help"} for error in json.loads(reply.body)["errors"])


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]", b"null"])
def test_what_is_no_json_object_is_a_bad_request(client, body: bytes) -> None:
    reply = client.post(body)
    assert (reply.status, reply.fields()) == (400, [None])


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic SG.key", "SG.key", "Bearer SG.keys"]
)
def test_a_missing_or_wrong_key_is_refused(client, mail, authorization: str) -> None:
    assert client.post(mail(), authorization=authorization).status == 401


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=utf-8", 202),
        ("APPLICATION/JSON", 202),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_only_json_is_taken(client, mail, content_type: str, status: int) -> None:
    assert client.post(mail(), content_type=content_type).status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v3/mail/send", 405),
        ("DELETE", "/v3/mail/send", 405),
        ("POST", "/healthz", 405),
        ("GET", "/", 404),
        ("POST", "/v3/mail/send/", 404),
        ("GET", "/v3/mail/../../etc/passwd", 404),
    ],
)
def test_unknown_paths_and_methods_are_answered_in_json(client, method: str, path: str, status: int) -> None:
    reply = client.ask(method, path)
    assert reply.status == status
    assert len(json.loads(reply.body)["errors"]) == 1
    assert ("allow" in reply.headers) == (status == 405)


def raw(api: Running, head: str, body: bytes = b"") -> bytes:
    """The status line and head that come back for bytes as they are."""
    host, _, port = api.base_url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10.0) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return connection.recv(65536)


HEAD = "POST /v3/mail/send HTTP/1.1\nHost: x\nAuthorization: Bearer SG.key\nContent-Type: application/json"


def test_a_body_beyond_thirty_megabytes_is_refused_before_it_is_read(api) -> None:
    assert raw(api, f"{HEAD}\nContent-Length: {31 * 1024 * 1024}").startswith(b"HTTP/1.1 413")


def test_a_body_that_grows_beyond_thirty_megabytes_is_refused(api) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    assert raw(api, f"{HEAD}\nTransfer-Encoding: chunked", chunk * 31).startswith(b"HTTP/1.1 413")


def test_a_chunked_body_is_as_good_as_one_with_a_length(api, mail) -> None:
    body = json.dumps(mail()).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:40], body[40:])) + b"0\r\n\r\n"
    assert raw(api, f"{HEAD}\nTransfer-Encoding: chunked", chunks).startswith(b"HTTP/1.1 202")


def test_a_client_that_hangs_up_mid_body_harms_nobody(api, client, mail) -> None:
    host, _, port = api.base_url.removeprefix("http://").rpartition(":")
    before = api.health().received
    with socket.create_connection((host, int(port)), timeout=10.0) as connection:
        connection.sendall(HEAD.replace("\n", "\r\n").encode() + b"\r\nContent-Length: 500\r\n\r\n{")
    assert client.post(mail()).status == 202
    assert api.health().received == before + 1


def test_pipelined_requests_are_answered_one_by_one(api, mail) -> None:
    body = json.dumps(mail()).encode()
    one = f"{HEAD}\nContent-Length: {len(body)}".replace("\n", "\r\n").encode() + b"\r\n\r\n" + body
    host, _, port = api.base_url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10.0) as connection:
        connection.sendall(one * 3)
        seen = b""
        while seen.count(b"HTTP/1.1 202") < 3:
            part = connection.recv(65536)
            assert part
            seen += part


def test_health_says_what_this_is_and_how_durable(api, client) -> None:
    reply = client.ask("GET", "/healthz")
    told = json.loads(reply.body)
    assert reply.status == 200
    assert told["peakday"] == "sendapi"
    assert told["queue"] == api.knobs.queue
    assert {
        "version",
        "received",
        "delivered",
        "backlog",
        "duplicated",
        "expired",
        "limited",
        "durable",
    } <= set(told)
    assert client.ask("GET", "/readyz").status == 200
    assert client.ask("HEAD", "/healthz").body == b""


def test_many_connections_at_once_lose_nothing(api, client_of, mail, eventually) -> None:
    before = settled(api, eventually)

    def send(worker: int) -> None:
        connection = client_of(api)
        statuses.extend(
            connection.post(mail(messages=5, first=1_000_000 + worker * 1000 + n * 5)).status
            for n in range(25)
        )

    statuses: list[int] = []
    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = settled(api, eventually)
    assert statuses == [202] * 400
    assert after.received - before.received == after.delivered - before.delivered == 2000
    assert after.duplicated == before.duplicated
