"""From the knobs to the parts at work behind the surface: dispatcher, sink, app."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loadtests.sendapi import knobs as knob_file
from loadtests.sendapi.app import App
from loadtests.sendapi.carriers import Listener
from loadtests.sendapi.deadletters import DeadLetters
from loadtests.sendapi.dispatcher import Dispatcher
from loadtests.sendapi.door import Door
from loadtests.sendapi.exits import carrier_of, exit_of, on_this_machine
from loadtests.sendapi.faults import Switchboard
from loadtests.sendapi.health import Source
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.relay import Rules
from loadtests.sendapi.signatures import webhook_key
from loadtests.sendapi.sinks import CountingSink
from loadtests.sendapi.store import Store
from loadtests.sendapi.webhook import Webhook
from loadtests.targets.credentials import environment
from scenarios.pipeline import Retries

LAST_EVENTS_S = 0.5
"""The last events have this long when the API leaves."""


def check(knobs: Knobs) -> None:
    """UserError with what makes no sense, and for a sink that is not on this machine."""
    knob_file.check(knobs)
    environment_of(knobs)
    if knobs.webhook:
        on_this_machine(knobs.webhook.partition("?")[0], "webhook")


def environment_of(knobs: Knobs) -> dict[str, str]:
    """The secrets that a sink asks for, by name. Raises UserError where one is missing."""
    found = exit_of(knobs.sink)
    return {} if found is None or found.target is None else environment(found.target, os.environ)


@asynccontextmanager
async def dispatched(store: Store, knobs: Knobs) -> AsyncIterator[Source]:
    """Dispatcher and app over the queue; afterwards what waits stays in its files."""
    sink = CountingSink()
    relaying = _relaying(knobs)
    webhook = Webhook(knobs.webhook, webhook_key(knobs.webhook, Path(knobs.data)), knobs.key)
    listeners: list[Listener] = [sink] if relaying else []
    dispatcher = Dispatcher(
        store,
        sink,
        knobs.limits(),
        freshness_s=knobs.freshness_s,
        relaying=relaying,
        listeners=[*listeners, webhook],
    )
    webhook.start()
    if not knobs.hold:
        dispatcher.start()
    try:
        door = Door(knobs)
        faults = Switchboard(door, dispatcher, knobs.seed)
        yield Source(App(knobs.key, door, store, faults), store, dispatcher, sink, faults, webhook)
    finally:
        await dispatcher.stop()
        if relaying is not None:
            await relaying.carrier.close()
        await webhook.stop(LAST_EVENTS_S)
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
