"""What surrounds the sends: metrics, health, readiness, the access log, a drain - over real sockets."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
import time
from typing import Any

import psutil
from prometheus_client.parser import text_string_to_metric_families

from loadtests.children import Child, python_module
from loadtests.sendapi.knobs import Knobs, to_json
from loadtests.sendapi.life import Life
from loadtests.sendapi.meter import BOUNDS_S, Meter

HEAD = (
    b"POST /v3/mail/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
)


def scraped(client: Any) -> dict[tuple[str, ...], float]:
    """Samples by their name and label values, labels in the order of their names."""
    reply = client.ask("GET", "/metrics")
    assert reply.status == 200
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }


def test_metrics_count_answers_messages_and_times_by_wire_and_status(start_in, client_of, mail) -> None:
    with start_in(queue="sqlite", key="SG.key", limit_per_s=0.001) as api:
        client = client_of(api)
        for _ in range(3):
            assert client.post(mail(messages=20)).status == 202
        assert client.post(mail(), authorization="Bearer no").status == 401
        assert client.ask("POST", "/messages/send").status == 401
        found = scraped(client)
        assert found["peakday_requests_total", "202", "sendgrid"] == 3
        assert found["peakday_requests_total", "401", "sendgrid"] == 1
        assert found["peakday_requests_total", "401", "braze"] == 1
        assert found["peakday_accepted_messages_total", "sendgrid"] == 60
        assert found["peakday_request_seconds_count", "sendgrid"] == 4
        assert found["peakday_request_seconds_bucket", "+Inf", "sendgrid"] == 4
        assert found["peakday_received_messages_total",] == 60
        delivered = found["peakday_delivered_messages_total", "all"]
        assert found["peakday_waiting_messages", "email", "marketing"] >= 60 - delivered - 1
        assert found["peakday_queue_bytes",] > 60
        assert found["peakday_serving",] == 1
        assert found["process_cpu_seconds_total",] > 0


def test_a_scraper_that_asks_for_openmetrics_gets_it(client) -> None:
    reply = client.ask("GET", "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert reply.headers["content-type"].startswith("application/openmetrics-text")
    assert reply.body.endswith(b"# EOF\n")


def test_times_fall_into_the_bin_whose_end_is_not_below_them() -> None:
    meter = Meter()
    for took_s in (0.0, BOUNDS_S[0], BOUNDS_S[0] * 1.01, 1e9):
        meter.note("sendgrid", 202, took_s, 1)
    ((_, _, answered),) = meter.answered()
    assert answered.bins == [2, 1, *[0] * (len(BOUNDS_S) - 2), 1]
    assert (answered.requests, answered.messages) == (4, 4)


def test_a_queue_that_hangs_is_not_ready_and_is_ready_again_once_it_answers(
    start_in, client_of, tmp_path, queue_servers, eventually
) -> None:
    with start_in(queue="valkey") as api:
        client = client_of(api)
        assert client.ask("GET", "/readyz").status == 200
        (server,) = queue_servers(tmp_path)
        server.suspend()
        try:
            reply = client.ask("GET", "/readyz")
            assert (reply.status, json.loads(reply.body)["ready"]) == (503, False)
            assert "queue" in json.loads(reply.body)["because"]
            assert client.ask("GET", "/healthz").status == 200
        finally:
            server.resume()
        assert eventually(lambda: client.ask("GET", "/readyz").status == 200)


def test_while_the_queue_is_being_opened_it_is_alive_not_ready_and_can_be_told_to_leave(tmp_path) -> None:
    with socket.socket() as silent:  # a queue that takes connections and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = free_port()
        knobs = Knobs(queue=f"valkey://127.0.0.1:{silent.getsockname()[1]}", port=port)
        (tmp_path / "knobs.json").write_bytes(to_json(knobs))
        argv = python_module("loadtests.sendapi.server", str(tmp_path / "knobs.json"))
        with Child("send API", argv, log=tmp_path / "log") as child:
            client = client_at(f"http://127.0.0.1:{port}")
            assert json.loads(client.ask("GET", "/healthz").body)["state"] == "starting"
            reply = client.ask("GET", "/readyz")
            assert (reply.status, json.loads(reply.body)["because"]) == (503, "starting")
            assert client.ask("POST", "/messages/send").status == 503
            client.close()
            child.process.send_signal(signal.SIGTERM)
            assert child.process.wait(10.0) == 0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def client_at(base_url: str) -> Any:
    """A client of a server that may still be about to listen."""
    from tests.loadtests.sendapi.conftest import Client

    ends_s = time.monotonic() + 20.0
    while True:
        try:
            client = Client(base_url)
            client.ask("GET", "/healthz")
        except OSError:
            assert time.monotonic() < ends_s
            time.sleep(0.02)
        else:
            return client


def test_a_drain_answers_what_is_under_way_refuses_what_comes_and_keeps_the_queue(
    start_in, client_of, mail
) -> None:
    with start_in(queue="sqlite", service_time_s=1.5, workers=4, limit_per_s=0.001) as api:
        replies = []
        senders = [
            threading.Thread(target=lambda: replies.append(client_of(api).post(mail()))) for _ in range(3)
        ]
        prober = client_of(api)
        for sender in senders:
            sender.start()
        while scraped(prober)["peakday_requests_under_way",] < 3:
            time.sleep(0.01)
        api.child.process.send_signal(signal.SIGTERM)
        while (reply := prober.ask("GET", "/readyz")).status != 503:
            time.sleep(0.01)
        assert json.loads(reply.body)["because"] == "draining"
        refused = client_of(api).post(mail())
        assert (refused.status, refused.headers["connection"]) == (503, "close")
        for sender in senders:
            sender.join()
        assert api.child.process.wait(5.0) == 0
    assert [reply.status for reply in replies] == [202] * 3
    with start_in(queue="sqlite", limit_per_s=0.001) as api:
        assert api.health().recovered >= 2


def test_a_second_signal_does_not_wait_for_what_is_under_way(start_in, client_of, mail) -> None:
    with start_in(queue="sqlite", service_time_s=30.0, workers=1) as api:
        body = json.dumps(mail()).encode()
        host, _, port = api.base_url.removeprefix("http://").rpartition(":")
        sender = socket.create_connection((host, int(port)))
        sender.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        prober = client_of(api)
        while scraped(prober)["peakday_requests_under_way",] < 1:
            time.sleep(0.01)
        process = psutil.Process(api.child.process.pid)
        process.send_signal(signal.SIGTERM)
        while json.loads(prober.ask("GET", "/readyz").body)["ready"]:
            time.sleep(0.01)
        assert api.child.process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert api.child.process.wait(10.0) == 0
        sender.close()


def test_the_access_log_has_a_line_for_every_answer(start_in, client_of, mail, tmp_path) -> None:
    path = tmp_path / "access.log"
    with start_in(queue="sqlite", key="SG.key", access_log=str(path)) as api:
        client = client_of(api)
        client.post(mail(messages=3))
        client.post(mail(), authorization="Bearer no")
        client.ask("GET", "/nowhere?a=b")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["status"], line["wire"], line.get("messages", 0)) for line in lines] == [
        (202, "sendgrid", 3),
        (401, "sendgrid", 0),
        (404, "own", 0),
    ]
    assert [line["path"] for line in lines] == ["/v3/mail/send", "/v3/mail/send", "/nowhere"]
    assert lines[0]["bytes"] == len(json.dumps(mail(messages=3)))
    assert all(line["ms"] > 0 and line["client"].startswith("127.0.0.1:") for line in lines)


def test_a_life_without_requests_drains_at_once_and_one_with_them_not_before_they_end() -> None:
    async def test() -> None:
        assert await Life().drain(0.0)
        life = Life()
        life.begin()
        assert not await life.drain(0.01)
        draining = asyncio.create_task(life.drain(60.0))
        await asyncio.sleep(0)
        life.end()
        assert await draining

    asyncio.run(test())
