"""Faults switched while the API runs: with a key, seen in metrics and access log, gone when ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.sendapi.door import Door
from loadtests.sendapi.faults import NONE, Faults, read
from loadtests.sendapi.knobs import Knobs, Stall
from loadtests.sendapi.server import Running, start
from scenarios.problems import UserError

KEY = "admin"


@pytest.fixture(name="api", scope="module")
def _api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("api")
    with start(
        Knobs(queue="sqlite", admin_key=KEY, access_log=str(folder / "access.log")), folder
    ) as running:
        yield running


def switch(client: Any, changes: dict[str, Any] | bytes, method: str = "PATCH", key: str = KEY) -> Any:
    body = changes if isinstance(changes, bytes) else json.dumps(changes).encode()
    return client.ask(method, "/admin/faults", body, {"authorization": f"Bearer {key}"})


def test_a_share_of_errors_is_switched_on_and_off_while_it_runs(
    api: Running, client: Any, mail: Any, eventually: Any
) -> None:
    assert client.post(mail()).status == 202
    assert json.loads(switch(client, {"error_share": "50%"}).body)["error_share"] == 0.5
    statuses = [client.post(mail()).status for _ in range(200)]
    assert set(statuses) == {202, 500}
    assert 60 <= statuses.count(500) <= 140  # 50 % of 200: off by more than five standard deviations
    assert b"peakday_fault_error_share 0.5" in client.ask("GET", "/metrics").body
    assert switch(client, b"", "DELETE").status == 200
    assert {client.post(mail()).status for _ in range(30)} == {202}
    lines = api.knobs.access_log

    def logged() -> list[Any]:
        with open(lines) as file:  # noqa: PTH123 - a path as the knobs have it
            return [json.loads(line) for line in file]

    assert eventually(lambda: sum("faults" in line for line in logged()) >= 2)
    assert sum(line.get("fault") == "error" for line in logged()) == statuses.count(500)


def test_service_time_and_limit_hold_from_the_moment_they_are_switched(
    api: Running, client: Any, mail: Any
) -> None:
    assert switch(client, {"service_time": "150ms", "limit": "1/s"}).status == 200
    began_s = time.monotonic()
    assert client.post(mail(messages=20)).status == 202
    assert time.monotonic() - began_s >= 0.15
    assert api.health().backlog >= 18
    assert switch(client, {"service_time": None, "limit": None}).status == 200
    ends_s = time.monotonic() + 10.0
    while api.health().backlog and time.monotonic() < ends_s:
        time.sleep(0.05)
    assert api.health().backlog == 0


def test_nobody_without_the_key_and_no_other_method_switches_anything(client: Any) -> None:
    assert switch(client, {"error_share": "1"}, key="other").status == 401
    assert client.ask("PATCH", "/admin/faults", b"{}").status == 401
    reply = switch(client, {}, "PUT")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, PATCH, DELETE")
    assert json.loads(switch(client, b"", "GET").body)["error_share"] == 0.0


def test_every_mistake_is_told_and_nothing_is_switched(client: Any) -> None:
    reply = switch(client, {"error_share": "x", "stal": "1s", "limit": "0/s", "service_time": 3})
    assert reply.status == 400
    assert reply.fields() == ["error_share", "stal", "limit", "service_time"]
    assert switch(client, b"{").status == 400
    assert json.loads(switch(client, b"", "GET").body)["limit_per_s"] is None


def test_without_an_admin_key_there_is_no_such_route(start_in, client_of) -> None:
    with start_in(queue="sqlite") as api:
        assert switch(client_of(api), {"error_share": "1"}, key="").status == 404


def test_changes_keep_what_they_do_not_name() -> None:
    first = read({"stall": "400ms/every 5s", "limit": "500/s"}, NONE)
    assert first == Faults(stall=Stall(0.4, 5.0), limit_per_s=500.0)
    assert read({"limit": None, "error_share": "0.25"}, first) == Faults(0.25, stall=Stall(0.4, 5.0))
    with pytest.raises(UserError, match="never thaw"):
        read({"stall": "5s/every 5s"}, NONE)


def test_a_stall_begins_when_its_first_period_since_the_switch_ends() -> None:
    now = [100.0]
    door = Door(Knobs(), clock=lambda: now[0])
    assert door.open
    now[0] = 150.0
    door.change(None, Stall(1.0, 5.0))
    assert not door.open
    assert door.book(153.0) == pytest.approx(153.0)
    assert door.book(154.5) == pytest.approx(155.0)
    door.change(None, None)
    assert door.open
