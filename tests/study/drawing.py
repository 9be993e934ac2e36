"""Draws scaled-down scenarios at random, for the two resolutions to be held against each other.

Every part of the vocabulary that both resolutions have is drawn. A part whose words this checkout does not
have yet is left out by itself, and drawn as soon as it has them. Nothing is chosen so that the resolutions
agree: only so that a season is small, carries its base load, and ends with what it had to do done.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenarios.catalogue import Loaded
from scenarios.providers import limit_of
from scenarios.scenario import Scenario
from sim.seeds import stream
from tests.study.chance import STARTS_AT, Random, Tables, at_minute, between, delay, per_second, seconds
from tests.study.extras import EXTRAS

MINUTES = 20
CHANNELS = ("email", "sms", "push")
EXTRAS_EACH = 2
"""Of what not every season has, at most so many a season."""


@dataclass(frozen=True)
class Drawn:
    """One season; extras: what it has that not every season has."""

    name: str
    loaded: Loaded
    extras: tuple[str, ...]


def draw(seed: int, number: int) -> Drawn:
    """The season of this number, always the same under a seed."""
    random = stream(seed, "study", number)
    tables = _demand(random)
    peak_per_s = _peak_per_s(tables)
    tables["pipeline"] = _pipeline(random, tables, peak_per_s)
    tables["provider"] = [_provider(random, channel, peak_per_s / 2.0) for channel in CHANNELS]
    known = [name for name, extra in EXTRAS.items() if extra.known()]
    count = min(int(random.integers(EXTRAS_EACH + 1)), len(known))
    extras = tuple(sorted(random.choice(known, count, replace=False).tolist()))
    for name in extras:
        EXTRAS[name].add(random, tables, peak_per_s)
    scenario = Scenario.model_validate(tables)
    sha256 = hashlib.sha256(b"").hexdigest()
    return Drawn(f"drawn {number}", Loaded(scenario, None, "drawn", Path("drawn.toml"), "", sha256), extras)


def _demand(random: Random) -> Tables:
    """Steady transactional messages, and one to three blasts that are over at two thirds of the season."""
    size = 100_000
    campaigns = []
    for i in range(int(random.integers(1, 4))):
        rate, lasts_s = between(random, 60.0, 300.0), random.uniform(40.0, 200.0)
        campaigns.append(
            {
                "name": f"blast {i}",
                "channel": str(random.choice(CHANNELS)),
                "start": at_minute(random.uniform(1.0, 8.0)),
                "release": per_second(rate),
                "share": float(min(1.0, rate * lasts_s / size)),
                "freshness": seconds(between(random, 30.0, 1200.0)),
            }
        )
    return {
        "title": "drawn",
        "starts_at": STARTS_AT,
        "duration": f"{MINUTES}min",
        "bin": "1s",
        "audience": {"size": size, "reach": dict.fromkeys(CHANNELS, 1.0)},
        "demand": {"noise": float(random.uniform(0.0, 0.1))},
        "campaign": campaigns,
        "background": [
            {
                "name": "codes",
                "channel": str(random.choice(CHANNELS)),
                "rate": per_second(between(random, 8.0, 60.0)),
                "freshness": seconds(between(random, 20.0, 300.0)),
            }
        ],
    }


def _peak_per_s(tables: Tables) -> float:
    """All that may come at once, roughly."""
    blasts = [float(c["release"].removesuffix("/s")) for c in tables["campaign"]]
    return max(blasts) + _base_per_s(tables)


def _base_per_s(tables: Tables) -> float:
    return float(tables["background"][0]["rate"].removesuffix("/s"))


def _pipeline(random: Random, tables: Tables, peak_per_s: float) -> Tables:
    """Workers for a half to one and a half times the peak, and for the base load in any case."""
    service_s = between(random, 0.01, 0.2)
    carried = max(peak_per_s * between(random, 0.5, 1.5), 1.5 * _base_per_s(tables))
    distribution = str(random.choice(["deterministic", "exponential", "lognormal"]))
    workers = {
        "count": math.ceil(carried * service_s),
        "service_time": seconds(service_s),
        "distribution": distribution,
        **({"variation": float(random.uniform(0.2, 1.5))} if distribution == "lognormal" else {}),
    }
    bound = int(peak_per_s * random.uniform(10.0, 60.0)) if random.random() < 0.4 else 0
    backoff_s = between(random, 1.0, 6.0)
    retries = {
        "attempts": int(random.integers(3, 25)),
        "backoff": seconds(backoff_s),
        "cap": seconds(backoff_s * between(random, 2.0, 16.0)),
        "jitter": float(random.uniform(0.2, 0.9)),
    }
    return {"workers": workers, "queue": {"bound": bound}, "retries": retries}


def _provider(random: Random, channel: str, per_s: float) -> Tables:
    """A provider of one channel with one or two limits that bind now and then."""
    count = 2 if random.random() < 0.3 else 1
    limits = [_limit(random, per_s * between(random, 0.6, 3.0)) for _ in range(count)]
    told: Tables = {"name": f"by {channel}", "channels": [channel], "limits": limits}
    if random.random() < 0.7:
        told["delay"] = delay(random, 0.2, 5.0)
    if random.random() < 0.2:
        told["partial_failure"] = float(random.uniform(0.0, 0.1))
    return told


def _limit(random: Random, rate: float) -> Tables:
    makers = [make for make in LIMITS if _understood(make)]
    return makers[int(random.integers(len(makers)))](random, rate)


def _understood(make: Callable[[Random, float], Tables]) -> bool:
    try:
        limit_of(make(np.random.default_rng(0), 100.0))
    except ValueError:
        return False
    return True


def _bucket(random: Random, rate: float) -> Tables:
    return {"rate": per_second(rate), "burst": rate * between(random, 0.5, 5.0)}


def _fixed_window(random: Random, rate: float) -> Tables:
    window_s = float(random.choice([1.0, 10.0, 60.0]))
    return {"kind": "fixed window", "messages": math.ceil(rate * window_s), "window": seconds(window_s)}


def _clock_hour(_random: Random, rate: float) -> Tables:
    return {"kind": "clock hour", "messages": math.ceil(rate * 3600.0)}


def _refilled(random: Random, rate: float) -> Tables:
    every_s = random.uniform(20.0, 90.0)
    told = {"kind": "refilled bucket", "messages": math.ceil(rate * every_s), "every": seconds(every_s)}
    return told | {"phase": seconds(random.uniform(0.0, every_s))}


def _daily(_random: Random, rate: float) -> Tables:
    return {"kind": "daily cap", "messages": math.ceil(rate * 3600.0), "timezone": "Europe/Berlin"}


def _rolling(random: Random, rate: float) -> Tables:
    window_s = 288.0 * float(random.integers(1, 3))
    return {"kind": "rolling quota", "messages": math.ceil(rate * window_s), "window": seconds(window_s)}


def _calls(random: Random, rate: float) -> Tables:
    call_s = between(random, 0.2, 3.0)
    return {"kind": "concurrency cap", "calls": math.ceil(rate * call_s), "call_duration": seconds(call_s)}


def _switch(random: Random, rate: float) -> Tables:
    off = {"window": "288s", "off": seconds(random.uniform(20.0, 120.0))}
    return {"kind": "switch-off", "messages": math.ceil(rate * 2.0 * 288.0), **off}


def _paced(_random: Random, rate: float) -> Tables:
    return {"kind": "paced queue", "rate": per_second(rate)}


def _mailbox(random: Random, rate: float) -> Tables:
    reputation = float(random.uniform(0.5, 1.0))
    return {"kind": "mailbox deferral", "rate": per_second(rate), "burst": rate, "reputation": reputation}


def _warm_up(random: Random, rate: float) -> Tables:
    return {"kind": "ip warm-up", "ips": 1.0, "schedule": [rate * 3600.0, rate * 4000.0]}


LIMITS: tuple[Callable[[Random, float], Tables], ...] = (
    _bucket,
    _bucket,
    _fixed_window,
    _clock_hour,
    _refilled,
    _daily,
    _rolling,
    _calls,
    _switch,
    _paced,
    _mailbox,
    _warm_up,
)
"""Kinds of limits for about a rate; the token bucket twice, as it is the commonest."""
