"""What a replay needs standing: the target, checked - ours is started - and the engine in front of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import msgspec

from loadtests.behind import Exit, ExitObserver, standing_behind
from loadtests.passage import Passage
from loadtests.replay.exchange import Bounds
from loadtests.replay.launch import Engine
from loadtests.sendapi.knobs import BURST_S, Knobs, ProviderLimit
from loadtests.sendapi.server import start
from loadtests.targets import safety
from loadtests.targets.embedded import Embedded
from loadtests.targets.observing import Observer
from loadtests.targets.target import Target, embedded_at, resolve
from scenarios.limits import LimitWord, TokenBucket
from scenarios.scenario import Scenario
from sim.progress import Watcher
from sim.runs import Run


@dataclass(frozen=True)
class Rig:
    """A target that may be loaded, the engine that loads it and who watches its far side.

    `text` is what the user called it; `knobs` are of the API we started, None for somebody else's.
    """

    text: str
    target: Target
    engine: Engine
    observer: Observer
    knobs: Knobs | None

    def passage(self) -> Passage | None:
        """What the target passed on of the latest play; None where we do not play its provider."""
        return self.observer.passage() if isinstance(self.observer, ExitObserver) else None


@contextmanager
def standing(
    text: str,
    scenario: Scenario | None,
    run: Run,
    watcher: Watcher,
    bounds: Bounds | None = None,
    workers: int = 1,
) -> Iterator[Rig]:
    """The target that `text` names, checked and - where it is ours - started; all of it gone afterwards.

    `scenario` at the rehearsed scale says how an embedded API is built where `text` does not. `workers`
    processes load it together.
    Raises UserError (exit code 4) for a target that must not or cannot be loaded.
    """
    asked = resolve(text)
    if isinstance(asked, Embedded):
        base = Knobs(key=api_key())
        knobs = asked.over(base if scenario is None else _as_the_scenario_says(base, scenario))
        watcher.tell("serve", 0, 1, "starting the reference send API")
        with start(knobs, run.path / "sendapi") as api:
            watcher.tell("serve", 1, 1, f"{api.base_url}, queue: {api.queue}")
            ours = embedded_at(api.base_url, [p.name for p in api.knobs.limits()])
            with _engine(text, ours, knobs, run, watcher, bounds, workers) as rig:
                yield rig
    else:
        with _engine(text, asked, None, run, watcher, bounds, workers) as rig:
            yield rig


def api_key() -> str:
    """The key that our own API asks for: PEAKDAY_API_KEY, "" = any."""
    return os.environ.get("PEAKDAY_API_KEY", "")


@contextmanager
def _engine(
    text: str,
    target: Target,
    knobs: Knobs | None,
    run: Run,
    watcher: Watcher,
    bounds: Bounds | None,
    workers: int,
) -> Iterator[Rig]:
    with ExitStack() as stack:
        behind, running = target.behind, None
        if behind is not None:
            running = stack.enter_context(standing_behind(behind, run.path, watcher))
        address = safety.check(target)
        engine = stack.enter_context(Engine(target, run.records, watcher, bounds, workers))
        observer = Observer(target, address)
        if behind is not None and running is not None:
            exit_of = Exit(behind, running, engine, watcher)
            observer = ExitObserver(target, address, exit_of, behind.settle)
        yield Rig(text, target, engine, stack.enter_context(observer), knobs)


def _as_in_a_trial(limit: LimitWord) -> LimitWord:
    """The limit as it is; of a bucket only the burst is no longer than the API's own short one, so that a
    trial of seconds is not carried by tokens saved up before it."""
    if not isinstance(limit, TokenBucket):
        return limit
    burst = min(limit.burst, max(1.0, BURST_S * limit.rate))
    return limit.model_copy(update={"burst": burst})


def _as_the_scenario_says(base: Knobs, scenario: Scenario) -> Knobs:
    """One ProviderLimit a provider, with its limits."""
    providers = tuple(
        ProviderLimit(p.name, p.channels, limits=tuple(_as_in_a_trial(limit) for limit in p.limits))
        for p in scenario.providers
        if not p.standby
    )
    workers = scenario.pipeline.workers
    return msgspec.structs.replace(
        base,
        providers=providers,
        service_time_s=workers.service_time,
        distribution=workers.distribution,
        variation=workers.variation,
        workers=workers.count,
        seed=scenario.seed,
    )
