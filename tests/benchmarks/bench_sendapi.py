"""The reference send API: one message a request, and Klaviyo's published peak in batches of 1000, for 60 s.

Run by `make bench`. Every message is checked, on disk before its 202, and counted again afterwards: accepted
= stored (read back id by id by a queue server started on the files) = delivered. Beside each figure stands
what the parts allow alone: the disk, the checks, HTTP without a queue. Absolute figures mean something on a
quiet machine only, so the load and the CPU time of each process are printed with them.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from pathlib import Path

import msgspec
import pytest

from loadtests.replay.schedule import constant
from loadtests.sendapi.formats import Accepted, read
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import start
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import SHIPPED, Target, at, read_target, shipped
from tests.benchmarks.book import say, verdict
from tests.benchmarks.sendapi_rig import (
    GIBIBYTE,
    drained,
    generator,
    played,
    processes,
    read_back,
    synced_bytes_per_s,
)

SECONDS = float(os.environ.get("PEAKDAY_BENCH_SECONDS", "60"))
BATCHED_PER_S = float(os.environ.get("PEAKDAY_BENCH_RATE", "200000"))
KLAVIYO_PER_S = 193_400.0
SINGLES_PER_S = 12_000.0
BATCH = 1000
SINGLES = 120_000
CONNECTIONS = 64
LANES = 16
"""Connections that carry batches."""
DUE_AT_ONCE_S = 0.2
SANDBOX = '"mail_settings":{"sandbox_mode":{"enable":true}},"categories"'


def target_at(url: str) -> Target:
    return at(shipped("sendgrid"), url)


def sandboxed(url: str, folder: Path) -> Target:
    """The same requests, to be checked and not kept."""
    text = (SHIPPED / "sendgrid.toml").read_text().replace('"categories"', SANDBOX)
    (folder / "sandbox.toml").write_text(f'base_url = "{url}"\n{text}')
    return read_target(folder / "sandbox.toml")


def request_body(messages: int) -> bytes:
    renderer = Renderer(target_at("http://127.0.0.1:1"), {"PEAKDAY_API_KEY": "x"})
    return renderer.render(0, messages, "email", "sale").partition(b"\r\n\r\n")[2]


def checks_per_s(messages: int, for_s: float = 2.0) -> float:
    """Messages whose requests one core reads and checks, and does nothing else."""
    body, requests, began_s = request_body(messages), 0, time.process_time()
    while (took_s := time.process_time() - began_s) < for_s:
        assert isinstance(read(body, "x"), Accepted)
        requests += 1
    return requests * messages / took_s


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEAKDAY_API_KEY", "bench")


def limits(folder: Path, messages: int) -> None:
    """What the parts allow alone."""
    size = len(request_body(messages))
    writes_per_s, bytes_per_s = synced_bytes_per_s(folder, size)
    say(f"  disk alone: {writes_per_s:,.0f} fdatasync/s of one request, {bytes_per_s / 1e6:,.0f} MB/s")
    say(f"  checks alone, one core: {checks_per_s(messages):,.0f} messages/s; a request: {size:,} bytes")


def without_a_queue(folder: Path, requests: int, batch: int, connections: int) -> None:
    with start(Knobs(), folder / "sandbox") as api:
        with generator(sandboxed(api.base_url, folder), folder / "sandbox-load", connections) as engine:
            schedule = constant(requests * batch / DUE_AT_ONCE_S, DUE_AT_ONCE_S, batch=batch)
            run = played(api, engine, schedule, "sandbox")
        assert api.health().received == 0
    say(run.told("no queue (sandbox mode)", "CPU us a request", requests / 1e6))


def test_one_message_a_request(tmp_path: Path) -> None:
    say(f"\none message a request, {CONNECTIONS} connections, generator on the same {os.cpu_count()} cores")
    limits(tmp_path, 1)
    without_a_queue(tmp_path, SINGLES // 2, 1, CONNECTIONS)
    rates = []
    with start(Knobs(), tmp_path / "api") as api:
        with generator(target_at(api.base_url), tmp_path / "load", CONNECTIONS) as engine:
            schedule = constant(SINGLES / DUE_AT_ONCE_S, DUE_AT_ONCE_S)
            for number in range(3):
                run = played(api, engine, schedule, f"singles-{number}")
                rates.append(run.accepted / run.span_s)
                say(run.told("on disk before 202, delivered", "CPU us a request", SINGLES / 1e6))
        drained(api, 30.0)
        health = api.health()
    assert health.durable, "the queue is not on a disk: choose another folder for temporary files"
    assert (health.received, health.delivered, health.duplicated) == (3 * SINGLES, 3 * SINGLES, 0)
    verdict("durable requests/s, median of 3", statistics.median(rates), SINGLES_PER_S)


def test_klaviyos_peak_kept_through_a_crash_of_the_queue(tmp_path: Path) -> None:
    say(f"\n{BATCH} messages a request, {SECONDS:g} s, then the queue is killed, read back, delivered")
    limits(tmp_path, BATCH)
    without_a_queue(tmp_path, 1500, BATCH, LANES)
    knobs = Knobs(queue_bytes=8 * GIBIBYTE, hold=True)
    with start(knobs, tmp_path / "api") as api:
        with generator(target_at(api.base_url), tmp_path / "load", LANES) as engine:
            run = played(api, engine, constant(BATCHED_PER_S, SECONDS, batch=BATCH), "peak")
            processes(api, engine)["Valkey"].send_signal(signal.SIGKILL)
        accepted = run.accepted
        assert api.health().durable
    say(run.told("on disk before 202, held", "CPU s a million messages", accepted / 1e6))
    verdict("messages/s sustained", accepted / run.span_s, KLAVIYO_PER_S)
    began_s = time.monotonic()
    ticks = read_back(tmp_path / "api", accepted)
    stored = int(ticks.seen.sum())
    took = f"{time.monotonic() - began_s:.0f} s"
    say(f"  read back id by id in {took}: stored {stored:,} of {accepted:,}, twice {ticks.repeated}")
    with start(msgspec.structs.replace(knobs, hold=False), tmp_path / "api") as api:
        drained(api, 180.0)
        health = api.health()
    lost = accepted - health.delivered
    say(f"  delivered {health.delivered:,}, lost {lost}, duplicated {health.duplicated}")
    assert (stored, ticks.repeated) == (accepted, 0)
    assert (health.recovered, health.delivered, health.duplicated) == (accepted, accepted, 0)


def test_klaviyos_peak_delivered_meanwhile(tmp_path: Path) -> None:
    say(f"\n{BATCH} messages a request, {SECONDS:g} s, delivered to the counting sink meanwhile")
    with start(Knobs(), tmp_path / "api") as api:
        with generator(target_at(api.base_url), tmp_path / "load", LANES) as engine:
            run = played(api, engine, constant(BATCHED_PER_S, SECONDS, batch=BATCH), "peak")
            waiting = api.health().backlog
            fast = played(api, engine, constant(4e6 / DUE_AT_ONCE_S, DUE_AT_ONCE_S, batch=BATCH), "fast")
        drained(api, 60.0)
        health = api.health()
    say(run.told("on disk before 202, delivered", "CPU s a million messages", run.accepted / 1e6))
    verdict("messages/s sustained", run.accepted / run.span_s, KLAVIYO_PER_S)
    say(f"  backlog at the end {waiting:,}; delivered {health.delivered:,}, duplicated {health.duplicated}")
    say(fast.told("as fast as it goes, 4 million", "CPU s a million messages", fast.accepted / 1e6))
    sent = run.accepted + fast.accepted
    assert (health.received, health.delivered, health.duplicated) == (sent, sent, 0)
