"""All stages of a rehearsal in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from loadtests.calibration import Calibration
from loadtests.carrying import carried, carries
from loadtests.cutting import Cut, cut_out
from loadtests.fitting import settings_of
from loadtests.rig import standing
from loadtests.stages import (
    Asked,
    Part,
    calibrate_stage,
    ceiling_stage,
    describe,
    replay_stage,
    simulate_stage,
)
from loadtests.targets.target import Target, resolve
from scenarios.catalogue import Loaded, load_text
from scenarios.objectives import Objective, parse_objective
from sim.progress import Watcher
from sim.runs import Run
from sim.simulate import Simulated

REPLAY_SHARE = 0.25
CEILING_SHARE = 0.7
REPLAY_S_MIN = 2.0
REPLAY_S_MAX = 300.0


@dataclass(frozen=True)
class Plan:
    """What the user asked of one rehearsal."""

    loaded: Loaded
    target: str
    seed: int
    budget_s: float
    part: Part

    @property
    def replay_s(self) -> float:
        """How much of the season's worst part is replayed."""
        return min(max(REPLAY_S_MIN, REPLAY_SHARE * self.budget_s), REPLAY_S_MAX)

    @property
    def ceiling_s(self) -> float:
        """How long the search may take."""
        return CEILING_SHARE * self.budget_s


def rehearse(plan: Plan, run: Run, watcher: Watcher) -> None:
    """Simulate, replay, ceiling, calibrate, simulate again; what was measured is kept however it ends."""
    target = resolve(plan.target)
    plan = replace(plan, part=plan.part.at(target))
    scenario, part = plan.loaded.scenario, plan.part
    replications = scenario.rehearsal.replications
    forecast = simulate_stage(
        plan.loaded,
        run,
        watcher,
        seed=plan.seed,
        replications=replications,
        carries=carries(target) if isinstance(target, Target) else None,
    )
    objectives = objectives_of(plan.loaded)
    with standing(plan.target, scenario.scaled(part.scale), run, watcher) as rig:
        traffic, missing = carried(forecast.traffic, rig.target)
        schedule = cut_out(traffic, Cut(None, plan.replay_s, part, plan.seed))
        describe(run, rig, part, missing)
        replay_stage(schedule, rig, objectives, run, watcher)
        hint = forecast.peaks.carried_per_s_p90 * part.carried
        asked = Asked(objectives, plan.ceiling_s, batch=part.batch, hint_per_s=hint, like=schedule)
        ceiling_stage(asked, rig, run, watcher)
    calibration = calibrate_stage(plan.loaded, run, watcher)
    again(plan, calibration, run, watcher)


def again(plan: Plan, calibration: Calibration, run: Run, watcher: Watcher) -> Simulated:
    """Simulate the season with what was measured in the place of what was assumed."""
    fitted = settings_of(calibration, plan.loaded.scenario, plan.part.carried)
    loaded = load_text(plan.loaded.toml, plan.loaded.path, settings=fitted)
    return simulate_stage(loaded, run, watcher, seed=plan.seed, replications=1, again=True)


def objectives_of(loaded: Loaded) -> tuple[Objective, ...]:
    """What the scenario asks of its send API."""
    return parse_all(loaded.scenario.objectives.send_api)


def parse_all(texts: Sequence[str]) -> tuple[Objective, ...]:
    """Objectives of a send API from their lines. Raises ValueError."""
    return tuple(parse_objective(text, "send api") for text in texts)
