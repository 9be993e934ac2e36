"""The engine: one Locust process, many replays, counts that agree everywhere, and no process left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loadtests.children import ChildFailed
from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.launch import Engine
from loadtests.replay.records import read_records
from loadtests.replay.schedule import constant
from loadtests.targets.target import Target, at, shipped
from scenarios.problems import UserError
from sim.progress import Interrupted

UNDER_WAY_MAX = 20
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
LIMITED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n"


class Listener:
    """A watcher that remembers the figures and asks to stop when `stop` says so."""

    def __init__(self, stop: Callable[[float], bool] = lambda done_s: False) -> None:
        self.figures: list[Mapping[str, float]] = []
        self._stop = stop
        self._done_s = 0.0

    def tell(
        self,
        stage: str,
        done: float,
        total: float,
        text: str = "",
        figures: Mapping[str, float] | None = None,
    ) -> None:
        self._done_s = done
        self.figures.append(figures or {})

    def stopped(self) -> bool:
        return self._stop(self._done_s)


def sendgrid(port: int) -> Target:
    return at(shipped("sendgrid"), f"http://127.0.0.1:{port}")


def until(true: Callable[[], bool], within_s: float = 10.0) -> bool:
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        if true():
            return True
        time.sleep(0.01)
    return true()


def alive(pid: int) -> bool:
    """False for a zombie too: it does nothing any more, only its parent has not asked."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
def every_third_limited(serve):
    """A server that answers 429 to every third request, whatever its connection."""
    lock = threading.Lock()
    counted = iter(range(10**9))

    def talk(server, sock) -> None:
        while server.read_request(sock):
            with lock:
                third = next(counted) % 3 == 2
            sock.sendall(LIMITED if third else ACCEPTED)

    return serve(talk)


def locusts_count(log: str) -> tuple[int, int]:
    """(requests, failures) of Locust's own summary."""
    found = re.findall(r"^\s*Aggregated\s+(\d+)\s+(\d+)\(", log, flags=re.MULTILINE)
    return int(found[-1][0]), int(found[-1][1])


def test_many_replays_in_one_locust_count_as_the_server_and_as_locust_count(
    every_third_limited, tmp_path: Path
) -> None:
    """Rows, requests that the server read, Locust's statistics, the progress told; ids never used twice."""
    listener = Listener()
    schedules = [constant(300.0, 0.7, arrivals="poisson", seed=seed, batch=seed) for seed in (1, 2, 3)]
    with Engine(sendgrid(every_third_limited.port), tmp_path, listener) as engine:
        played = [engine.play(schedule, f"trial-{i}") for i, schedule in enumerate(schedules)]
        assert engine.last is not None
        assert engine.last.name == "trial-2"
        assert abs(engine.last.started_at - time.time()) < 60.0
    due = sum(schedule.due_s.size for schedule in schedules)
    for schedule, records in zip(schedules, played, strict=True):
        assert records.complete
        assert records.duration_s == schedule.duration_s
        assert records.request.tolist() == list(range(schedule.due_s.size))
        assert (records.fault == Fault.NONE).all()
        assert np.array_equal(records.messages, schedule.messages)
        assert np.array_equal(records.accepted, np.where(records.status == 202, schedule.messages, 0))
    limited = sum(int((records.reply == Reply.LIMITED).sum()) for records in played)
    assert len(every_third_limited.requests) == due
    assert limited == due // 3
    assert locusts_count((tmp_path / "engine" / "locust.log").read_text()) == (due, limited)
    recipients = re.findall(rb"customer-(\d+)@example\.com", b"".join(every_third_limited.requests))
    assert sorted(map(int, recipients)) == list(range(sum(int(s.messages.sum()) for s in schedules)))
    last = listener.figures[-1]
    assert last["accepted"] + last["limited"] == schedules[-1].due_s.size
    assert last["target_per_s"] == pytest.approx(300.0, rel=0.5)
    assert np.isfinite(last["p99_ms"])


def test_a_stop_ends_the_replay_early_keeps_its_records_and_leaves_the_engine_ready(
    serve, answering, tmp_path: Path
) -> None:
    server = serve(answering(ACCEPTED))
    asked = []

    def stop(done_s: float) -> bool:
        if done_s >= 0.5 and not asked:
            asked.append(done_s)
            return True
        return False

    with Engine(sendgrid(server.port), tmp_path, Listener(stop)) as engine:
        with pytest.raises(Interrupted):
            engine.play(constant(100.0, 60.0), "stopped")
        assert engine.last is not None
        stopped = engine.last.records
        assert stopped.complete
        assert 0.5 <= stopped.duration_s < 20.0
        due = int((engine.last.schedule.due_s <= stopped.duration_s).sum())
        assert stopped.request.tolist() == list(range(due))
        assert len(server.requests) <= due
        assert engine.play(constant(100.0, 0.2), "after").request.size == 20


def test_a_child_that_dies_is_told_with_its_log_and_its_records_stay(
    serve, answering, tmp_path: Path
) -> None:
    server = serve(answering(ACCEPTED))
    killed = []

    class Killer(Listener):
        def stopped(self) -> bool:
            if self._done_s > 1.0 and not killed:
                killed.append(engine.pid)
                os.kill(engine.pid, signal.SIGKILL)
            return False

    with Engine(sendgrid(server.port), tmp_path, Killer()) as engine:
        with pytest.raises(ChildFailed, match="exit code -9"):
            engine.play(constant(200.0, 60.0), "killed")
        assert engine.last is not None
        records = engine.last.records
    assert not records.complete
    assert records.request.size >= 100
    seen = records.request.tolist()
    assert len(set(seen)) == len(seen)
    assert len(set(range(max(seen))) - set(seen)) <= UNDER_WAY_MAX, "none but what was under way is missing"


def test_an_error_in_the_task_ends_the_run_and_is_told_and_nothing_is_sent_again(
    serve, answering, tmp_path: Path
) -> None:
    """From the 21st request on the schedule names a stream that it does not have; Locust would start over."""
    server = serve(answering(ACCEPTED))
    sound = constant(50.0, 1.0)
    broken = replace(sound, stream=np.where(sound.due_s < 0.4, 0, 5).astype(np.int16))
    with Engine(sendgrid(server.port), tmp_path) as engine:
        with pytest.raises(ChildFailed, match="IndexError"):
            engine.play(broken, "broken")
        assert until(lambda: not alive(engine.pid))
    assert len(server.requests) <= 20
    assert len(set(server.requests)) == len(server.requests)


def test_what_no_request_of_the_target_can_carry_is_refused_before_the_first_is_sent(
    serve, answering, tmp_path: Path
) -> None:
    server = serve(answering(ACCEPTED))
    with Engine(sendgrid(server.port), tmp_path) as engine:
        with pytest.raises(UserError, match="cannot hold that many messages"):
            engine.play(constant(10_000.0, 1.0, batch=2000), "too-large")
        assert engine.play(constant(50.0, 0.1), "sound").request.size == 5
    assert len(server.requests) == 5


@pytest.fixture
def orphan(serve, answering, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process in the middle of a long replay, and the pid of its Locust."""
    server = serve(answering(ACCEPTED))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from loadtests.replay.launch import Engine\n"
        "from loadtests.replay.schedule import constant\n"
        "from loadtests.targets.target import at, shipped\n"
        "target = at(shipped('sendgrid'), f'http://127.0.0.1:{sys.argv[1]}')\n"
        "with Engine(target, Path(sys.argv[2])) as engine:\n"
        "    print(engine.pid, flush=True)\n"
        "    engine.play(constant(200.0, 60.0), 'long')\n"
    )
    argv = [sys.executable, "-c", code, str(server.port), str(tmp_path)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        pid = int(process.stdout.readline())
        assert until(lambda: len(server.requests) > 50)
        yield process, pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_locust_leaves_within_a_second_of_its_parents_sigkill_and_closes_its_records(
    orphan: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    process, pid = orphan
    assert alive(pid)
    process.kill()
    killed_s = time.monotonic()
    assert until(lambda: not alive(pid))
    # One second is the promise; the rest is for a machine on which others work.
    assert time.monotonic() - killed_s < 2.5
    records = read_records([tmp_path / "long.arrows"])
    assert records.complete
    seen = records.request.tolist()
    assert len(set(seen)) == len(seen)
    assert len(set(range(max(seen))) - set(seen)) <= UNDER_WAY_MAX, "none but what was under way is missing"
    assert records.request.size > 50


def test_settings_of_the_user_and_of_the_folder_do_not_reach_locust(
    serve, answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answering(ACCEPTED))
    monkeypatch.setenv("LOCUST_RUN_TIME", "1s")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".locust.conf").write_text("run-time = 1s\n")
    (tmp_path / "pyproject.toml").write_text('[tool.locust]\nrun-time = "1s"\n')
    monkeypatch.chdir(tmp_path)
    with Engine(sendgrid(server.port), tmp_path / "records", bounds=Bounds(connections=3)) as engine:
        records = engine.play(constant(50.0, 1.4), "longer")
    assert records.request.size == 70
    assert server.connections <= 2 * 3, "one that is lost on a busy machine is opened again"
