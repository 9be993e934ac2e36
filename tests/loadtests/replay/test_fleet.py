"""Several Locust processes replay one schedule: exact counts, the dead accounted for, nobody left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from loadtests.measurement import measure
from loadtests.replay.fates import Fault
from loadtests.replay.launch import Engine
from loadtests.replay.schedule import constant
from loadtests.targets.target import at, shipped
from sim.progress import Interrupted

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
LIMIT_S = 2.5
"""One second is the promise; the rest is for a machine on which others work."""


class Doing:
    """A watcher that does something once, `at_s` into the replay, and may ask to stop."""

    def __init__(self, at_s: float, action: Callable[[], bool]) -> None:
        self._at_s = at_s
        self._action = action
        self._done = False
        self._stop = False
        self.texts: list[str] = []

    def tell(self, stage: str, done: float, total: float, text: str = "", figures: object = None) -> None:
        self.texts.append(text)
        if done >= self._at_s and not self._done:
            self._done = True
            self._stop = self._action()

    def stopped(self) -> bool:
        return self._stop


def target(port: int):
    return at(shipped("sendgrid"), f"http://127.0.0.1:{port}")


def ids(requests: list[bytes]) -> list[int]:
    return sorted(int(found) for found in re.findall(rb"customer-(\d+)@example\.com", b"".join(requests)))


def gone(processes: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    end_s = time.monotonic() + within_s
    living = processes
    while living and time.monotonic() < end_s:
        living = [p for p in living if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        time.sleep(0.02)
    return living


def test_two_workers_replay_every_request_once_and_all_counts_agree(serve, answering, tmp_path: Path) -> None:
    server = serve(answering(ACCEPTED))
    schedule = constant(200.0, 2.3, batch=3, arrivals="poisson", seed=5)
    with Engine(target(server.port), tmp_path, workers=2) as engine:
        assert len(engine.worker_pids) == 2
        first = engine.play(schedule, "first")
        second = engine.play(constant(100.0, 0.6), "second")
        assert engine.last is not None
        assert engine.last.complaints == ()
    for records, size in ((first, schedule.due_s.size), (second, 60)):
        assert records.complete
        assert records.request.tolist() == list(range(size))
        assert (records.fault == Fault.NONE).all()
    messages = int(schedule.messages.sum()) + 60
    assert ids(server.requests) == list(range(messages))
    log = (tmp_path / "engine" / "locust.log").read_text()
    found = re.findall(r"^\s*Aggregated\s+(\d+)\s+(\d+)\(", log, flags=re.MULTILINE)
    assert (int(found[-1][0]), int(found[-1][1])) == (schedule.due_s.size + 60, 0)


@pytest.mark.torture
def test_a_dead_workers_share_is_lost_and_the_rest_goes_on(serve, answering, tmp_path: Path) -> None:
    server = serve(answering(ACCEPTED))
    schedule = constant(100.0, 7.0)

    def kill() -> bool:
        os.kill(engine.worker_pids[0], signal.SIGKILL)
        return False

    with Engine(target(server.port), tmp_path, Doing(1.0, kill), workers=2) as engine:
        records = engine.play(schedule, "killed")
        assert engine.last is not None
        assert [c.endswith("was lost") for c in engine.last.complaints] == [True]
    assert records.complete
    assert records.request.tolist() == list(range(700))
    lost = records.fault == Fault.LOST_WORKER
    assert 50 <= lost.sum() <= 300
    assert not np.isfinite(records.started_s[lost]).any()
    assert (records.fault[records.due_s > 6.3] == Fault.NONE).all()
    measured = measure("killed", schedule, records)
    assert measured.due == measured.started + measured.dropped == 700
    assert measured.dropped == lost.sum()
    assert not measured.valid
    assert f"{lost.sum()} requests were lost with a worker" in measured.invalid_because


def test_a_stopped_fleet_accounts_for_all_that_was_due_and_plays_again(
    serve, answering, tmp_path: Path
) -> None:
    server = serve(answering(ACCEPTED))
    with Engine(target(server.port), tmp_path, Doing(1.0, lambda: True), workers=2) as engine:
        with pytest.raises(Interrupted):
            engine.play(constant(150.0, 60.0), "stopped")
        assert engine.last is not None
        stopped = engine.last.records
    due = int((engine.last.schedule.due_s < stopped.duration_s).sum())
    assert stopped.complete
    assert 0.9 < stopped.duration_s < 10.0
    assert stopped.request[:due].tolist() == list(range(due))
    assert not (stopped.fault == Fault.LOST_WORKER).any()


@pytest.mark.torture
@pytest.mark.parametrize("who", ["parent", "master"])
def test_no_worker_outlives_a_killed_parent_or_master_for_long(
    serve, answering, tmp_path: Path, who: str
) -> None:
    server = serve(answering(ACCEPTED))
    code = (
        "import sys; from pathlib import Path\n"
        "from loadtests.replay.launch import Engine\n"
        "from loadtests.replay.schedule import constant\n"
        "from loadtests.targets.target import at, shipped\n"
        "target = at(shipped('sendgrid'), f'http://127.0.0.1:{sys.argv[1]}')\n"
        "with Engine(target, Path(sys.argv[2]), workers=2) as engine:\n"
        "    print(engine.pid, *engine.worker_pids, flush=True)\n"
        "    engine.play(constant(200.0, 60.0), 'long')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(server.port), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        family = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        while len(server.requests) < 50:
            time.sleep(0.02)
        (process if who == "parent" else family[0]).send_signal(signal.SIGKILL)
        assert gone(family, LIMIT_S) == []
        process.wait(timeout=10)
    count = len(server.requests)
    time.sleep(0.2)
    assert len(server.requests) == count
