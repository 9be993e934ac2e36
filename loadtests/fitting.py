"""Between a scenario and its calibration: what it believes of the target, the settings that correct it."""

from __future__ import annotations

import json

from loadtests.calibration import (
    LIMIT_PREFIX,
    LIMIT_SUFFIX,
    PARALLELISM,
    SERVICE_TIME,
    VARIATION,
    Believed,
    Calibration,
)
from scenarios.pipeline import VARIATION_MAX, Workers
from scenarios.providers import Provider, limit_table
from scenarios.scenario import Scenario
from sim.pipeline.workers import plain, variation

DISTRIBUTION = "pipeline.workers.distribution"
QUANTILES = "pipeline.workers.quantiles"
MOST = "pipeline.workers.autoscaling.most"
STALL_RATE = "pipeline.workers.stalls.rate"
SHARED = "all"
"""A limit that every channel shares, or that of a target that does not tell its providers apart."""


def believed_of(scenario: Scenario, provider_names: tuple[str, ...]) -> Believed:
    """What `scenario`, at the rehearsed scale, says of the target and of providers that are told apart."""
    workers = plain(scenario.pipeline.workers)
    rates = {p.name: rate_of(p) for p in scenario.providers if not p.standby}
    known = {name: rates[name] for name in provider_names if name in rates}
    limits = known or {SHARED: sum(rates.values())}
    return Believed(workers.service_time, variation(workers), workers.count, limits)


def rate_of(provider: Provider) -> float:
    """The slowest of a provider's limits over a minute, messages/s."""
    return min(limit.minute_per_s for limit in provider.limits) if provider.limits else float("inf")


def settings_of(calibration: Calibration, scenario: Scenario, carried: float) -> list[str]:
    """`KEY=VALUE` lines that bring the fitted values into the full-size `scenario`.

    `carried`: scale times share of the season that the target stood for; a target that carries half of the
    season is one of two.
    """
    settings = _workers(calibration, scenario.pipeline.workers, carried)
    for name, per_s in _limits(calibration).items():
        settings += (
            _shared(scenario, per_s / carried) if name == SHARED else _own(scenario, name, per_s / carried)
        )
    return settings


def _workers(calibration: Calibration, believed: Workers, carried: float) -> list[str]:
    settings: list[str] = []
    if (service_s := calibration.value(SERVICE_TIME)) is not None:
        settings.append(f"{SERVICE_TIME}={service_s * 1e6:.3f}us")
        # what was measured has them in it
        settings += [f"{STALL_RATE}=0/s"] if believed.stalls else []
    if (spread := calibration.value(VARIATION)) is not None:
        # only the lognormal has a variation of its own; near 0 it is as good as constant
        settings += [f'{DISTRIBUTION}="lognormal"', f"{VARIATION}={min(spread, VARIATION_MAX):.6f}"]
        settings += [f"{QUANTILES}=[]"] if believed.quantiles else []
    if (at_once := calibration.value(PARALLELISM)) is not None:
        count = max(1, round(at_once / carried / believed.batch))
        settings.append(f"{PARALLELISM}={count}")
        if believed.autoscaling and believed.autoscaling.most < count:
            settings.append(f"{MOST}={count}")
    return settings


def _limits(calibration: Calibration) -> dict[str, float]:
    return {
        f.name.removeprefix(LIMIT_PREFIX).removesuffix(LIMIT_SUFFIX): f.after
        for f in calibration.fitted
        if f.name.startswith(LIMIT_PREFIX)
    }


def _own(scenario: Scenario, name: str, per_s: float) -> list[str]:
    provider = next(p for p in scenario.providers if p.name == name)
    slowest = min(range(len(provider.limits)), key=lambda i: provider.limits[i].minute_per_s)
    limit = provider.limits[slowest]
    fitted = limit_table(limit.scaled(per_s / limit.minute_per_s))[limit.size_key]
    return [f"provider.{name}.limits[{slowest}].{limit.size_key}={fitted}"]


def _shared(scenario: Scenario, per_s: float) -> list[str]:
    """One provider in the place of all: their channels, the fitted rate, their bursts in proportion."""
    own = [p for p in scenario.providers if not p.standby]
    channels = [channel for p in own for channel in p.channels]
    limits = [limit for p in own for limit in p.limits]
    burst = sum(limit.at_once for limit in limits) * per_s / max(per_s, sum(x.minute_per_s for x in limits))
    delay = scenario.providers[0].delay
    return [
        f'provider=[{{name="{SHARED}", channels={json.dumps(channels)}, '
        f'limits=[{{kind="token bucket", rate="{per_s:.6f}/s", burst={max(1.0, burst):.3f}}}], '
        f'delay={{median="{delay.median * 1e6:.3f}us", sigma={delay.sigma}}}}}]'
    ]
