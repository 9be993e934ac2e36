"""A locustfile of one's own: our open-loop replay beside ordinary users, and a shape that ends with it.

locust -f docs/own_locustfile.py --target sendgrid+http://127.0.0.1:8025 --host http://127.0.0.1:8025 --headless
"""  # noqa: E501 - one command, to be copied

from __future__ import annotations

from typing import Any

from locust import HttpUser, constant_pacing, events, task

from loadtests.replay.schedule import Schedule, constant
from loadtests.replay.user import ReplayShape, ReplayUser


class Burst(ReplayUser):
    """200 messages/s for 3 s, on time whatever the target does."""

    fixed_count = 1

    @classmethod
    def schedule(cls, options: Any) -> Schedule:
        """Yours to choose; `options` has every command-line option."""
        print("replaying against", options.target)  # noqa: T201 - an example shows what it has
        return constant(200.0, 3.0, batch=2)


class Looker(HttpUser):
    """Somebody who looks at the health page meanwhile."""

    fixed_count = 2
    wait_time = constant_pacing(0.5)

    @task
    def look(self) -> None:
        """One page view."""
        self.client.get("/healthz")


class UntilReplayed(ReplayShape):
    """Three users while the replay lasts; the test ends with it."""

    users = 3


@events.request.add_listener
def on_request(name: str, **_: Any) -> None:
    """Every attempt of the replay comes here too, like any other request."""
    seen[name] = seen.get(name, 0) + 1


@events.quitting.add_listener
def on_quitting(**_: Any) -> None:
    """What the listener saw."""
    print("seen by the request event:", seen)  # noqa: T201 - an example shows what it counted


seen: dict[str, int] = {}
