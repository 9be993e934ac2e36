"""How fast the simulation is: the message engine against other simulators, the cohort against its size.

CPU seconds of this process, medians, compilation apart. Both engines are those that run shipped scenarios.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scenarios.catalogue import Loaded
from sim import cohort, message
from sim.outcome import Outcome
from sim.progress import SILENT
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


def cohort_run(streams: int, days: float, messages: float, bin_s: float) -> Outcome:
    """One season at cohort resolution."""
    return cohort.run(*week(streams, days, messages, bin_s), 1, SILENT)[1]


SIZES = {
    "messages": [(9, 1.0, messages, 1.0) for messages in (1e5, 1e7, 1e9, 1e11)],
    "streams": [(streams, 1.0, 1e9, 1.0) for streams in (6, 9, 18, 36)],
    "days": [(9, days, 1e9, 1.0) for days in (0.5, 1.0, 2.0, 4.0)],
    "bins": [(9, 1.0, 1e9, bin_s) for bin_s in (8.0, 4.0, 2.0, 1.0)],
}
PICTURE = Path(__file__).with_name("cohort_cost.svg")


def cost(axis: str) -> Cost:
    """CPU seconds along one axis, medians of three."""
    sizes, cpu_s, cells = [], [], []
    for streams, days, messages, bin_s in SIZES[axis]:
        runs = [cohort_run(streams, days, messages, bin_s) for _ in range(3)]
        bins = round(days * 86_400 / bin_s)
        sizes.append({"messages": messages, "streams": streams, "days": days, "bins": bins}[axis])
        cpu_s.append(statistics.median(run.cpu_s for run in runs))
        cells.append(runs[0].offered.size)
    return Cost(axis, tuple(map(float, sizes)), tuple(cpu_s), tuple(cells))


def test_cohort_cost() -> None:
    """Flat in messages, linear in streams, days and bins; drawn into a picture beside this file."""
    cohort_run(3, 0.1, 1e6, 1.0)
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
import sys
from pathlib import Path
from sim import cohort
from sim.progress import SILENT
from tests.benchmarks.weeks import week
_, outcome = cohort.run(*week(18, 7.0, 68e9, 1.0), 1, SILENT, Path(sys.argv[1]))
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
rss_mb = int(peak.split()[1]) / 1024.0  # getrusage would tell of the parent's, from before the exec
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
