"""The stages of a run, each alone: done, marked in the manifest and committed, however it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import msgspec

from loadtests import calibration as calibrating
from loadtests import measurement as measuring
from loadtests.by_address import by_address
from loadtests.calibration import Calibration, Play
from loadtests.ceiling import ceiling as ceilings
from loadtests.ceiling import document as ceiling_document
from loadtests.ceiling.ceiling import Ceiling
from loadtests.ceiling.holding import mixed
from loadtests.ceiling.trial import Trial, judge_replay, lateness_s_max
from loadtests.fitting import believed_of
from loadtests.measurement import Measurement
from loadtests.renaming import Named
from loadtests.replay import selftest
from loadtests.replay.records import read_records
from loadtests.replay.schedule import Schedule
from loadtests.replay.selftest import Maximum, own_maximum
from loadtests.rig import Rig
from loadtests.sendapi.concealing import concealed
from loadtests.sendapi.knobs import to_json
from loadtests.targets.target import Embedded, Target
from scenarios.catalogue import Loaded
from scenarios.objectives import Objective
from scenarios.problems import user_error
from sim import simulate as simulating
from sim.formats import require
from sim.outcome import Resolution
from sim.progress import Interrupted, Watcher
from sim.rulings import to_documents
from sim.runs import Run
from sim.simulate import Carries, Simulated
from sim.traffic import write_traffic

SIMULATION = "simulation.json"
TRAFFIC = "traffic.parquet"
OUTCOME = "outcome.parquet"
SCENARIO = "scenario.toml"
AGAIN = "again-"
"""What the simulation after the calibration leaves bears this prefix."""
REHEARSAL = "rehearsal.json"
REHEARSAL_FORMAT = "peakday rehearsal 1"
REPLAY = "replay.json"
CEILING = "ceiling.json"
CALIBRATION = "calibration.json"
GENERATOR = "generator.json"

PEAK = "peak"


@dataclass(frozen=True)
class Part:
    """What of the season is brought to the target; scale, share, batch, compress as README defines them.

    retries: how often a refused or lost send is sent again, at most. workers: Locust processes that carry it
    together.
    """

    scale: float = 1.0
    share: float = 1.0
    batch: int = 1
    compress: float = 1.0
    retries: int = 0
    workers: int = 1

    @property
    def carried(self) -> float:
        """Messages at the target per message of the season."""
        return self.scale * self.share

    def at(self, target: Target | Embedded) -> Part:
        """The same for a target whose file says that it carries only a share of the season."""
        return replace(self, share=self.share * target.share) if isinstance(target, Target) else self


@dataclass(frozen=True)
class Asked:
    """What a ceiling search is to find: under which objectives, how long, from where, with whose streams."""

    objectives: tuple[Objective, ...]
    budget_s: float
    batch: int = 1
    hint_per_s: float = 0.0
    max_per_s: float = math.inf
    like: Schedule | None = None


@contextmanager
def stage(run: Run, watcher: Watcher, name: str) -> Iterator[None]:
    """Mark the stage in the manifest, whatever comes of it."""
    if watcher.stopped():
        raise Interrupted
    run.mark(name, "running")
    began, status = time.monotonic(), "failed"
    try:
        yield
        status = "done"
    except (Interrupted, KeyboardInterrupt):
        status = "interrupted"
        raise
    finally:
        run.mark(name, status, time.monotonic() - began)


def simulate_stage(
    loaded: Loaded,
    run: Run,
    watcher: Watcher,
    *,
    seed: int,
    replications: int,
    resolution: Resolution = "cohort",
    again: bool = False,
    carries: Carries | None = None,
    executor: Executor | None = None,
) -> Simulated:
    """Simulate the season; leaves scenario, traffic, outcome and simulation."""
    prefix = AGAIN if again else ""
    name = "simulate again" if again else "simulate"
    with stage(run, watcher, name):
        run.commit_text(prefix + SCENARIO, loaded.toml)
        watcher.tell(name, 0, replications, loaded.scenario.title)
        with run.committing(prefix + OUTCOME) as keep:
            simulated = simulating.simulate(
                loaded,
                resolution=resolution,
                seed=seed,
                replications=replications,
                watcher=Named(watcher, name, replications),
                executor=executor,
                keep=keep,
                carries=carries,
            )
        run.commit(prefix + TRAFFIC, lambda path: write_traffic(simulated.traffic, path))
        run.commit_json(prefix + SIMULATION, simulating.to_document(simulated))
        watcher.tell(name, replications, replications, "done")
    return simulated


def describe(run: Run, rig: Rig, part: Part, not_carried: tuple[str, ...] = ()) -> None:
    """Say in the run what the rehearsal loads, how much of the season it stands for, what is left out."""
    knobs = msgspec.json.decode(to_json(concealed(rig.knobs)[0])) if rig.knobs else None
    target: dict[str, Any] = {"text": rig.text, "base_url": rig.target.base_url, "title": rig.target.title}
    target |= {"addresses": list(rig.target.destinations)}
    said = {"target": target, "knobs": knobs, "part": asdict(part), "not_carried": list(not_carried)}
    run.commit_json(REHEARSAL, {"format": REHEARSAL_FORMAT} | said)


def described(run: Run) -> dict[str, Any] | None:
    """What `describe` said; None where the run loaded nothing. Raises UserError for another format."""
    document = run.read_json(REHEARSAL)
    if document is not None:
        require(document.get("format"), REHEARSAL_FORMAT, str(run.path / REHEARSAL))
    return document


def replay_stage(
    schedule: Schedule, rig: Rig, objectives: tuple[Objective, ...], run: Run, watcher: Watcher
) -> Measurement:
    """Replay the schedule; leaves its records and its measurement, also when it ends early."""
    with stage(run, watcher, "replay"):
        try:
            rig.engine.play(schedule, PEAK)
        finally:
            if played := rig.engine.last:
                rig.observer.refresh()
                observed = rig.observer.since(played.started_at)
                late_s = lateness_s_max(objectives)
                measured = measuring.measure(
                    PEAK,
                    played.schedule,
                    played.records,
                    observed,
                    late_s,
                    rig.passage(),
                    rig.deliveries(observed),
                    rig.keys,
                )
                played_at = rig.target.destinations_of(played.schedule.kinds())
                at_each = by_address(played.schedule, played.records, rig.target.destinations, played_at)
                measured = replace(measured, addresses=at_each)
                judged = judge_replay(played.schedule, played.records, objectives, rig.delays())
                document = measuring.to_document(measured) | {"objectives": to_documents(judged)}
                run.commit_json(REPLAY, document)
    return measured


def ceiling_stage(asked: Asked, rig: Rig, run: Run, watcher: Watcher) -> Ceiling:
    """Search the ceiling; leaves every trial as soon as it is made, and the ceiling."""
    trials: list[Trial] = []

    def keep(trial: Trial) -> None:
        trials.append(trial)
        so_far = ceilings.conclude(
            trials, asked.objectives, 0.0, batch=asked.batch, generator_per_s=own.per_s
        )
        run.commit_json(CEILING, ceiling_document.to_document(so_far))

    with stage(run, watcher, "ceiling"):
        own = own_maximum_of(asked, rig, run, partial(watcher.tell, "ceiling", 0.0, asked.budget_s))
        found = ceilings.find_ceiling(
            rig.engine,
            asked.objectives,
            budget_s=asked.budget_s,
            watcher=watcher,
            hint_per_s=asked.hint_per_s,
            batch=asked.batch,
            max_per_s=asked.max_per_s,
            observer=rig.observer,
            on_trial=keep,
            like=asked.like,
            generator_per_s=own.per_s,
            keys=rig.keys,
        )
        run.commit_json(CEILING, ceiling_document.to_document(found))
        watcher.tell("ceiling", 1, 1, f"stopped by {found.stopped_by}")
    return found


def own_maximum_of(asked: Asked, rig: Rig, run: Run, tell: Callable[[str], None]) -> Maximum:
    """What the generator carries by itself in these batches; measured once a run, and told."""
    known = run.read_json(GENERATOR)
    if known is not None and (before := selftest.from_document(known)).batch == asked.batch:
        return before
    tell("the generator tests itself")
    like = asked.like
    own = own_maximum(
        rig.engine,
        run.records,
        batch=asked.batch,
        budget_s=asked.budget_s,
        mix=lambda schedule: schedule if like is None else mixed(schedule, like),
    )
    run.commit_json(GENERATOR, selftest.to_document(own))
    tell(own.words())
    return own


def calibrate_stage(loaded: Loaded, run: Run, watcher: Watcher) -> Calibration:
    """Fit the pipeline to the trials of the run, predict its peak replay. Raises UserError without them."""
    with stage(run, watcher, "calibrate"):
        watcher.tell("calibrate", 0, 1, "fitting the pipeline to the trials")
        trials, held_out, part = measured_of(run)
        scenario = loaded.scenario.scaled(part.scale)
        names = {far.name for play in trials for far in play.measurement.providers}
        found = calibrating.calibrate(believed_of(scenario, tuple(sorted(names))), trials, held_out)
        run.commit_json(CALIBRATION, calibrating.to_document(found))
        watcher.tell("calibrate", 1, 1, f"{len(found.fitted)} fitted, {len(found.refused)} refused")
    return found


def measured_of(run: Run) -> tuple[list[Play], Play, Part]:
    """The trials and the peak replay that a run left, with their records. Raises UserError without them."""
    ceiling, replay, rehearsal = run.read_json(CEILING), run.read_json(REPLAY), described(run)
    if ceiling is None or replay is None or rehearsal is None:
        missing = [n for n in (CEILING, REPLAY, REHEARSAL) if not run.has(n)]
        message = f"nothing to calibrate with: {', '.join(missing)} missing; rehearse it to the end first"
        raise user_error(message, where=str(run.path))
    trials = [trial for trial in ceiling_document.from_document(ceiling).trials if trial.alone]
    part = Part(**rehearsal["part"])
    return [_play(run, t.measurement) for t in trials], _play(run, measuring.from_document(replay)), part


def _play(run: Run, measurement: Measurement) -> Play:
    return Play(measurement, read_records([run.records / f"{measurement.name}.arrows"]))
