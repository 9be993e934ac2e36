"""What the kernel saw of one send: written to the queue's file, synced, and only then answered."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

CALLS = "write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync"


@pytest.fixture
def watched(tmp_path):
    """Watch processes with strace; gives its lines, in the order of the kernel's answers."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: write, fdatasync, reply are NOT checked in their order")
    out = tmp_path / "strace"
    watchers = []

    def watch(pids: list[int]):
        words = ["strace", "-f", "-y", "-s", "80", "-e", f"trace={CALLS}", "-o", str(out)]
        watchers.append(
            subprocess.Popen(
                [*words, *(word for pid in pids for word in ("-p", str(pid)))],
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        for _ in pids:
            said = watchers[0].stderr.readline()
            if "attached" not in said:
                pytest.skip(f"strace may not watch here, the order is NOT checked: {said.strip()}")

        def lines() -> list[str]:
            watchers[0].send_signal(signal.SIGINT)
            watchers[0].communicate(timeout=10.0)
            return out.read_text(errors="replace").splitlines()

        return lines

    yield watch
    for watcher in watchers:
        watcher.kill()
        watcher.wait()


def first(lines: list[str], pattern: str, after: int = -1) -> int:
    """The first line behind `after` where a call of this kind has ended."""
    for number, line in enumerate(lines[after + 1 :], after + 1):
        if re.search(pattern, line) and "unfinished" not in line:
            return number
    raise AssertionError(f"no {pattern} behind line {after}:\n" + "\n".join(lines))


def test_a_message_is_written_then_synced_then_answered(
    start_in, client_of, mail, queue_servers, tmp_path, watched
) -> None:
    with start_in(queue="valkey", hold=True) as api:
        client = client_of(api)
        assert client.post(mail(first=1)).status == 202  # connections are open, files are there
        (server,) = queue_servers(tmp_path)
        lines = watched([server.pid, api.child.process.pid])
        assert client.post(mail(first=77)).status == 202
        seen = lines()
    file = r"<[^>]*\.aof>"
    written = first(seen, rf"write\(\d+{file}, .*XADD")
    synced = first(seen, rf"fdatasync\(\d+{file}\)|fdatasync resumed", written)
    told = first(seen, r"write\(\d+<UNIX|write\(\d+<socket", synced)
    answered = first(seen, r"HTTP/1\.1 202")
    assert written < synced < told < answered


def test_a_message_in_sqlite_is_synced_before_it_is_answered(
    start_in, client_of, mail, tmp_path: Path, watched
) -> None:
    with start_in(queue="sqlite", hold=True) as api:
        client = client_of(api)
        assert client.post(mail(first=1)).status == 202
        lines = watched([api.child.process.pid])
        assert client.post(mail(first=77)).status == 202
        seen = lines()
    file = r"<[^>]*queue\.db-wal>"
    written = first(seen, rf"pwrite64\(\d+{file}|pwrite64 resumed")
    synced = first(seen, rf"f(data)?sync\(\d+{file}\)|f(data)?sync resumed", written)
    assert written < synced < first(seen, r"HTTP/1\.1 202")
