"""Idempotency keys: the same key gives the same answer, and its messages are stored once."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from loadtests.sendapi.blocks import Entry, Lane, Once, QueueFull
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.opening import open_store

LANE = Lane("marketing", "email")


def told(reply) -> tuple[object, ...]:
    return reply.status, reply.headers.get("x-message-id"), reply.body


def test_the_same_key_gives_the_same_answer_and_stores_once(kept, client_of, mail, queue) -> None:
    api = kept(queue=queue)
    before = api.health().received
    client = client_of(api)
    first, second = (client.post(mail(messages=3), idempotency_key="order-17") for _ in range(2))
    other = client.post(mail(messages=3, first=50), idempotency_key="order-18")
    without = client.post(mail(first=90))
    assert told(first) == told(second)
    assert first.status == other.status == without.status == 202
    assert len({reply.headers["x-message-id"] for reply in (first, other, without)}) == 3
    assert api.health().received == before + 7


def test_a_key_is_known_after_the_api_and_its_queue_were_killed(
    start_in, client_of, mail, queue, queue_servers, tmp_path, eventually
) -> None:
    with start_in(queue=queue) as api:
        first = client_of(api).post(mail(), idempotency_key="order-17")
        for server in queue_servers(tmp_path):
            server.kill()
        api.child.process.kill()
        api.child.process.wait()
    with start_in(queue=queue) as api:
        assert told(client_of(api).post(mail(), idempotency_key="order-17")) == told(first)
        assert eventually(lambda: api.health().backlog == 0)
        assert api.health().received == 0


def test_a_key_belongs_to_one_body_one_caller_and_one_route(kept, client_of, mail) -> None:
    api = kept(queue="sqlite")
    before = api.health().received
    client = client_of(api)
    assert client.post(mail(), idempotency_key="k").status == 202
    assert client.post(mail(first=1), idempotency_key="k").status == 422
    assert client.post(mail(first=2), idempotency_key="k", authorization="Bearer other").status == 202
    assert api.health().received == before + 2


def test_what_was_refused_may_be_sent_again_under_its_key(start_in, client_of, mail) -> None:
    with start_in(queue="sqlite", queue_bound=5, hold=True) as api:
        client = client_of(api)
        assert client.post(mail(subject=""), idempotency_key="k").status == 400
        assert client.post(mail(messages=9), idempotency_key="k").status == 429
        assert client.post(mail(), idempotency_key="k").status == 202


@pytest.mark.parametrize("key", ["", "two words", "ünïcode", "x" * 256])
def test_a_key_that_is_none_is_refused(kept, client_of, key: str) -> None:
    connection = client_of(kept(queue="sqlite"))
    headers = {"authorization": "Bearer k", "content-type": "application/json"}
    headers["idempotency-key"] = key.encode().decode("latin-1")
    assert connection.ask("POST", "/v3/mail/send", b"{}", headers).status == 400


def test_many_at_once_with_one_key_store_once(kept, client_of, mail, queue) -> None:
    api = kept(queue=queue)
    before = api.health().received
    clients, replies = [client_of(api) for _ in range(8)], []
    senders = [
        threading.Thread(target=lambda c=c: replies.append(c.post(mail(), idempotency_key="at-once")))
        for c in clients
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [reply.status for reply in replies] == [202] * 8
    assert len({told(reply) for reply in replies}) == 1
    assert api.health().received == before + 1


def test_a_record_is_forgotten_when_its_time_is_over(queue: str, tmp_path: Path) -> None:
    async def test() -> None:
        store = await open_store(Knobs(queue=queue, queue_bound=3), tmp_path)

        async def put(keep_s: float, record: bytes, messages: int = 1) -> bytes | None:
            entry = Entry("r", 0.0, "", [str(n) for n in range(messages)], [], b"")
            return await store.put_once([(LANE, entry)], messages, 1, Once(b"name", record, keep_s))

        assert await put(0.05, b"first") is None
        assert await put(0.05, b"second") == b"first"
        await asyncio.sleep(0.06)
        assert await put(60.0, b"third") is None
        assert await put(60.0, b"fourth") == b"third"
        assert store.backlog() == 2
        with pytest.raises(QueueFull):
            await put(60.0, b"fifth", messages=9)
        await store.close()

    asyncio.run(test())
