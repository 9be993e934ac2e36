"""Foreign send services as processes between a replay and a stand-in, with logs of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
UP_S = 30.0


@dataclass(frozen=True)
class Told:
    """What a service wrote down of itself: an attempt a line."""

    attempts: int
    messages: int
    taken: int
    unanswered: int
    most: int


@dataclass(frozen=True)
class Service:
    """A running service, the port where its provider is looked for, and its log."""

    door: int
    exit: int
    log: Path

    def told(self) -> Told:
        rows = [line.split(",") for line in self.log.read_text().splitlines()]
        attempts = Counter(row[0] for row in rows)
        taken = {row[0] for row in rows if row[2].startswith("2")}
        unanswered = sum(row[2] == "0" for row in rows)
        return Told(len(rows), len(attempts), len(taken), unanswered, max(attempts.values()))


@contextmanager
def retailer(folder: Path) -> Iterator[Service]:
    door, exit_port, log = free_port(), free_port(), folder / "retailer.log"
    env = {"PORT": str(door), "SENDGRID_URL": f"http://127.0.0.1:{exit_port}", "LOG": str(log)}
    with running([str(ROOT / "examples" / "retailer.py")], env, door):
        yield Service(door, exit_port, log)


@contextmanager
def clinic(folder: Path) -> Iterator[Service]:
    door, exit_port, log = free_port(), free_port(), folder / "clinic.log"
    env = {"TWILIO_URL": f"http://127.0.0.1:{exit_port}", "LOG": str(log)}
    with running([str(Path(__file__).with_name("clinic.py")), str(door)], env, door):
        yield Service(door, exit_port, log)


@contextmanager
def running(argv: list[str], env: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *argv], env=os.environ | env)
    try:
        wait_until_it_listens(port)
        yield
    finally:
        process.kill()
        process.wait()


def wait_until_it_listens(port: int) -> None:
    ends_s = time.monotonic() + UP_S
    while time.monotonic() < ends_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on {port}")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def retailer_target(folder: Path, of: Service, behind: str) -> Path:
    """The shipped target file with this service's ports and other limits."""
    shipped = (ROOT / "examples" / "retailer.toml").read_text()
    head = shipped.partition("[behind]")[0].replace("http://127.0.0.1:8090", f"http://127.0.0.1:{of.door}")
    path = folder / "retailer.toml"
    path.write_text(f'{head}[behind]\nstand_in = "sendgrid"\nport = {of.exit}\n{behind}\n')
    return path


def clinic_target(folder: Path, of: Service, behind: str) -> Path:
    path = folder / "clinic.toml"
    path.write_text(f"""
base_url = "http://127.0.0.1:{of.door}"
[[operation]]
name = "texts"
carries = ["sms", "email"]
path = "/text"
[operation.body]
encoding = "form"
fields = {{ phone = "{{{{phone}}}}", note = "{{{{campaign}}}}", reference = "{{{{message_id}}}}" }}
[operation.replies]
accepted = [200]
[behind]
stand_in = "twilio"
port = {of.exit}
{behind}
""")
    return path
