"""What /healthz says of a running API: its counts, its queue, each provider."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import msgspec

from loadtests.sendapi.app import App
from loadtests.sendapi.dispatcher import Dispatcher, Flow
from loadtests.sendapi.faults import Switchboard
from loadtests.sendapi.life import State
from loadtests.sendapi.sinks import CountingSink
from loadtests.sendapi.store import Store
from loadtests.sendapi.webhook import Webhook


class WebhookState(msgspec.Struct, frozen=True):
    """Events posted, waiting, given up; `public_key`: what the signatures of SendGrid's are verified with."""

    posted: int
    waiting: int
    given_up: int
    public_key: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Counts are messages; `limited`: requests that a full queue or door turned away.

    received + recovered = delivered + expired + failed + backlog, but for what is on its way while it is
    read. While the API is starting nothing is counted yet and `queue` is "".
    """

    peakday: Literal["sendapi"] = "sendapi"
    version: str
    state: State = "serving"
    received: int = 0
    recovered: int = 0
    delivered: int = 0
    backlog: int = 0
    duplicated: int = 0
    expired: int = 0
    failed: int = 0
    limited: int = 0
    queue: str = ""
    durable: bool = False
    providers: dict[str, Flow] = {}
    webhook: WebhookState | None = None


@dataclass(frozen=True)
class Source:
    """Who keeps the counts."""

    app: App
    store: Store
    dispatcher: Dispatcher
    sink: CountingSink
    faults: Switchboard
    webhook: Webhook | None = None

    def health(self, state: State = "serving") -> Health:
        """The counts now."""
        return Health(
            version=own_version(),
            state=state,
            received=self.store.received,
            recovered=self.store.recovered,
            delivered=self.dispatcher.delivered,
            backlog=self.store.backlog(),
            duplicated=self.sink.duplicated,
            expired=self.dispatcher.expired,
            failed=self.dispatcher.failed,
            limited=self.app.limited,
            queue=self.store.backend.name,
            durable=self.store.backend.durable,
            providers=self.dispatcher.flows(),
            webhook=state_of(self.webhook) if self.webhook else None,
        )


def state_of(webhook: Webhook) -> WebhookState | None:
    """None where nothing is or was to be told."""
    if not webhook.is_used:
        return None
    public = webhook.key.public if webhook.key else ""
    return WebhookState(webhook.posted, webhook.waiting, webhook.given_up, public)


@cache
def own_version() -> str:
    """This peakday's."""
    try:
        return version("peakday")
    except PackageNotFoundError:
        return "unknown"
