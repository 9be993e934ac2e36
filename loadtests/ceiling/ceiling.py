"""The search from preflight to interval: what the target holds, what it breaks at, why."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from loadtests.ceiling import bounds, search
from loadtests.ceiling.bounds import Bound as Bound  # the type of this seam's own fields
from loadtests.ceiling.bounds import accepting
from loadtests.ceiling.holding import Holding
from loadtests.ceiling.holding import Player as Player
from loadtests.ceiling.search import Found, Next, Plan
from loadtests.ceiling.shown import Tried, reported
from loadtests.ceiling.trial import Trial as Trial  # the type of this seam's own fields
from loadtests.replay.schedule import Schedule
from loadtests.replay.selftest import USABLE_SHARE
from loadtests.targets.observing import Observer
from scenarios.objectives import Objective
from sim.progress import Interrupted, Watcher

STAGE = "ceiling"
DRAIN_BUDGET_SHARE = 0.1
BOTH_BUDGET_SHARE = 0.6
"""Where deliveries are seen one by one, so much of the budget is for the ceiling, the rest for acceptance."""


@dataclass(frozen=True)
class Ceiling:
    """Highest offered rate (messages/s) that met every objective for a full trial, as an interval.

    low: the highest rate that held; high: the lowest that broke (inf when none did: is_lower_bound);
    point: the best estimate between them. limited_by: "latency", "limit", "backlog", "errors", "generator",
    "nothing". delivery_observed: whether a queue that grows behind quick answers would have been seen.
    generator_per_s: what the generator carries by itself, NaN where it was not tested; no more than
    USABLE_SHARE of it was offered, and a search that ended there is limited by the generator.

    accept: the highest rate that is accepted as the objectives ask, whatever becomes of it; delivery: the
    highest that is also delivered, None where deliveries were not observed. The ceiling is the lower one.
    """

    point_per_s: float
    low_per_s: float
    high_per_s: float
    requests_per_s: float
    is_lower_bound: bool
    limited_by: str
    objectives: tuple[str, ...]
    valid: bool
    invalid_because: str
    trials: tuple[Trial, ...]
    wall_s: float
    delivery_observed: bool = False
    stopped_by: str = ""
    generator_per_s: float = math.nan
    accept: Bound | None = None
    delivery: Bound | None = None


def find_ceiling(
    engine: Player,
    objectives: Sequence[Objective],
    *,
    budget_s: float,
    watcher: Watcher,
    hint_per_s: float = 0.0,
    batch: int = 1,
    max_per_s: float = math.inf,
    like: Schedule | None = None,
    observer: Observer | None = None,
    generator_per_s: float = math.nan,
    keys: str = "",
    on_trial: Callable[[Trial], None] = lambda _: None,
) -> Ceiling:
    """Search for the ceiling of the target behind `engine` within `budget_s` of wall time.

    hint_per_s: where it is thought to be (the forecast peak). max_per_s: never is more offered. `like`: its
    mix of streams is offered, at any rate; else one email stream. `observer` must be running. No rate above
    USABLE_SHARE of `generator_per_s` (the generator's own maximum; NaN: not known) is offered. Where the
    delivery of each message is observed and binds first, the search goes on for what is accepted. `on_trial`
    gets each at once, so that an interruption loses none: `conclude` makes a Ceiling of them. `keys`: what
    holds the target's keys, in words.
    """
    began_s = time.monotonic()
    most_per_s = min(max_per_s, _usable_per_s(generator_per_s))
    both = observer is not None and observer.sees_each
    plan = Plan(
        budget_s * (BOTH_BUDGET_SHARE if both else 1.0),
        hint_per_s,
        most_per_s,
        batch=batch,
        requests_min=_requests_min(objectives),
    )
    held = Holding(engine, objectives, batch, like, observer, DRAIN_BUDGET_SHARE * budget_s, keys)
    trials: list[Trial] = []

    def tell(trial: Trial | None, text: str) -> None:
        figures = {"offered_per_s": trial.offered_per_s} if trial else None
        watcher.tell(STAGE, time.monotonic() - began_s, budget_s, text, figures)

    def found_by(plan: Plan, tried: list[Tried], seen: Callable[[Trial, float], Tried]) -> Found:
        while isinstance(ahead := search.step(plan, tried), Next):
            if watcher.stopped():
                raise Interrupted
            tell(None, f"{ahead.rate_per_s:.4g}/s: {ahead.why}")
            asked_s = time.monotonic()
            trials.append(trial := held.trial(ahead, f"{STAGE}-{len(trials) + 1:02d}"))
            on_trial(trial)
            tried.append(seen(trial, time.monotonic() - asked_s))
            tell(trial, f"{trial.offered_per_s:.4g}/s {trial.verdict}: {trial.because}")
        return ahead

    found = found_by(plan, [], _tried)
    if both:
        held.drains = False
        left_s = budget_s - (time.monotonic() - began_s)
        found_by(replace(plan, budget_s=left_s), [accepting(trial, 0.0) for trial in trials], accepting)
    wall_s = time.monotonic() - began_s
    return conclude(trials, objectives, wall_s, batch=batch, found=found, generator_per_s=generator_per_s)


def conclude(
    trials: Sequence[Trial],
    objectives: Sequence[Objective],
    wall_s: float,
    *,
    batch: int = 1,
    found: Found | None = None,
    generator_per_s: float = math.nan,
) -> Ceiling:
    """The ceiling that the trials show; `found` None = the search was interrupted."""
    tried = [_tried(trial, trial.duration_s) for trial in trials]
    low, high, point = reported(tried)
    stopped_by = found.stopped_by if found else "interrupted"
    because = _why_invalid(trials, low, high, stopped_by)
    return Ceiling(
        point_per_s=point,
        low_per_s=low,
        high_per_s=high,
        requests_per_s=point / batch,
        is_lower_bound=math.isinf(high),
        limited_by=_limited_by(trials, high, _usable_per_s(generator_per_s)),
        objectives=tuple(objective.text for objective in objectives),
        valid=not because,
        invalid_because=because,
        trials=tuple(trials),
        wall_s=wall_s,
        delivery_observed=any(trial.delivered_per_s is not None for trial in trials),
        stopped_by=stopped_by,
        generator_per_s=generator_per_s,
        accept=bounds.acceptance(trials) if trials else None,
        delivery=bounds.delivery(trials),
    )


def _requests_min(objectives: Sequence[Objective]) -> int:
    """Enough for every quantile asked for, over the whole hold."""
    return 1200 if any(objective.quantity == "p999" for objective in objectives) else 120


def _tried(trial: Trial, took_s: float) -> Tried:
    return Tried(trial.offered_per_s, trial.duration_s, trial.verdict, trial.carried_per_s, took_s)


def _usable_per_s(generator_per_s: float) -> float:
    return math.inf if math.isnan(generator_per_s) else USABLE_SHARE * generator_per_s


def _limited_by(trials: Sequence[Trial], high_per_s: float, usable_per_s: float) -> str:
    """The cause of the lowest break; where nothing broke, the generator if it was invalid last or asked for
    all that it may be asked for."""
    for trial in trials:
        if trial.verdict == "breaks" and trial.offered_per_s == high_per_s:
            return trial.limited_by
    if not trials:
        return "nothing"
    exhausted = trials[-1].offered_per_s >= usable_per_s * (1 - search.SAME_SHARE)
    return "generator" if exhausted or trials[-1].verdict == "invalid" else "nothing"


def _why_invalid(trials: Sequence[Trial], low: float, high: float, stopped_by: str) -> str:
    if stopped_by == "interrupted":
        return "the search was interrupted"
    if low > 0.0:
        return ""
    invalid = next((t.because for t in reversed(trials) if t.verdict == "invalid"), "")
    if invalid:
        return f"no trial held: {invalid}"
    if math.isinf(high):
        return "the budget is too short for one trial at this rate and batch size"
    return f"no rate held; the lowest tried was {high:.4g}/s{_fates(trials, high)}"


def _fates(trials: Sequence[Trial], offered_per_s: float) -> str:
    """What became of the requests that were not accepted at a rate: `: of 120 requests 120 were rejected`."""
    tried = next((t.measurement for t in trials if t.offered_per_s == offered_per_s), None)
    if tried is None:
        return ""
    fates = {"limited": tried.limited, "rejected": tried.rejected, "dropped": tried.dropped}
    told = [f"{n} were {fate}" for fate, n in fates.items() if n]
    told += [f"{n} ended as {fault.replace('_', ' ')}" for fault, n in tried.faults.items()]
    unread = tried.errors - sum(tried.faults.values())
    told += [f"{unread} got an answer that is no success"] if unread > 0 else []
    return f": of {tried.due} requests {', '.join(told)}" if told else ""
