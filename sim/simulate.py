"""One seed or many, at either resolution: the season, its peaks over replications, its objectives judged."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.catalogue import Loaded
from scenarios.objectives import parse_objective
from sim.evidence import season_evidence
from sim.experiments.executors import each
from sim.formats import require
from sim.judging import Judged, judge
from sim.outcome import Outcome, Resolution
from sim.progress import SILENT, Interrupted, Watcher
from sim.rulings import from_documents, to_documents
from sim.season.demand import base_traffic
from sim.seeds import derive
from sim.summary import headline, summary
from sim.traffic import MINUTE_S, Stream, Traffic, only, peak_per_min

FORMAT = "peakday simulation 1"
CONFIDENCE = 0.95

Engine = Callable[[Loaded, Traffic, int, Watcher, Path | None], tuple[Traffic, Outcome]]
Carries = Callable[[Stream], bool]
"""Whether a stream is brought to the target; picklable, so that any executor can ask it."""


@dataclass(frozen=True)
class Peaks:
    """Median and 90 % quantile, over replications, of the greatest 1-minute mean, in messages/s:

    of all that is offered, and of the streams that a target carries, which is all where nobody says.
    """

    offered_per_s_p50: float
    offered_per_s_p90: float
    carried_per_s_p50: float
    carried_per_s_p90: float


@dataclass(frozen=True)
class Replication:
    """One seed's headline figures; missed: how many objectives it misses."""

    seed: int
    offered: float
    delivered: float
    expired: float
    failed: float
    rejected: float
    peak_offered_per_s: float
    delay_s_p50: float
    delay_s_p99: float
    backlog_max: float
    drain_s: float
    revenue: float
    missed: int
    peak_carried_per_s: float = math.nan


@dataclass(frozen=True)
class Simulated:
    """A season simulated: the first replication whole, the others by their figures.

    wall_s, cpu_s: of all replications; cpu_s is without compiling and
    without writing the outcome.
    """

    traffic: Traffic
    outcome: Outcome
    peaks: Peaks
    judged: tuple[Judged, ...]
    replications: tuple[Replication, ...] = ()
    wall_s: float = 0.0
    cpu_s: float = 0.0


def simulate(
    loaded: Loaded,
    *,
    resolution: Resolution = "cohort",
    seed: int | None = None,
    replications: int = 1,
    watcher: Watcher = SILENT,
    executor: Executor | None = None,
    keep: Path | None = None,
    carries: Carries | None = None,
) -> Simulated:
    """Simulate the season `replications` times; the first with `seed`, by default the scenario's.

    The first one's outcome goes into the file `keep` while it comes about, into memory without one. The
    others' seeds follow from it by name, so that results are equal on any `executor` (without one here, and
    in processes of this machine where they are worth it). `carries` says of which streams the peak is told
    beside that of all. Raises Interrupted when the watcher asks to stop.
    """
    began, used = time.monotonic(), _cpu_s()
    first = loaded.scenario.seed if seed is None else seed
    traffic, outcome = _run(loaded, resolution, first, watcher, keep)
    judged = judged_season(loaded, outcome)
    found = [_replication(first, traffic, outcome, judged, carries)]
    seeds = [derive(first, "replication", i) for i in range(1, replications)]
    task = partial(_replicate, loaded, resolution, carries)
    for replication in each(task, seeds, watcher, executor):
        found.append(replication)
        watcher.tell("replications", len(found), replications)
        if watcher.stopped():
            raise Interrupted
    return Simulated(
        traffic,
        outcome,
        _peaks(found),
        judged,
        tuple(found),
        wall_s=time.monotonic() - began,
        cpu_s=max(0.0, _cpu_s() - used - outcome.compile_cpu_s - outcome.file_cpu_s),
    )


def _replicate(loaded: Loaded, resolution: Resolution, carries: Carries | None, seed: int) -> Replication:
    return judged_replication(loaded, resolution, seed, carries)[0]


def judged_replication(
    loaded: Loaded, resolution: Resolution, seed: int, carries: Carries | None = None
) -> tuple[Replication, tuple[Judged, ...]]:
    """One replication by its figures, and its objectives, judged: a pure function of the arguments."""
    traffic, outcome = _run(loaded, resolution, seed, SILENT)
    judged = judged_season(loaded, outcome)
    return _replication(seed, traffic, outcome, judged, carries), judged


def judged_season(loaded: Loaded, outcome: Outcome) -> tuple[Judged, ...]:
    """The scenario's season objectives against the outcome."""
    evidence = season_evidence(outcome)
    texts = loaded.scenario.objectives.season
    return tuple(judge(parse_objective(text, "season"), evidence) for text in texts)


def _run(
    loaded: Loaded, resolution: Resolution, seed: int, watcher: Watcher, keep: Path | None = None
) -> tuple[Traffic, Outcome]:
    return _engine(resolution)(loaded, base_traffic(loaded, seed), seed, watcher, keep)


def _engine(resolution: Resolution) -> Engine:
    # imported here: readers of a past simulation need neither numba nor simpy
    if resolution == "message":
        from sim import message

        return message.run
    from sim import cohort

    return partial(cohort.run, in_place=True)


def _replication(
    seed: int, traffic: Traffic, outcome: Outcome, judged: tuple[Judged, ...], carries: Carries | None
) -> Replication:
    told = headline(outcome)
    delay, peak_per_s = told["delay_s"], peak_per_min(traffic) / MINUTE_S
    fates = {
        fate: told["messages"][fate] for fate in ("offered", "delivered", "expired", "failed", "rejected")
    }
    return Replication(
        seed=seed,
        **fates,
        peak_offered_per_s=peak_per_s,
        delay_s_p50=math.nan if delay["p50"] is None else delay["p50"],
        delay_s_p99=math.nan if delay["p99"] is None else delay["p99"],
        backlog_max=told["backlog_max"],
        drain_s=told["drain_s"],
        revenue=outcome.customers.revenue,
        missed=sum(j.holds is False for j in judged),
        peak_carried_per_s=peak_per_min(only(traffic, carries)) / MINUTE_S if carries else peak_per_s,
    )


def _peaks(found: list[Replication]) -> Peaks:
    both = [(r.peak_offered_per_s, r.peak_carried_per_s) for r in found]
    p50, p90 = np.quantile(both, (0.5, 0.9), axis=0)
    return Peaks(*(float(value) for value in (p50[0], p90[0], p50[1], p90[1])))


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@dataclass(frozen=True)
class Interval:
    """Mean over replications and its two-sided 95 % interval (Student's t); infinitely wide for one."""

    mean: float
    low: float
    high: float


def intervals(replications: tuple[Replication, ...]) -> dict[str, Interval]:
    """The headline figures by name; those that some replication could not tell are left out."""
    names = [f.name for f in fields(Replication) if f.name not in ("seed", "missed")]
    columns = {name: np.array([getattr(r, name) for r in replications], dtype=np.float64) for name in names}
    return {name: _interval(values) for name, values in columns.items() if np.isfinite(values).all()}


def _interval(values: np.ndarray[Any, np.dtype[np.float64]]) -> Interval:
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Interval(mean, -math.inf, math.inf)
    from scipy.special import stdtrit  # 0.2 s, and only replications need it

    half = float(stdtrit(n - 1, (1.0 + CONFIDENCE) / 2.0) * values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def verdict(simulated: Simulated) -> str:
    """ "ready", "at risk" (another replication misses an objective), "not ready" or "inconclusive"."""
    if any(j.holds is False for j in simulated.judged):
        return "not ready"
    if any(j.holds is None for j in simulated.judged):
        return "inconclusive"
    return "at risk" if any(r.missed for r in simulated.replications) else "ready"


def to_document(simulated: Simulated) -> dict[str, Any]:
    """What `simulate --json` prints and a run keeps; what is unknown or infinite is None."""
    return {
        **summary(simulated.outcome),
        "format": FORMAT,
        "replications": max(1, len(simulated.replications)),
        "wall_s": simulated.wall_s,
        "cpu_s": simulated.cpu_s,
        "peak_offered_per_s": {
            "p50": simulated.peaks.offered_per_s_p50,
            "p90": simulated.peaks.offered_per_s_p90,
        },
        "peak_carried_per_s": {
            "p50": simulated.peaks.carried_per_s_p50,
            "p90": simulated.peaks.carried_per_s_p90,
        },
        "objectives": to_documents(simulated.judged),
        "verdict": verdict(simulated),
        "intervals": {
            name: {key: _finite(value) for key, value in asdict(interval).items()}
            for name, interval in intervals(simulated.replications).items()
        },
        "each_replication": [
            {key: _finite(value) for key, value in asdict(r).items()} for r in simulated.replications
        ],
    }


def from_document(document: Mapping[str, Any], traffic: Traffic, outcome: Outcome) -> Simulated:
    """A past simulation from its document, traffic and outcome. Raises UserError for another format."""
    require(document.get("format"), FORMAT)
    found = tuple(Replication(**_known(told)) for told in document["each_replication"])
    peaks = document["peak_offered_per_s"]
    carried = document.get("peak_carried_per_s", peaks)
    return Simulated(
        traffic,
        outcome,
        Peaks(peaks["p50"], peaks["p90"], carried["p50"], carried["p90"]),
        from_documents(document["objectives"], "season"),
        found,
        document["wall_s"],
        document["cpu_s"],
    )


def _known(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in told.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
