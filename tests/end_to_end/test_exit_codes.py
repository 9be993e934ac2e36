"""One exit code per reason, and never a traceback."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.cli import Done, Peakday

HEAD_BYTES_MAX = 4096


@pytest.mark.alone
def test_0_when_ready(rehearsed: Done) -> None:
    assert (rehearsed.code, rehearsed.document["verdict"]) == (0, "ready")


def test_1_when_an_objective_of_the_season_is_missed(peakday: Peakday) -> None:
    slow = ("--set", "pipeline.workers.count=1", "--set", "pipeline.workers.service_time=30ms")
    done = peakday("simulate", "smoke", *slow, "--json")
    assert (done.code, done.document["verdict"]) == (1, "not ready")


def test_2_when_the_scenario_is_unknown(peakday: Peakday) -> None:
    done = peakday("simulate", "smok", "--json")
    assert (done.code, done.out) == (2, "")
    assert "smoke" in done.err


def test_2_for_an_unknown_option(peakday: Peakday) -> None:
    assert peakday("rehearse", "smoke", "--bugdet", "8s").code == 2


def test_3_when_the_generator_was_the_limit(peakday: Peakday, runs: Path) -> None:
    """It is held up for a second, as by a machine that has no time for it."""
    before = written(runs)
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(peakday, "replay", "--rate", "500/s", "--for", "4s", "--json")
        while not running.done() and written(runs) == before:
            time.sleep(0.02)
        hold_up(generators(), 1.0)
        done = running.result()
    assert (done.code, done.document["valid"]) == (3, False)
    assert done.document["invalid_because"]
    assert done.document["due"] == done.document["started"] + done.document["dropped"] == 2000


def written(runs: Path) -> set[Path]:
    """Records with more in them than their head."""
    return {path for path in runs.glob("*/records/*.arrows") if path.stat().st_size > HEAD_BYTES_MAX}


def generators() -> list[psutil.Process]:
    """The Locusts that this process's commands run."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if any("locust" in word for word in child.cmdline())]


def hold_up(processes: list[psutil.Process], seconds: float) -> None:
    for process in processes:
        process.suspend()
    time.sleep(seconds)
    for process in processes:
        process.resume()


def test_3_when_too_little_was_measured(peakday: Peakday) -> None:
    done = peakday("replay", "--rate", "5/s", "--for", "1s", "--json")
    assert (done.code, done.document["valid"]) == (3, False)
    assert "too little data: 5 requests" in done.document["invalid_because"]


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("192.0.2.1:80", marks=pytest.mark.torture),
        pytest.param("0.0.0.0:80", marks=pytest.mark.torture),
        "[::ffff:192.0.2.1]:80",
    ],
)
def test_4_when_the_target_is_not_this_machine(peakday: Peakday, address: str) -> None:
    done = peakday("replay", "--rate", "1/s", "--for", "1s", "--target", f"sendgrid+http://{address}")
    assert done.code == 4, done.err


def test_4_when_nobody_listens(peakday: Peakday) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = peakday("ceiling", "--budget", "5s", "--target", f"sendgrid+http://127.0.0.1:{port}")
    assert done.code == 4, done.err
