"""HTTP/2 through Locust against servers that others wrote: hypercorn, and nginx where it is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.measurement import measure
from loadtests.replay.launch import Engine
from loadtests.replay.schedule import constant
from loadtests.replay.selftest import own_maximum
from loadtests.targets.probing import probe
from loadtests.targets.safety import check
from loadtests.targets.target import read_target
from scenarios.problems import EXIT_REFUSED, UserError
from tests.loadtests.replay.accounts import assert_accounted, faults

APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    with open("seen", "a") as seen:
        seen.write(scope["http_version"] + " " + scope["scheme"] + "\\n")
    await send({"type": "http.response.start", "status": 202, "headers": [(b"x-message-id", b"1")]})
    await send({"type": "http.response.body", "body": b""})
"""
NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log err.log;
events {{ worker_connections 256; }}
http {{
  log_format f '$status $server_protocol $connection'; access_log access.log f;
  client_body_temp_path body; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  client_max_body_size 2m; client_body_buffer_size 2m; keepalive_requests 100;
  http2_max_concurrent_streams 8;
  server {{ listen 127.0.0.1:{port} http2 {ssl}; location / {{ return 202; }} }}
}}
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def await_port(process: subprocess.Popen[bytes], port: int, within_s: float = 20.0) -> None:
    end_s = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < end_s:
        with socket.socket() as probing:
            if probing.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start, exit code {process.poll()}")


class Running:
    """Servers of one test, and the folder that they work in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> int:
        """Start `command`, in which PORT stands for a free port, and wait until it listens."""
        port = free_port()
        words = [word.replace("PORT", str(port)) for word in command]
        process = subprocess.Popen(
            words, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.processes.append(process)
        await_port(process, port)
        return port

    def hypercorn(self, *options: str) -> int:
        """Over h2c by prior knowledge, or TLS with --certfile."""
        (self.folder / "app.py").write_text(APP)
        return self.start(sys.executable, "-m", "hypercorn", "-b", "127.0.0.1:PORT", *options, "app:app")

    def nginx(self, ssl: str = "") -> int:
        """Skips where there is none."""
        program = shutil.which("nginx")
        built = subprocess.run([program, "-V"], capture_output=True, text=True).stderr if program else ""
        if program is None or "http_v2" not in built:
            pytest.skip("nginx with HTTP/2 is not installed")
        port = free_port()
        (self.folder / "nginx.conf").write_text(NGINX.format(port=port, ssl=ssl))
        self.processes.append(
            subprocess.Popen(
                [program, "-p", str(self.folder), "-c", "nginx.conf", "-e", "err.log"],
                cwd=self.folder,
                stderr=subprocess.DEVNULL,
            )
        )
        await_port(self.processes[-1], port)
        return port


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "server").mkdir()
    servers = Running(tmp_path / "server")
    yield servers
    for process in servers.processes:
        process.terminate()
        process.wait(10.0)


def target_at(folder: Path, url: str, *lines: str):
    path = folder / "target.toml"
    path.write_text("\n".join([f'base_url = "{url}"', 'http = "2"', 'like = "sendgrid"', *lines]))
    return read_target(path)


def test_hypercorn_is_loaded_by_prior_knowledge_and_probed_after_the_generators_test_of_itself(
    running: Running, tmp_path: Path
) -> None:
    target = target_at(tmp_path, f"http://127.0.0.1:{running.hypercorn()}")
    schedule = constant(100.0, 1.0)
    with Engine(target, tmp_path / "records") as engine:
        maximum = own_maximum(engine, tmp_path, batch=1, budget_s=5.0)
        assert not (running.folder / "seen").exists()
        records = engine.play(schedule, "h2")
    assert 50.0 < maximum.per_s < 20_000.0
    assert_accounted(records, 100)
    assert faults(records) == {"NONE": 100}
    assert measure("h2", schedule, records).accepted == 100
    seen = probe(target, ())
    assert (seen.status, seen.reply) == (202, "accepted")
    assert Counter((running.folder / "seen").read_text().splitlines()) == {"2 http": 101}


@pytest.mark.torture
def test_hypercorn_is_loaded_over_tls(running: Running, tmp_path: Path, certified) -> None:
    port = running.hypercorn("--certfile", str(certified.certificate), "--keyfile", str(certified.key))
    target = target_at(tmp_path, f"https://localhost:{port}", f'ca_file = "{certified.ca}"')
    with Engine(target, tmp_path / "records") as engine:
        records = engine.play(constant(100.0, 0.5), "h2")
    assert faults(records) == {"NONE": 50}
    assert Counter((running.folder / "seen").read_text().splitlines()) == {"2 https": 50}


@pytest.mark.parametrize(
    "tls",
    [pytest.param(False, marks=pytest.mark.torture), True],
    ids=["prior knowledge", "TLS"],
)
def test_nginx_that_goes_away_after_every_hundred_requests_loses_none(
    running: Running, tmp_path: Path, certified, tls: bool
) -> None:
    ssl = f"ssl; ssl_certificate {certified.certificate}; ssl_certificate_key {certified.key}" if tls else ""
    port = running.nginx(ssl)
    lines = (f'ca_file = "{certified.ca}"',) if tls else ()
    target = target_at(tmp_path, f"{'https' if tls else 'http'}://localhost:{port}", *lines)
    with Engine(target, tmp_path / "records") as engine:
        records = engine.play(constant(500.0, 1.0, batch=1), "h2")
    assert_accounted(records, 500)
    last = dict(zip(records.request.tolist(), records.status.tolist(), strict=True))
    assert set(last.values()) == {202}
    log = [line.split() for line in (running.folder / "access.log").read_text().splitlines()]
    assert {line[1] for line in log} == {"HTTP/2.0"}
    assert sum(line[0] == "202" for line in log) == 500
    assert max(Counter(line[2] for line in log).values()) <= 101


def test_a_target_without_http_2_is_refused_before_a_single_send(
    serve, answering, tmp_path: Path, certified
) -> None:
    server = serve(answering(b""), certified.server(alpn=("http/1.1",)))
    target = target_at(tmp_path, f"https://localhost:{server.port}", f'ca_file = "{certified.ca}"')
    with pytest.raises(UserError, match="does not speak HTTP/2") as caught:
        check(target)
    assert caught.value.exit_code == EXIT_REFUSED
    assert server.requests == []
