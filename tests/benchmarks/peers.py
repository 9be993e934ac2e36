"""Other load generators, each on one core against the same nginx: requests/s and CPU seconds a request."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GENERATOR_CORE, TARGET_CORE = "0", "1"
CONNECTIONS = 50
BODY = "x" * 1024

_LUA = (
    f'wrk.method="POST"; wrk.body=string.rep("x",{len(BODY)}); wrk.headers["Content-Type"]="application/json"'
)
_K6 = """
import http from 'k6/http';
export const options = {{ vus: {connections}, duration: '{seconds}s', insecureSkipTLSVerify: true }};
const body = 'x'.repeat(1024);
export default function () {{ http.post('{url}', body); }}
"""
_LOCUST = """
from locust import FastHttpUser, task

class Poster(FastHttpUser):
    @task
    def post(self):
        self.client.post("/send", data="x" * 1024, headers={"Content-Type": "application/json"})
"""


@dataclass(frozen=True)
class Speed:
    """Of one run on one core."""

    requests_per_s: float
    cpu_us: float


def wrk(url: str, folder: Path, seconds: int) -> Speed:
    """wrk, closed loop."""
    script = folder / "post.lua"
    script.write_text(_LUA)
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    return _speed(words, folder, r"(\d+) requests in", seconds)


def h2load(url: str, folder: Path, seconds: int) -> Speed:
    """h2load, speaking HTTP/1.1."""
    (folder / "body").write_text(BODY)
    words = ["h2load", "--h1", f"-c{CONNECTIONS}", "-t1", f"-D{seconds}", "-d", str(folder / "body"), url]
    return _speed(words, folder, r"requests: (\d+) total", seconds)


def k6(url: str, folder: Path, seconds: int) -> Speed:
    """k6 with as many virtual users as connections."""
    script = folder / "post.js"
    script.write_text(_K6.format(connections=CONNECTIONS, seconds=seconds, url=url))
    return _speed(["k6", "run", "--quiet", str(script)], folder, r"http_reqs[.\s]*:\s*(\d+)", seconds)


def locust(url: str, folder: Path, seconds: int) -> Speed:
    """Locust's FastHttpUser, one process."""
    script = folder / "fast.py"
    script.write_text(_LOCUST)
    users = ["--users", str(CONNECTIONS), "--spawn-rate", str(CONNECTIONS), "--run-time", f"{seconds}s"]
    words = [sys.executable, "-m", "locust", "-f", str(script), "--headless", "--only-summary", *users]
    host = ["--host", url.removesuffix("/send")]
    return _speed([*words, *host], folder, r"Aggregated\s+(\d+)", seconds)


PEERS: dict[str, tuple[str, Callable[[str, Path, int], Speed]]] = {
    "wrk": ("wrk", wrk),
    "h2load": ("h2load", h2load),
    "k6": ("k6", k6),
    "Locust FastHttpUser": (sys.executable, locust),
}
"""Name to (executable, run)."""


def present(name: str) -> bool:
    """Whether the peer is installed here."""
    return shutil.which(PEERS[name][0]) is not None


def _speed(words: list[str], folder: Path, pattern: str, seconds: float) -> Speed:
    said, used_s = output_of(words, folder)
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"{words[0]} said nothing of its requests: {said[-2000:]}")
    requests = int(found[1])
    return Speed(requests / seconds, used_s / requests * 1e6)


def output_of(words: list[str], folder: Path) -> tuple[str, float]:
    """What a generator said and the CPU seconds that it took, on its core, scheduled as ours is."""
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["taskset", "-c", GENERATOR_CORE, *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"HOME": str(folder), "K6_NO_USAGE_REPORT": "true"},
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return output.read_text(), used.ru_utime + used.ru_stime


def wake_up_s_p99(seconds: float) -> float:
    """p99 of how much too late a bare sleep of 1 ms ends now, an ordinary thread's on our core."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(GENERATOR_CORE)})
    late, end_s = [], time.monotonic() + seconds
    while (now_s := time.monotonic()) < end_s:
        time.sleep(0.001)
        late.append(time.monotonic() - now_s - 0.001)
    os.sched_setaffinity(0, everywhere)
    return sorted(late)[int(len(late) * 0.99)]
