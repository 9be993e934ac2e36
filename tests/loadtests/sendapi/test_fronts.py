"""Several front processes on one port: one queue, one count, one drain; who dies is replaced."""

from __future__ import annotations

import signal

import psutil
import pytest

from loadtests.sendapi.server import Running


def fronts(api: Running) -> list[psutil.Process]:
    """Those that live."""
    below = psutil.Process(api.child.process.pid).children()
    return [
        one
        for one in below
        if one.status() != psutil.STATUS_ZOMBIE and "loadtests.sendapi.front" in one.cmdline()
    ]


@pytest.mark.torture
def test_all_of_them_take_sends_and_count_together(start_in, client_of, mail, eventually) -> None:
    with start_in(queue="valkey", processes=2) as api:
        clients = [client_of(api) for _ in range(12)]
        for number, client in enumerate(clients):
            assert client.post(mail(messages=5, first=number * 10)).status == 202
            assert client.post(mail(subject="")).status == 400
        assert eventually(lambda: api.health().delivered == 60)
        health = api.health()
        assert (health.received, health.duplicated, health.queue) == (60, 0, "valkey")
        told = clients[0].ask("GET", "/metrics").body.decode()
        assert 'peakday_requests_total{status="202",wire="sendgrid"} 12.0' in told
        assert clients[0].ask("GET", "/nowhere").status == 404
        taken = [len(front.net_connections("tcp")) for front in fronts(api)]
        assert len(taken) == 2


def test_a_bound_and_an_idempotency_key_hold_for_all_of_them(start_in, client_of, mail, eventually) -> None:
    with start_in(queue="valkey", processes=2, queue_bound=10, hold=True) as api:
        clients = [client_of(api) for _ in range(8)]
        replies = [client.post(mail(messages=4), idempotency_key="k") for client in clients]
        assert {reply.status for reply in replies} == {202}
        assert len({reply.headers["x-message-id"] for reply in replies}) == 1
        statuses = [client.post(mail(messages=3, first=50)).status for client in clients]
        assert statuses == [202, 202, 429, 429, 429, 429, 429, 429]
        assert (api.health().received, api.health().backlog) == (10, 10)
        assert eventually(lambda: api.health().limited == 6)


def test_one_that_dies_is_replaced_and_the_others_go_on(start_in, client_of, mail, eventually) -> None:
    with start_in(queue="valkey", processes=2) as api:
        first, second = fronts(api)
        first.kill()
        assert client_of(api).post(mail()).status == 202
        assert eventually(lambda: len(fronts(api)) == 2 and first.pid not in {one.pid for one in fronts(api)})
        assert second.pid in {one.pid for one in fronts(api)}
        assert all(client_of(api).post(mail(first=n)).status == 202 for n in range(1, 9))
        assert eventually(lambda: api.health().delivered == 9)


def test_none_outlives_the_process_behind_them(start_in, eventually, ended) -> None:
    with start_in(queue="sqlite", processes=2) as api:
        left = fronts(api)
        api.child.process.kill()
        assert eventually(lambda: all(ended(front) for front in left), within_s=10.0)


def test_told_to_leave_they_drain_and_keep_the_backlog(start_in, client_of, mail, eventually, ended) -> None:
    with start_in(queue="sqlite", processes=2, hold=True) as api:
        assert client_of(api).post(mail(messages=7)).status == 202
        left = fronts(api)
        api.child.process.send_signal(signal.SIGTERM)
        assert api.child.process.wait(8.0) == 0
        assert all(ended(front) for front in left)
    with start_in(queue="sqlite") as api:
        assert api.health().recovered == 7
        assert eventually(lambda: api.health().delivered == 7)
