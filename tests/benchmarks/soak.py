"""Hours of load in flat memory: `python tests/benchmarks/soak.py --for 2min --rate 1050/s`.

Exits with 1 when a process of the generator grows beyond 300 MB, when memory grows by more than 20 MB an hour
after the warm-up, or when the counts of records, server and schedule differ.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from loadtests.children import Child, python_module
from loadtests.replay.fates import Fault
from loadtests.replay.launch import Engine
from loadtests.replay.schedule import constant
from loadtests.targets.target import at, shipped
from scenarios.quantities import parse_duration, parse_rate

RESIDENT_MB_MAX = 300.0
SLOPE_MB_H_MAX = 20.0
WARM_SHARE = 0.25
EVERY_S = 1.0


class Memory:
    """Samples the resident memory of processes until stopped."""

    def __init__(self, pids: list[int]) -> None:
        self.samples: list[tuple[float, ...]] = []
        self._processes = [psutil.Process(pid) for pid in pids]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> np.ndarray:
        """Columns: time in s, then MB of each process."""
        self._over.set()
        self._thread.join()
        return np.array(self.samples)

    def _sample(self) -> None:
        while not self._over.wait(EVERY_S):
            resident = [process.memory_info().rss / 1e6 for process in self._processes]
            self.samples.append((time.monotonic(), *resident))


def slope_mb_h(at_s: np.ndarray, resident_mb: np.ndarray) -> float:
    """Least squares over what comes after the warm-up."""
    later = at_s > at_s[0] + WARM_SHARE * (at_s[-1] - at_s[0])
    return float(np.polyfit(at_s[later] / 3600.0, resident_mb[later], 1)[0])


def soak(rate_per_s: float, duration_s: float, workers: int) -> bool:
    """Load the null server; True when memory stayed flat and every request has its row."""
    folder = Path(tempfile.mkdtemp(prefix="peakday-soak-"))
    schedule = constant(rate_per_s, duration_s)
    with Child("null", python_module("loadtests.sendapi.null"), log=folder / "null.log") as server:
        target = at(shipped("sendgrid"), f"http://127.0.0.1:{server.expect('ready', 10)['port']}")
        with Engine(target, folder, workers=workers) as engine:
            memory = Memory([engine.pid, *engine.worker_pids])
            records = engine.play(schedule, "soak")
            samples = memory.stop()
    answered = int((records.fault == Fault.NONE).sum())
    print(f"{schedule.due_s.size:,} due, {records.request.size:,} rows, {answered:,} answered")
    good = records.complete and records.request.size == schedule.due_s.size == answered
    for number in range(1, samples.shape[1]):
        most, slope = samples[:, number].max(), slope_mb_h(samples[:, 0], samples[:, number])
        print(f"process {number}: at most {most:.0f} MB, slope {slope:+.1f} MB/h after the warm-up")
        # A short run's slope is mostly noise: half a megabyte in three minutes is 10 MB an hour.
        long_enough = duration_s >= 1800.0
        good = good and most <= RESIDENT_MB_MAX and (slope <= SLOPE_MB_H_MAX or not long_enough)
    return good


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--for", dest="duration", default="1h", type=parse_duration)
    parser.add_argument("--rate", default="1050/s", type=parse_rate)
    parser.add_argument("--workers", default=1, type=int)
    asked = parser.parse_args()
    return 0 if soak(asked.rate, asked.duration, asked.workers) else 1


if __name__ == "__main__":
    sys.exit(main())
