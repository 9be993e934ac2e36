"""Other generators that hold a rate, and how late their requests come, seen where they arrive.

Nobody sends early, so the most punctual request of each sender shows when its schedule began; the others are
measured against that. It flatters a sender that is never on time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.benchmarks.engine_rig import free_port, until_listening
from tests.benchmarks.peers import TARGET_CORE, output_of

SECONDS = 4
LOCUST_USERS = 400
K6_USERS = 500

_K6 = """
import http from 'k6/http';
import exec from 'k6/execution';
export const options = {{ scenarios: {{ even: {{ executor: 'constant-arrival-rate', rate: {rate},
  timeUnit: '1s', duration: '{seconds}s', preAllocatedVUs: {users}, maxVUs: {users} }} }} }};
const rest = 'x'.repeat(1000);
export default function () {{ http.post('{url}/send', `at=k6/${{exec.scenario.iterationInTest}};` + rest); }}
"""
_LOCUST = """
from locust import FastHttpUser, constant_throughput, task

class Paced(FastHttpUser):
    wait_time = constant_throughput({rate} / {users})
    came = 0

    def on_start(self):
        self.name, self.sent = f"u{{Paced.came}}", 0
        Paced.came += 1

    @task
    def post(self):
        self.sent += 1
        self.client.post("/send", data=f"at={{self.name}}/{{self.sent - 1}};" + "x" * 1000)
"""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """Requests as they arrived: how late each was against its sender's schedule, and how many were due."""

    late_s: Floats
    due: int

    def words(self) -> str:
        """One line."""
        p50_s, p99_s = np.quantile(self.late_s, (0.5, 0.99))
        missing = self.due - self.late_s.size
        missed = f", {missing:,} of {self.due:,} never sent" if missing > 0 else ""
        return f"p50 {p50_s * 1e3:.3f} ms, p99 {p99_s * 1e3:.3f} ms{missed}"


@dataclass(frozen=True)
class Watched:
    """A server that keeps when requests reach it."""

    url: str

    def arrivals(self) -> dict[str, list[tuple[int, float]]]:
        """Since it was asked last: by sender (number of the request, seconds since 1970)."""
        with urllib.request.urlopen(f"{self.url}/arrivals") as answer:
            return dict(json.load(answer))


@contextmanager
def watched(delay_s: float = 0.0) -> Iterator[Watched]:
    """One that answers after a delay, on the target's core."""
    port = free_port()
    script = Path(__file__).with_name("arrivals_server.py")
    words = ["taskset", "-c", TARGET_CORE, sys.executable, str(script), str(port), str(delay_s)]
    process = subprocess.Popen(words)
    try:
        until_listening(port)
        yield Watched(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def k6(server: Watched, rate_per_s: float, folder: Path) -> Seen:
    """k6's constant-arrival-rate."""
    script = folder / "paced.js"
    rate = round(rate_per_s)
    script.write_text(_K6.format(rate=rate, seconds=SECONDS, users=K6_USERS, url=server.url))
    output_of(["k6", "run", "--quiet", str(script)], folder)
    return _seen(server, rate)


def locust(server: Watched, rate_per_s: float, folder: Path) -> Seen:
    """Locust's constant_throughput, one process."""
    script = folder / "paced.py"
    script.write_text(_LOCUST.format(rate=rate_per_s, users=LOCUST_USERS))
    users = ["--users", str(LOCUST_USERS), "--spawn-rate", str(LOCUST_USERS), "--run-time", f"{SECONDS}s"]
    words = [sys.executable, "-m", "locust", "-f", str(script), "--headless", "--only-summary", *users]
    output_of([*words, "--host", server.url], folder)
    return _seen(server, rate_per_s / LOCUST_USERS)


def lateness_s(arrivals: list[tuple[int, float]], due_s: Floats) -> Floats:
    """Of one sender: how much later than due each request came, beyond the most punctual one.

    due_s: when each was due, from any moment on."""
    late_s = np.array([came_s - due_s[number] for number, came_s in arrivals])
    return late_s - late_s.min()


def _seen(server: Watched, rate_per_s: float) -> Seen:
    """Each sender's rate is `rate_per_s`, from its own beginning until the last request of all."""
    senders = server.arrivals().values()
    last_s = max(came_s for arrivals in senders for _, came_s in arrivals)
    late, due = [], 0
    for arrivals in senders:
        most = max(number for number, _ in arrivals)
        late.append(lateness_s(arrivals, np.arange(most + 1) / rate_per_s))
        number, came_s = arrivals[0]
        began_s = came_s - late[-1][0] - number / rate_per_s
        due += min(int((last_s - began_s) * rate_per_s), round(SECONDS * rate_per_s) - 1) + 1
    return Seen(np.concatenate(late), due)


PACED = {"k6": ("k6", k6), "Locust FastHttpUser": ("Locust constant_throughput", locust)}
"""By its name among the peers: what paces it, how."""
