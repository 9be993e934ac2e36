"""What a replay needs standing: the target, checked - ours is started - and the engine in front of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from loadtests import hearing
from loadtests.arrivals import run_number, sent_of
from loadtests.behind import lookout_of as behind_as_seen
from loadtests.behind import passage_at, standing_behind
from loadtests.deliveries import Deliveries, deliveries_counted
from loadtests.evidence import DeliveryDelays
from loadtests.lookout import Exit, ExitObserver, Lookout, length_s
from loadtests.passage import Passage
from loadtests.polling import polling
from loadtests.receiver.server import Running as Receiving
from loadtests.replay.bounds import Bounds
from loadtests.replay.launch import Engine
from loadtests.sendapi.knobs import BURST_S, Knobs, ProviderLimit
from loadtests.sendapi.server import start
from loadtests.targets import credentials, safety
from loadtests.targets.delivery_words import Delivery
from loadtests.targets.embedded import Embedded
from loadtests.targets.observing import Observed, Observer
from loadtests.targets.safety import Address
from loadtests.targets.target import Target, embedded_at, resolve
from scenarios.limits import LimitWord, TokenBucket
from scenarios.problems import user_error
from scenarios.scenario import Scenario
from sim.pipeline.workers import plain
from sim.progress import Watcher
from sim.runs import Run

EMBEDDED_EVENTS = Delivery(observed="webhook", events="sendgrid")
"""How our own API tells of deliveries where it is asked to."""


@dataclass(frozen=True)
class Rig:
    """A target that may be loaded, the engine that loads it and who watches its far side.

    `text` is what the user called it; `knobs` are of the API we started, None for somebody else's; `behind`:
    what comes out at the provider that we play, None where we do not.
    """

    text: str
    target: Target
    engine: Engine
    observer: Observer
    knobs: Knobs | None
    behind: Exit | None = None

    @property
    def keys(self) -> str:
        """What holds the target's keys, in words."""
        return credentials.told(self.target, os.environ)

    def passage(self) -> Passage | None:
        """What the target passed on of the latest play; None where we do not play its provider."""
        return passage_at(self.behind) if self.behind else None

    def delays(self) -> DeliveryDelays | None:
        """From due to delivered of the latest play; None where deliveries are not seen one by one."""
        return self.observer.delays()

    def deliveries(self, observed: Observed) -> Deliveries | None:
        """What was delivered of the latest play, of which `observed` is the far side; None where deliveries
        are not observed."""
        if isinstance(self.observer, ExitObserver):
            return self.observer.exit.deliveries()
        played = self.engine.last
        if played is None or (self.target.delivery and self.target.delivery.observed == "none"):
            return None
        sent = sent_of(played.schedule, played.records, played.first_id, run_number(played.run))
        return deliveries_counted(sent, observed, length_s(played))


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
    if isinstance(asked, Target) and asked.is_named_by_reply and workers > 1:
        message = "ids of replies (named_by) are kept by one process alone"
        raise user_error(message, key="--workers", found=str(workers), allowed="1")
    with ExitStack() as stack:
        heard = hearing_from(asked, run.path, watcher, stack)
        delivery = heard.delivery if heard else None
        if isinstance(asked, Embedded):
            knobs = _knobs(asked, scenario, delivery)
            target = _embedded(knobs, run, watcher, stack)
        else:
            knobs, target = None, asked
        if delivery is not None:
            target = target.model_copy(update={"delivery": delivery})
        behind = target.behind
        running = stack.enter_context(standing_behind(behind, run.path, watcher)) if behind else None
        address = safety.check(target)
        engine = stack.enter_context(Engine(target, run.records, watcher, bounds, workers))
        played = Exit(behind_as_seen(behind, running), engine, watcher) if behind and running else None
        told = Exit(hearing.lookout_of(heard), engine, watcher) if heard else None
        if target.seen_by == "poll":
            told = Exit(_polled(target, address, engine, run, stack), engine, watcher)
        seen_at = told or (played if target.seen_by == "stand-in" else None)
        others = [played] if played is not None and played is not seen_at else []
        observer = ExitObserver(target, address, seen_at, others) if seen_at else Observer(target, address)
        yield Rig(text, target, engine, stack.enter_context(observer), knobs, played)


def api_key() -> str:
    """The key that our own API asks for: PEAKDAY_API_KEY, "" = any."""
    return os.environ.get("PEAKDAY_API_KEY", "")


def hearing_from(
    asked: Target | Embedded, folder: Path, watcher: Watcher, stack: ExitStack
) -> Receiving | None:
    """The receiver of the target's events, running, its files in `folder`; None where it posts none to us."""
    if isinstance(asked, Embedded):
        delivery = EMBEDDED_EVENTS if asked.delivery == "webhook" else None
    else:
        delivery = asked.delivery
    if delivery is None or delivery.observed != "webhook":
        return None
    secrets = {} if isinstance(asked, Embedded) else credentials.environment(asked, os.environ)
    return stack.enter_context(hearing.listening_for(delivery, folder, secrets, watcher))


def _polled(target: Target, address: Address, engine: Engine, run: Run, stack: ExitStack) -> Lookout:
    """Whoever asks the target for what became of messages, from when each replay begins."""
    assert target.delivery is not None
    secrets = credentials.environment(target, os.environ)
    base_path = urlsplit(target.base_url).path.rstrip("/")
    place = (base_path, address, secrets, target.ca_file)
    poller, lookout = stack.enter_context(polling(target.delivery, *place, run.path))
    engine.on_began = poller.began
    return lookout


def _knobs(asked: Embedded, scenario: Scenario | None, delivery: Delivery | None) -> Knobs:
    base = Knobs(key=api_key())
    knobs = asked.over(base if scenario is None else _as_the_scenario_says(base, scenario))
    return knobs if delivery is None else msgspec.structs.replace(knobs, webhook=delivery.webhook_url)


def _embedded(knobs: Knobs, run: Run, watcher: Watcher, stack: ExitStack) -> Target:
    """Our own API, running, as a target."""
    watcher.tell("serve", 0, 1, "starting the reference send API")
    api = stack.enter_context(start(knobs, run.path / "sendapi"))
    watcher.tell("serve", 1, 1, f"{api.base_url}, queue: {api.queue}")
    return embedded_at(api.base_url, [p.name for p in api.knobs.limits()])


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
    workers = plain(scenario.pipeline.workers)
    return msgspec.structs.replace(
        base,
        providers=providers,
        service_time_s=workers.service_time,
        distribution=workers.distribution,
        variation=workers.variation,
        workers=workers.count,
        seed=scenario.seed,
    )
