"""From the knobs to the parts at work behind the surface: dispatcher, sink, app."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loadtests.sendapi import knobs as knob_file
from loadtests.sendapi.app import App
from loadtests.sendapi.deadletters import DeadLetters
from loadtests.sendapi.dispatcher import Dispatcher
from loadtests.sendapi.door import Door
from loadtests.sendapi.exits import carrier_of, exit_of
from loadtests.sendapi.health import Source
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.relay import Rules
from loadtests.sendapi.sinks import CountingSink
from loadtests.sendapi.store import Store
from loadtests.targets.credentials import environment
from scenarios.pipeline import Retries


def check(knobs: Knobs) -> None:
    """UserError with what makes no sense, and for a sink that is not on this machine."""
    knob_file.check(knobs)
    environment_of(knobs)


def environment_of(knobs: Knobs) -> dict[str, str]:
    """The secrets that a sink asks for, by name. Raises UserError where one is missing."""
    found = exit_of(knobs.sink)
    return {} if found is None or found.target is None else environment(found.target, os.environ)


@asynccontextmanager
async def dispatched(store: Store, knobs: Knobs) -> AsyncIterator[Source]:
    """Dispatcher and app over the queue; afterwards what waits stays in its files."""
    sink = CountingSink()
    relaying = _relaying(knobs)
    dispatcher = Dispatcher(
        store,
        sink,
        knobs.limits(),
        freshness_s=knobs.freshness_s,
        relaying=relaying,
        listeners=[sink] if relaying else [],
    )
    if not knobs.hold:
        dispatcher.start()
    try:
        yield Source(App(knobs.key, Door(knobs), store), store, dispatcher, sink)
    finally:
        await dispatcher.stop()
        if relaying is not None:
            await relaying.carrier.close()
        await store.close()


def _relaying(knobs: Knobs) -> Rules | None:
    """How messages reach the sink; None where they are counted here."""
    found = exit_of(knobs.sink)
    if found is None:
        return None
    cap_s = max(knobs.backoff_s, knobs.backoff_cap_s)
    retries = {"attempts": knobs.attempts, "backoff": f"{knobs.backoff_s!r}s", "cap": f"{cap_s!r}s"}
    return Rules(
        carrier=carrier_of(found, knobs.connections),
        dead=DeadLetters(Path(knobs.data)),
        retries=Retries.model_validate(retries),
        freshness_s=knobs.freshness_s,
        random=random.Random(knobs.seed),
    )
