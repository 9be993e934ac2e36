"""One stage alone, in a run of its own: a replay, a ceiling, a calibration of an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from loadtests.calibration import Calibration
from loadtests.carrying import a_channel, carried
from loadtests.ceiling.ceiling import Ceiling
from loadtests.cutting import Cut, cut_out
from loadtests.measurement import Measurement
from loadtests.rehearsal import objectives_of
from loadtests.replay.bounds import Bounds
from loadtests.replay.schedule import constant, staircase
from loadtests.rig import standing
from loadtests.stages import (
    SCENARIO,
    TRAFFIC,
    Asked,
    Part,
    calibrate_stage,
    ceiling_stage,
    describe,
    own_maximum_of,
    replay_stage,
    simulate_stage,
)
from scenarios.catalogue import Loaded, load, load_text
from scenarios.files import read_text
from scenarios.problems import UserError, user_error
from scenarios.words import CHANNELS
from sim.progress import Watcher
from sim.runs import Run, open_run
from sim.traffic import Traffic, read_traffic


def loaded_of(run: Run) -> Loaded:
    """The scenario that a run was made of. Raises UserError where it was killed before it kept one."""
    if not run.has(SCENARIO):
        raise user_error(f"the run has no {SCENARIO}; it was stopped before it began", where=str(run.path))
    text = read_text(run.path / SCENARIO, str(run.path / SCENARIO))
    return load_text(text, Path(run.manifest().get("scenario_path", run.path / SCENARIO)))


def season_of(source: str, settings: Sequence[str]) -> tuple[Loaded, Traffic | None]:
    """What SCENARIO|RUN names: a scenario, and the traffic where it is a run that kept it."""
    try:
        return load(source, settings), None
    except UserError as no_scenario:
        try:
            run = open_run(source)
        except UserError:
            raise no_scenario from None
    return loaded_of(run), read_traffic(run.path / TRAFFIC) if run.has(TRAFFIC) else None


def replay_season(
    loaded: Loaded, traffic: Traffic | None, cut: Cut, target: str, run: Run, watcher: Watcher
) -> Measurement:
    """Replay a part of a season, simulated first where its traffic is not known yet."""
    if traffic is None:
        traffic = simulate_stage(loaded, run, watcher, seed=cut.seed, replications=1).traffic
    scenario, asked = loaded.scenario.scaled(cut.part.scale), cut.part
    with standing(target, scenario, run, watcher, Bounds(retries=asked.retries), asked.workers) as rig:
        brought, missing = carried(traffic, rig.target)
        part = asked.at(rig.target)
        describe(run, rig, part, missing)
        schedule = cut_out(brought, replace(cut, part=part))
        return replay_stage(schedule, rig, objectives_of(loaded), run, watcher)


def replay_rate(
    rates_per_s: Sequence[float],
    duration_s: float,
    arrivals: Literal["even", "poisson"],
    part: Part,
    seed: int,
    target: str,
    run: Run,
    watcher: Watcher,
) -> Measurement:
    """Replay a plain rate, or several in turn; none: the highest that the generator may be asked for."""
    with standing(target, None, run, watcher, Bounds(retries=part.retries), part.workers) as rig:
        describe(run, rig, part)
        if not rates_per_s:
            asked = Asked((), duration_s, batch=part.batch)
            own = own_maximum_of(asked, rig, run, partial(watcher.tell, "replay", 0.0, duration_s))
            rates_per_s = (own.usable_per_s,)
        schedule = staircase(rates_per_s, duration_s, batch=part.batch, arrivals=arrivals, seed=seed)
        whole = replace(schedule, channels=(a_channel(rig.target),))
        return replay_stage(whole, rig, (), run, watcher)


def ceiling_alone(asked: Asked, target: str, run: Run, watcher: Watcher) -> Ceiling:
    """Search the ceiling of a target without a season."""
    with standing(target, None, run, watcher) as rig:
        describe(run, rig, Part(batch=asked.batch))
        channel = a_channel(rig.target)
        if asked.like is None and channel != CHANNELS[0]:
            asked = replace(asked, like=constant(1.0, 1.0, batch=asked.batch, channel=channel))
        return ceiling_stage(asked, rig, run, watcher)


def calibrate_run(run: Run, watcher: Watcher) -> Calibration:
    """Fit the scenario of a run to what it measured."""
    return calibrate_stage(loaded_of(run), run, watcher)
