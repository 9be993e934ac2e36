"""Bins in closed form tell the same as the long way round, whatever else happens in the season."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from scenarios.catalogue import Loaded
from sim import cohort
from sim.ledger import QUANTITIES
from sim.outcome import Outcome
from sim.pipeline.columns import NEXT_BATCH, NEXT_OUTSIDE
from sim.pipeline.planning import empty_state
from sim.pipeline.state import State
from sim.progress import SILENT
from tests.sim.pipelines import STARTS_AT, poisson, scenario, stream, traffic

BINS = 300
STREAMS = [stream("sale", freshness_s=25.0), stream("code", priority="transactional"), stream("push", "push")]
DUE = traffic(STREAMS, [poisson(rate, BINS, i) for i, rate in enumerate((170.0, 60.0, 30.0))])
CRASHES = {"crashes": {"rate": "2/min", "restart": "5s"}}
OFTEN = {"crashes": {"rate": "20/min", "restart": "300ms"}}
EVEN = {"distribution": "deterministic"}
LOSS = {"kind": "worker-loss", "from": STARTS_AT + timedelta(seconds=40), "for": "60s", "share": 0.5}


def provider(name: str, channel: str, **limit: Any) -> dict[str, Any]:
    return {"name": name, "channels": [channel], "limits": [limit] if limit else []}


WIDE = [provider("mail", "email"), provider("gate", "push")]
NARROW = [provider("mail", "email", rate="232/s", burst=60), WIDE[1]]
PACED = [provider("mail", "email", kind="paced queue", rate="245/s", queue="20s"), WIDE[1]]
PATIENT = {"attempts": 4, "backoff": "2s", "jitter": 0.5}


SPARE = {"name": "spare", "channels": ["email"], "standby": True, "limits": [{"rate": "20/s", "burst": 20}]}
DOWN = {
    "kind": "provider-outage",
    "provider": "mail",
    "from": STARTS_AT + timedelta(seconds=90),
    "for": "40s",
}
BREAKER = {"breaker": {"share": 0.5, "window": "10s", "open": "7s"}}
LIMITS: dict[str, list[dict[str, Any]]] = {
    "a bucket": [{"rate": "232/s", "burst": 60}],
    "a window": [{"kind": "fixed window", "messages": 4650, "window": "20s"}],
    "a window that ends within a bin": [
        {"kind": "refilled bucket", "messages": 1700, "every": "7300ms", "phase": "2600ms"}
    ],
    "a rolling quota": [{"kind": "rolling quota", "messages": 11_700, "window": "50s"}],
    "a switch-off": [{"kind": "switch-off", "messages": 11_900, "window": "50s", "off": "9s"}],
    "a cap on calls": [{"kind": "concurrency cap", "calls": 62, "call_duration": "200ms"}],
    "a cap on calls that block nobody": [
        {"kind": "concurrency cap", "calls": 110, "call_duration": "200ms"},
        {"rate": "232/s", "burst": 60},
    ],
    "a queue of its own": [{"kind": "paced queue", "rate": "233/s", "queue": "1s"}],
    "mailboxes": [{"kind": "mailbox deferral", "rate": "233/s", "burst": 60, "review": "20s"}],
    "new addresses": [{"kind": "ip warm-up", "ips": 4, "schedule": [15_000]}],
    "several": [
        {"rate": "245/s", "burst": 300},
        {"kind": "fixed window", "messages": 4700, "window": "20s"},
        {"kind": "rolling quota", "messages": 11_650, "window": "50s"},
    ],
}


def season(timeout: str | None, workers: dict[str, Any], **parts: Any) -> Loaded:
    queue = {**parts.pop("queue", {}), **({"visibility_timeout": timeout} if timeout else {})}
    told = {"count": 40, "service_time": "100ms", **workers}
    return scenario(BINS, told, queue=queue, provider=parts.pop("provider", WIDE), **parts)


SEASONS = {
    "nothing is lost": season(None, {}),
    "a crash loses the message": season(None, CRASHES),
    "a crash brings it again": season("20s", CRASHES),
    "bins within a time-out end in the middle of one": season("7300ms", CRASHES),
    "a crash long after the last": season("9s", {"crashes": {"rate": "6/h", "restart": "5s"}}),
    "a time-out of two bins": season("2s", {**CRASHES, **EVEN}),
    "a time-out below a bin": season("600ms", {**OFTEN, **EVEN}),
    "crashed four times and more": season("3s", OFTEN),
    "some are too old then, some not": season("12600ms", OFTEN),
    "batches": season("20s", {**CRASHES, "batch": 3}),
    "workers lost at once": season("20s", {}, fault=[LOSS]),
    "workers lost at once, and crashes": season("9s", CRASHES, fault=[LOSS]),
    "a queue that is often full": season("20s", OFTEN, queue={"bound": 185}),
    "a queue that drops": season("20s", OFTEN, queue={"bound": 185, "overflow": "drop oldest"}),
    "refusals": season("9s", OFTEN, provider=NARROW, retries=PATIENT),
    "a provider's own queue": season("9s", OFTEN, provider=PACED, retries={**PATIENT, "budget": 0.1}),
    "stages before the door": season(
        "9s", OFTEN, upstream=[{"name": "build", "delay": {"median": "4s", "sigma": 0.3}, "to": ["sale"]}]
    ),
}


SEASONS |= {
    f"{name}, near and over its bound, {what}": season(
        timeout,
        workers,
        provider=[{**WIDE[0], "limits": limits, "deferred_retry": "20s"}, WIDE[1]],
        retries=PATIENT,
    )
    for name, limits in LIMITS.items()
    for what, timeout, workers in (("", None, {}), ("with crashes", "9s", CRASHES))
}
SEASONS |= {
    "an outage, a breaker, a standby, a budget": season(
        "9s",
        CRASHES,
        fault=[DOWN],
        provider=[*WIDE, SPARE],
        retries={**PATIENT, "budget": 0.1, "budget_saved": 400},
        **BREAKER,
    ),
    "a breaker that never opens": season("9s", CRASHES, provider=NARROW, retries=PATIENT, **BREAKER),
}


def told(loaded: Loaded, monkeypatch: pytest.MonkeyPatch, long_way: bool) -> tuple[Outcome, int]:
    """What becomes of it, and how many batches there were: a bin in closed form needs none. The long way is
    taken where somebody seems to wait outside of the queue: a row of nobody."""
    states: list[State] = []

    def state_of(*parts: Any) -> State:
        state = empty_state(*parts)
        states.append(state._replace(outside=np.zeros((64, len(state.back_level) + 1))))
        states[-1].marks[NEXT_OUTSIDE] = int(long_way)
        return states[-1]

    monkeypatch.setattr(cohort, "empty_state", state_of)
    outcome = cohort.run(loaded, DUE, 5, SILENT)[1]
    return outcome, int(max(state.heads[:, NEXT_BATCH].sum() for state in states))


def differing(one: Outcome, other: Outcome) -> Sequence[str]:
    """What differs in any stream and bin, by more than rounding of what is kept as float32, or in sum by more
    than 1e-9."""
    kept = (*QUANTITIES, "backlog", "under_way", "busy_share")
    told: dict[str, tuple[Any, Any, float]]
    told = {name: (one.rows(name), other.rows(name), 2e-7) for name in kept}
    told["in sum"] = one.totals, other.totals, 1e-9
    told["delays"] = one.delay_counts, other.delay_counts, 1e-9
    return [
        name
        for name, (a, b, far) in told.items()
        if not np.allclose(a, b, rtol=far, atol=far * max(1.0, float(np.abs(b).max())))
    ]


@pytest.mark.parametrize("name", SEASONS)
def test_a_bin_in_closed_form_tells_what_the_long_way_round_does(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, batches = told(SEASONS[name], monkeypatch, long_way=False)
    long, all_batches = told(SEASONS[name], monkeypatch, long_way=True)
    assert batches < 0.8 * all_batches
    assert differing(closed, long) == []
