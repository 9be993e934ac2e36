"""How fast the simulation is: the message engine against other simulators, the cohort against its size.

CPU seconds of this process, medians, compilation apart. Both engines are those that run shipped scenarios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from scenarios.catalogue import Loaded
from sim import cohort, message
from sim.outcome import Outcome
from sim.progress import SILENT
from sim.season.demand import base_traffic
from sim.traffic import Traffic
from tests.benchmarks.book import say, verdict
from tests.benchmarks.costs import Cost, draw
from tests.benchmarks.simulators import OTHERS, Model, present, simpy_per_cpu_s
from tests.benchmarks.weeks import week
from tests.sim.pipelines import poisson, scenario, stream, traffic

ROUNDS = 5
SEASON_S = 60
MODEL = Model(900.0, 100, 0.1, 910.0, 6, 1.0, float(SEASON_S))
"""Poisson 900/s to 100 workers of 0.1 s, a token bucket of 910/s, backoff on 429."""


def queue_and_limit() -> tuple[Loaded, Traffic]:
    """MODEL as a scenario."""
    limits = [{"rate": f"{MODEL.limit_per_s}/s", "burst": MODEL.limit_per_s}]
    provider = [{"name": "p", "channels": ["email"], "limits": limits}]
    workers = {"count": MODEL.workers, "service_time": f"{MODEL.service_s}s", "distribution": "exponential"}
    retries = {"attempts": MODEL.attempts, "backoff": f"{MODEL.backoff_s}s"}
    due = traffic([stream("a")], [poisson(MODEL.offered_per_s, SEASON_S, 1)])
    return scenario(SEASON_S, workers, provider=provider, retries=retries), due


def ours_per_cpu_s() -> float:
    """The message engine on the same model, messages per CPU second."""
    loaded, due = queue_and_limit()
    _, outcome = message.run(loaded, due, 1, SILENT)
    return float(due.counts.sum()) / outcome.cpu_s


def test_message_engine_against_a_simpy_process_per_message() -> None:
    """In turns, pair by pair; the noise floor is the spread of SimPy's own rounds."""
    pairs = [(simpy_per_cpu_s(MODEL), ours_per_cpu_s()) for _ in range(ROUNDS)]
    theirs = [pair[0] for pair in pairs]
    ratios = [ours / simpy_ for simpy_, ours in pairs]
    say(f"\nmessage engine {statistics.median(p[1] for p in pairs):,.0f} messages/CPU-s")
    say(f"idiomatic SimPy {statistics.median(theirs):,.0f}, spread {max(theirs) / min(theirs) - 1.0:.0%}")
    say(f"rounds {[round(r, 2) for r in ratios]}")
    verdict("times as many messages/CPU-s", statistics.median(ratios), 3.5)


@pytest.mark.parametrize("name", OTHERS)
def test_message_engine_against_another_simulator(name: str) -> None:
    """A shorter season: theirs cost the same for every message of it."""
    if not present(name):
        say(f"\n{name} is NOT INSTALLED: not compared (pip install -e '.[dev]')")
        pytest.skip(f"{name} is not installed")
    short = replace(MODEL, season_s=SEASON_S / 6)
    theirs = [OTHERS[name][1](short) for _ in range(3)]
    ours = [ours_per_cpu_s() for _ in range(3)]
    spread = max(theirs) / min(theirs) - 1.0
    say(f"\n{name} {statistics.median(theirs):,.0f} messages/CPU-s, spread {spread:.0%}")
    ratio = statistics.median(ours) / statistics.median(theirs)
    say(f"message engine {statistics.median(ours):,.0f}: {ratio:.1f} times as many")


def cohort_run(parts: int, days: float, messages: float, bin_s: float) -> Outcome:
    """One season at cohort resolution, its bins in a file, as the bar on CPU has it: in memory a longer one
    would cost what the pages cost that it lies on."""
    loaded = week(parts, days, messages, bin_s)
    with tempfile.TemporaryDirectory() as folder:
        keep = Path(folder) / "outcome"
        return cohort.run(loaded, base_traffic(loaded, SEED), SEED, SILENT, keep, in_place=True)[1]


SEED = 31
SIZES = {
    "messages": [(1, 1.0, messages, 1.0) for messages in (1e7, 1e8, 1e9, 1e10, 1e11)],
    "streams": [(parts, 1.0, 68e9, 1.0) for parts in (1, 2, 3, 4)],
    "days": [(1, days, 68e9, 1.0) for days in (0.5, 1.0, 2.0, 4.0)],
    "bins": [(1, 1.0, 68e9, bin_s) for bin_s in (8.0, 4.0, 2.0, 1.0)],
}
PICTURE = Path(__file__).with_name("cohort_cost.svg")


def cost(axis: str) -> Cost:
    """CPU seconds along one axis, medians of three."""
    sizes, cpu_s, cells = [], [], []
    for parts, days, messages, bin_s in SIZES[axis]:
        runs = [cohort_run(parts, days, messages, bin_s) for _ in range(3)]
        streams, bins = runs[0].offered.shape
        sizes.append({"messages": messages, "streams": streams, "days": days, "bins": bins}[axis])
        cpu_s.append(statistics.median(run.cpu_s for run in runs))
        cells.append(runs[0].offered.size)
    return Cost(axis, tuple(map(float, sizes)), tuple(cpu_s), tuple(cells))


def test_cohort_cost() -> None:
    """Flat in messages, linear in streams, days and bins; drawn into a picture beside this file."""
    cohort_run(1, 0.1, 1e8, 1.0)
    costs = [cost(axis) for axis in SIZES]
    for each in costs:
        say(f"\ncohort cost against {each.axis}: size -> CPU-s, ns per stream and bin")
        for size, cpu_s, cells in zip(each.sizes, each.cpu_s, each.cells, strict=True):
            say(f"  {size:14,.6g} {cpu_s:7.3f} {cpu_s / cells * 1e9:7.0f}")
        verdict(
            f"power of {each.axis} that the cost grows with", each.power, 0.1 if each.flat else 1.1, False
        )
    draw(costs, PICTURE)


WEEK = """
import sys, time
from pathlib import Path
from scenarios.catalogue import load
from sim.simulate import simulate
began = time.process_time()
told = simulate(load("cyber-week"), seed=31, keep=Path(sys.argv[1]))
outcome, all_s = told.outcome, time.process_time() - began
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
rss_mb = int(peak.split()[1]) / 1024.0  # getrusage would tell of the parent's, from before the exec
print(outcome.cpu_s, told.cpu_s, outcome.file_cpu_s, rss_mb, outcome.totals[0].sum(), *outcome.offered.shape)
"""


def test_cyber_week(tmp_path: Path) -> None:
    """The shipped scenario as it is, in a process of its own: all of the pipeline, 7 days, 1 s bins."""
    cohort_run(1, 0.1, 1e8, 1.0)
    told = [
        subprocess.run(
            [sys.executable, "-c", WEEK, tmp_path / "o"], check=True, capture_output=True, text=True
        )
        for _ in range(ROUNDS)
    ]
    rounds = [[float(word) for word in one.stdout.split()] for one in told]
    cpu_s, all_s, file_cpu_s, rss_mb = (statistics.median(r[i] for r in rounds) for i in range(4))
    _, _, _, _, messages, streams, bins = rounds[0]
    say(f"\n{messages:.4g} messages of {streams:.0f} streams in {bins:.0f} bins: {cpu_s:.2f} CPU-s")
    say(f"rounds {[round(r[0], 2) for r in rounds]}; {file_cpu_s:.2f} more for the file")
    say(f"with demand drawn and objectives judged {all_s:.2f}, rounds {[round(r[1], 2) for r in rounds]}")
    verdict("CPU-s of the simulation", cpu_s, 3.0, False)
    verdict("peak MB of a fresh process", rss_mb, 600.0, False)
