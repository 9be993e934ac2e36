"""Limits of providers in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reports import units
from scenarios.deferrals import IpWarmUp, MailboxDeferral, PacedQueue
from scenarios.limits import (
    ClockHour,
    ConcurrencyCap,
    DailyCap,
    FixedWindow,
    LimitWord,
    RefilledBucket,
    RollingQuota,
    SwitchOff,
    TokenBucket,
)

_WORDS: dict[type[LimitWord], Callable[[Any], str]] = {
    TokenBucket: lambda x: f"{units.rate(x.rate)} after a burst of {units.count(x.burst)}",
    FixedWindow: lambda x: f"{units.count(x.messages)} in each window of {units.duration(x.window)}",
    ClockHour: lambda x: f"{units.count(x.messages)} in each hour of the clock",
    RefilledBucket: lambda x: f"{units.count(x.messages)}, refilled whole every {units.duration(x.every)}",
    DailyCap: lambda x: f"{units.count(x.messages)} a day, from midnight in {x.timezone}",
    RollingQuota: lambda x: f"{units.count(x.messages)} in any {units.duration(x.window)}",
    ConcurrencyCap: lambda x: (
        f"{units.count(x.calls)} calls at once of {units.duration(x.call_duration)} each"
    ),
    PacedQueue: lambda x: (
        f"accepted at once, sent on at {units.rate(x.rate)}; {units.duration(x.queue)} of that may wait"
    ),
    MailboxDeferral: lambda x: f"mailboxes take {units.rate(x.rate)} at full reputation and defer the rest",
    IpWarmUp: lambda x: (
        f"warm-up of {units.count(x.ips)} addresses, day {x.day:g} of {len(x.schedule)}; the rest is deferred"
    ),
    SwitchOff: lambda x: (
        f"off for {units.duration(x.off)} above {units.count(x.messages)} in {units.duration(x.window)}"
    ),
}


def limit_in_words(limit: LimitWord) -> str:
    """What one limit lets pass."""
    return _WORDS[type(limit)](limit)
