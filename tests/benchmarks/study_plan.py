"""Does the answer of `plan --find` hold where every message is simulated, and does 5 % less fail?

    python -m tests.benchmarks.study_plan --seed 20261122

The answer is found at cohort resolution under the scenario's own seeds and tried at message resolution under
others, drawn from --seed, scaled so that 40 workers are left. What comes out is a section of benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta

from scenarios.catalogue import Loaded, load
from scenarios.quantities import parse_duration
from sim.experiments.axis import axis_of
from sim.experiments.executors import cores, processes
from sim.experiments.find import find
from sim.experiments.trials import Laboratory, Trial, seeds_of
from sim.seeds import derive
from tests.benchmarks import book

KEY = "pipeline.workers.count"
PROBABILITY, REPLICATIONS = 0.9, 30
"""What `plan --find` takes where nothing is said."""
WORKERS, LESS = 40, 38
LEAST_SHARE = 0.9
"""Of the seeds: with WORKERS so many are to meet every objective, with LESS so many to miss one."""


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


def answer_of(loaded: Loaded, pool: Executor) -> int:
    """What `plan --find` answers, and how long it took."""
    began_s = time.monotonic()
    laboratory = Laboratory(executor=pool, width=cores())
    seeds = seeds_of(loaded, None, REPLICATIONS)
    found = find(loaded, axis_of(loaded, KEY), seeds, PROBABILITY, laboratory)
    wall_s = time.monotonic() - began_s
    book.say(f"{KEY} = {found.value}, found in {wall_s:.1f} s with {found.simulated} seasons")
    return round(found.place)


def said(trial: Trial) -> str:
    """What it misses, else all it meets."""
    missed = [judged.because for judged in trial.judged if not judged.holds]
    return "; ".join(missed or [judged.because for judged in trial.judged])


def tried(loaded: Loaded, answer: int, seeds: list[int], referee: Laboratory) -> dict[int, list[Trial]]:
    """By number of workers: a season of every seed; each is told as it ends."""
    found: dict[int, list[Trial]] = {WORKERS: [], LESS: []}
    for seed in seeds:
        asked = [(scaled(loaded, workers, answer), seed) for workers in found]
        for workers, trial in zip(found, referee.trials(asked), strict=True):
            found[workers].append(trial)
            print(f"seed {seed}, {workers} workers, {trial.replication.offered:.4g} messages: {said(trial)}")
        sys.stdout.flush()
    return found


def tell(found: dict[int, list[Trial]], answer: int) -> None:
    """How many seasons meet every objective with the answer, and how many miss one with less."""
    held = [trial.meets for trial in found[WORKERS]]
    failed = [not trial.meets for trial in found[LESS]]
    offered = sum(trial.replication.offered for trial in found[WORKERS]) / len(held)
    book.say(f"message by message at scale {WORKERS / answer:.4f}, {offered:.3g} messages a season:")
    least = LEAST_SHARE * len(held)
    book.verdict(f"of {len(held)} seeds, {WORKERS} workers meet every objective in", sum(held), least)
    book.verdict(f"of {len(held)} seeds, {LESS} workers miss one in", sum(failed), least)


def main() -> None:
    """Find, try, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="singles-day")
    parser.add_argument("--first", metavar="DURATION", help="try the season's first part alone")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--answer", type=int, help="in the place of a search")
    parser.add_argument("--processes", type=int, default=cores())
    parser.add_argument("--write", action="store_true", help="into benchmarks.md")
    asked = parser.parse_args()
    loaded = load(asked.scenario)
    book.begin()
    book.say(f"{asked.scenario}{f', its first {asked.first}' if asked.first else ''}, seed {asked.seed}")
    with processes(asked.processes) as pool:
        answer = asked.answer or answer_of(loaded, pool)
        seeds = [derive(asked.seed, "study", i) for i in range(asked.seeds)]
        part = first_part(loaded, parse_duration(asked.first)) if asked.first else loaded
        tell(tried(part, answer, seeds, Laboratory("message", pool)), answer)
    if asked.write:
        book.keep(f"plan: the_answer_of_find_holds_message_by_message[{asked.scenario}]")


if __name__ == "__main__":
    main()
