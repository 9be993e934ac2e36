"""The same numbers wherever they are computed: here, in processes, on a Dask cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.catalogue import load
from scenarios.problems import EXIT_REFUSED, UserError
from sim.experiments.executors import cluster, each, processes
from sim.experiments.trials import Laboratory, seeds_of
from sim.experiments.vary import Row, grid_of, vary
from sim.progress import Interrupted, Silent
from sim.simulate import simulate

START_S = 60.0


def rows(laboratory: Laboratory) -> tuple[Row, ...]:
    season = load("smoke", ["bin=5s"])
    return vary(season, grid_of(["pipeline.workers.count=4,12"]), seeds_of(season, None, 2), laboratory)


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with one worker: the two commands of README without nanny, on 127.0.0.1."""
    told = tmp_path / "scheduler.json"
    common = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(told)]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    alone = ("--no-nanny", "--nthreads", "1")
    commands = (["scheduler", "--port", "0", *common], ["worker", *alone, *common])
    started = []
    try:
        for command in commands:
            with (tmp_path / f"{command[0]}.log").open("w") as log:
                argv = [sys.executable, "-m", "dask", *command]
                started.append(subprocess.Popen(argv, env=env, cwd=tmp_path, stdout=log, stderr=log))
        yield _with_worker(tmp_path / "scheduler.log", tmp_path / "worker.log")
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(START_S)


def _with_worker(scheduler: Path, worker: Path) -> str:
    """The address that the scheduler tells, once the worker says that it is registered."""
    deadline_s = time.monotonic() + START_S
    while "Registered to" not in worker.read_text():
        assert time.monotonic() < deadline_s, worker.read_text()
        time.sleep(0.05)
    return next(line.split()[-1] for line in scheduler.read_text().splitlines() if "Scheduler at" in line)


def test_processes_and_a_dask_cluster_tell_the_same_numbers_as_one_process(dask: str) -> None:
    here = rows(Laboratory())
    with processes(1) as pool:
        assert rows(Laboratory(executor=pool)) == here
    with cluster(dask) as (executor, width):
        assert width == 1
        assert rows(Laboratory(executor=executor)) == here
        season = load("smoke", ["bin=5s"])
        assert simulate(season, replications=3, executor=executor).replications == (
            simulate(season, replications=3).replications
        )


def test_an_address_without_a_scheduler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.experiments.executors.CONNECT_S", 0.2)
    with pytest.raises(UserError, match="no Dask scheduler answers") as caught, cluster("tcp://127.0.0.1:1"):
        pass
    assert caught.value.exit_code == EXIT_REFUSED


class Stopping(Silent):
    """Asks to stop from the third look on."""

    looks = 0

    def stopped(self) -> bool:
        self.looks += 1
        return self.looks > 2


def test_a_stop_is_obeyed_between_results() -> None:
    found: list[int] = []
    with pytest.raises(Interrupted):
        found.extend(each(lambda x: x * x, range(10), Stopping()))
    assert found == [0, 1]
