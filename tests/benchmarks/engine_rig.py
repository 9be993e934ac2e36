"""What the engine is measured with: nginx on a core of its own, an engine pinned to another."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtests.replay.bounds import Bounds
from loadtests.replay.launch import Engine
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule, constant
from loadtests.targets.target import Target, read_target
from tests.benchmarks.peers import CONNECTIONS, GENERATOR_CORE, TARGET_CORE, Speed

REQUESTS = 60_000

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


@contextmanager
def nginx_in(folder: Path) -> Iterator[Nginx]:
    """One, with a certificate of its own."""
    plain, tls = free_port(), free_port()
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
