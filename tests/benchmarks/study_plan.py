"""Does the answer of `plan --find` hold where every message is simulated, and does 5 % less fail?

    python tests/benchmarks/study_plan.py --seed 20261122 --seeds 20

The answer is found at cohort resolution under the scenario's own seeds and tried at message resolution under
others, drawn from --seed, scaled so that 40 workers are left.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import timedelta

from scenarios.catalogue import Loaded, load
from scenarios.quantities import parse_duration
from sim.experiments.axis import axis_of
from sim.experiments.executors import cores, processes
from sim.experiments.find import find
from sim.experiments.trials import Laboratory, Trial, seeds_of
from sim.seeds import derive

KEY = "pipeline.workers.count"
WORKERS = 40


def scaled(loaded: Loaded, workers: int, of: int) -> Loaded:
    """The season with `of` workers at the scale that leaves 40 of them, with `workers` of these."""
    asked = with_count(loaded, of)
    small = replace(asked, scenario=asked.scenario.scaled(WORKERS / of))
    return with_count(small, workers)


def first_part(loaded: Loaded, until_s: float) -> Loaded:
    """The season cut short, where what decides is in its first part: the referee takes its time."""
    whole = loaded.scenario
    ends_at = whole.starts_at + timedelta(seconds=until_s)
    campaigns = tuple(c for c in whole.campaigns if c.start < ends_at)
    return replace(loaded, scenario=whole.model_copy(update={"duration": until_s, "campaigns": campaigns}))


def with_count(loaded: Loaded, workers: int) -> Loaded:
    """The season with so many workers."""
    crew = loaded.scenario.pipeline.workers.model_copy(update={"count": workers})
    pipeline = loaded.scenario.pipeline.model_copy(update={"workers": crew})
    return replace(loaded, scenario=loaded.scenario.model_copy(update={"pipeline": pipeline}))


def told(trials: list[Trial]) -> str:
    """How many meet every objective, and with how many messages."""
    offered = sum(t.replication.offered for t in trials) / len(trials)
    return (
        f"{sum(t.meets for t in trials)} of {len(trials)} meet every objective ({offered:.3g} messages each)"
    )


def main() -> None:
    """Find, then try."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="singles-day")
    parser.add_argument("--first", metavar="DURATION", help="try the season's first part alone")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--answer", type=int, help="in the place of a search")
    asked = parser.parse_args()
    loaded = load(asked.scenario)
    with processes() as pool:
        answer = asked.answer
        if answer is None:
            laboratory = Laboratory(executor=pool, width=cores())
            found = find(loaded, axis_of(loaded, KEY), seeds_of(loaded, None, 20), 0.9, laboratory)
            answer = round(found.place)
        print(f"{asked.scenario}: {KEY} = {answer}", flush=True)
        seeds = [derive(asked.seed, "study", i) for i in range(asked.seeds)]
        referee = Laboratory("message", pool)
        tried = first_part(loaded, parse_duration(asked.first)) if asked.first else loaded
        less = min(WORKERS - 1, round(WORKERS * 0.95))
        for workers in (WORKERS, less):
            trials = referee.trials([(scaled(tried, workers, answer), seed) for seed in seeds])
            print(f"message resolution, {workers} workers at scale {WORKERS / answer:.4f}: {told(trials)}")
            for judged in trials[0].judged:
                print(f"    first seed: {judged.because}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
