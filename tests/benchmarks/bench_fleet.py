"""Two processes on one core carry at least 0.9 of what one does; all counts agree. Medians of pairs."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from statistics import median

import psutil
import pytest

from loadtests.children import Child, python_module
from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Fault
from loadtests.replay.launch import Engine
from loadtests.replay.schedule import Schedule, constant
from loadtests.targets.target import at, shipped
from tests.benchmarks.book import say

PAIRS = 5
REQUESTS = 160_000
RATIO_MIN = 0.9
CONNECTIONS = 64


def carried_per_s(engine: Engine, schedule: Schedule, name: str) -> float:
    """Requests per second from time 0 until every record is written: a master's work counts too."""
    records = engine.play(schedule, name)
    over_s = time.time()
    assert engine.last is not None
    assert (records.fault == Fault.NONE).all()
    assert records.request.size == schedule.due_s.size
    return records.request.size / (over_s - engine.last.started_at)


def pin(pid: int, core: int) -> None:
    """Every thread of a process to one core; a fleet's master works there too."""
    for thread in psutil.Process(pid).threads():
        os.sched_setaffinity(thread.id, {core})


def locusts_count(folder: Path) -> int:
    """Requests in the summary that Locust printed last."""
    log = (folder / "engine" / "locust.log").read_text()
    return int(re.findall(r"^\s*Aggregated\s+(\d+)\s+\d+\(", log, flags=re.MULTILINE)[-1])


@pytest.mark.timeout(600)
def test_two_processes_on_one_core_against_one(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("needs a core for the generator and one for the server")
    schedule = constant(REQUESTS / 0.5, 0.5)
    carried: dict[int, list[float]] = {1: [], 2: []}
    with Child("null", python_module("loadtests.sendapi.null"), log=tmp_path / "null.log") as server:
        port = server.expect("ready", 10)["port"]
        psutil.Process(server.process.pid).cpu_affinity(cores[1:])
        target = at(shipped("sendgrid"), f"http://127.0.0.1:{port}")
        engines = {
            workers: Engine(target, tmp_path / str(workers), bounds=Bounds(CONNECTIONS), workers=workers)
            for workers in carried
        }
        with engines[1], engines[2]:
            for workers, engine in engines.items():
                for pid in (engine.pid, *engine.worker_pids):
                    pin(pid, cores[0])
                engine.play(constant(1000.0, 0.5), f"warm-{workers}")
            for pair in range(PAIRS):
                for workers, engine in engines.items():
                    carried[workers].append(carried_per_s(engine, schedule, f"pair-{pair}"))
    ratio = median(two / one for one, two in zip(carried[1], carried[2], strict=True))
    for workers, rates in carried.items():
        say(f"{workers} process(es) on one core: {median(rates):,.0f} requests/s")
        assert locusts_count(tmp_path / str(workers)) == PAIRS * REQUESTS + 500
    say(f"ratio of pairs, median of {PAIRS}: {ratio:.2f}, wanted {RATIO_MIN}")
    assert ratio >= RATIO_MIN
