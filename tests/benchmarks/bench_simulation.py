"""How fast the simulation is: the message engine against idiomatic SimPy, the cohort engine against its size.

CPU seconds of this process, medians, compilation apart. Both engines are those that run shipped scenarios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simpy

from scenarios.catalogue import Loaded
from sim import cohort, message
from sim.outcome import Outcome
from sim.progress import SILENT
from sim.traffic import Traffic
from tests.benchmarks.book import say
from tests.benchmarks.weeks import week
from tests.sim.pipelines import poisson, scenario, stream, traffic

ROUNDS = 5
SEASON_S = 60
OFFERED_PER_S, WORKERS, SERVICE_S, LIMIT_PER_S = 900.0, 100, 0.1, 910.0


def queue_and_limit() -> tuple[Loaded, Traffic]:
    """Poisson 900/s to 100 workers of 0.1 s, a token bucket of 910/s, backoff on 429."""
    limits = [{"rate": f"{LIMIT_PER_S}/s", "burst": LIMIT_PER_S}]
    provider = [{"name": "p", "channels": ["email"], "limits": limits}]
    workers = {"count": WORKERS, "service_time": f"{SERVICE_S}s", "distribution": "exponential"}
    due = traffic([stream("a")], [poisson(OFFERED_PER_S, SEASON_S, 1)])
    return scenario(SEASON_S, workers, provider=provider, retries={"attempts": 6, "backoff": "1s"}), due


class Idiomatic:
    """The same model as SimPy's tutorials would have it: a process a message, a Resource of workers."""

    def __init__(self) -> None:
        self.env, self.random = simpy.Environment(), np.random.default_rng(1)
        self.workers = simpy.Resource(self.env, WORKERS)
        self.tokens, self.updated_s = LIMIT_PER_S, 0.0
        self.sent = 0
        self.delays_s: list[float] = []

    def messages_per_cpu_s(self) -> float:
        """Run the season."""
        began_s = time.process_time()
        self.env.process(self._source())
        self.env.run(SEASON_S)
        return self.sent / (time.process_time() - began_s)

    def _source(self) -> Generator[simpy.Event, Any, None]:
        while True:
            yield self.env.timeout(self.random.exponential(1.0 / OFFERED_PER_S))
            self.sent += 1
            self.env.process(self._message())

    def _message(self) -> Generator[simpy.Event, Any, None]:
        due_s, backoff_s = self.env.now, 1.0
        for _ in range(6):
            with self.workers.request() as worker:
                yield worker
                yield self.env.timeout(self.random.exponential(SERVICE_S))
            if self._admitted():
                self.delays_s.append(self.env.now - due_s)
                return
            yield self.env.timeout(backoff_s * self.random.uniform(0.5, 1.5))
            backoff_s *= 2.0

    def _admitted(self) -> bool:
        self.tokens = min(LIMIT_PER_S, self.tokens + (self.env.now - self.updated_s) * LIMIT_PER_S)
        self.updated_s = self.env.now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


def ours_per_cpu_s() -> float:
    """The message engine on the same model, messages per CPU second."""
    loaded, due = queue_and_limit()
    _, outcome = message.run(loaded, due, 1, SILENT)
    return float(due.counts.sum()) / outcome.cpu_s


def test_message_engine_against_a_simpy_process_per_message() -> None:
    """The noise floor is the spread of SimPy's own rounds."""
    pairs = [(Idiomatic().messages_per_cpu_s(), ours_per_cpu_s()) for _ in range(ROUNDS)]
    theirs = [pair[0] for pair in pairs]
    ratios = [ours / simpy_ for simpy_, ours in pairs]
    say(f"\nmessage engine {statistics.median(p[1] for p in pairs):,.0f} messages/CPU-s")
    say(f"idiomatic SimPy {statistics.median(theirs):,.0f}, spread {max(theirs) / min(theirs) - 1.0:.0%}")
    say(f"ratio {statistics.median(ratios):.2f} (bar 3.5), rounds {[round(r, 2) for r in ratios]}")


def cohort_run(streams: int, days: float, messages: float, bin_s: float) -> Outcome:
    """One season at cohort resolution."""
    return cohort.run(*week(streams, days, messages, bin_s), 1, SILENT)[1]


SIZES = {
    "messages": [(9, 1.0, messages, 1.0) for messages in (1e5, 1e7, 1e9, 1e11)],
    "streams": [(streams, 1.0, 1e9, 1.0) for streams in (5, 9, 18, 36)],
    "days": [(9, days, 1e9, 1.0) for days in (0.5, 1.0, 2.0, 4.0)],
    "bins": [(9, 1.0, 1e9, bin_s) for bin_s in (8.0, 4.0, 2.0, 1.0)],
}


@pytest.mark.parametrize("axis", SIZES)
def test_cohort_cost(axis: str) -> None:
    """Flat in messages, linear in streams, days and bins."""
    cohort_run(3, 0.1, 1e6, 1.0)
    say(f"\ncohort cost against {axis}: streams, days, messages, bin_s -> CPU-s, ns per stream and bin")
    for size in SIZES[axis]:
        runs = [cohort_run(*size) for _ in range(3)]
        cpu_s = statistics.median(run.cpu_s for run in runs)
        say(f"  {size!s:32} {cpu_s:7.3f} {cpu_s / runs[0].offered.size * 1e9:7.0f}")


WEEK = """
import resource, sys
from pathlib import Path
from sim import cohort
from sim.progress import SILENT
from tests.benchmarks.book import say
from tests.benchmarks.weeks import week
_, outcome = cohort.run(*week(18, 7.0, 68e9, 1.0), 1, SILENT, Path(sys.argv[1]))
rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
limited = outcome.totals[8].sum()
print(outcome.cpu_s, outcome.file_cpu_s, rss_mb, outcome.totals[0].sum(), limited)
"""


def test_cyber_weeks_load(tmp_path: Path) -> None:
    """18 streams, 7 days, 1 s bins, 68e9 messages and what they trigger, in a process of their own."""
    cohort_run(3, 0.1, 1e6, 1.0)
    told = [
        subprocess.run(
            [sys.executable, "-c", WEEK, tmp_path / "o"], check=True, capture_output=True, text=True
        )
        for _ in range(ROUNDS)
    ]
    rounds = [[float(word) for word in one.stdout.split()] for one in told]
    cpu_s, file_cpu_s, rss_mb = (statistics.median(r[i] for r in rounds) for i in range(3))
    say(
        f"\n{rounds[0][3]:.3g} messages, {rounds[0][4]:.3g} 429s: {cpu_s:.2f} CPU-s (bar 3), "
        f"rounds {[round(r[0], 2) for r in rounds]}; {file_cpu_s:.2f} more for the file"
    )
    say(f"peak {rss_mb:.0f} MB of a fresh process (bar 600), rounds {[round(r[2]) for r in rounds]}")
