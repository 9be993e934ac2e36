"""What was delivered of one replay, message by message or counted, in figures, with their JSON.

"Accepts fast, delivers slowly" is seen here: delays from the due time and from the target's yes, what was
lost or came twice, accepted and delivered over time and what waits between them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any, Literal

import numpy as np

from loadtests import percentiles as times
from loadtests.arrivals import Sent, delays_s
from loadtests.attempts import Floats
from loadtests.passage import Watch
from loadtests.percentiles import Percentiles, percentiles
from loadtests.targets.observing import Observed
from loadtests.tracing import Traced, count_until, exit_per_s, keeps_up, later_per_s, reckon

Way = Literal["webhook", "poll", "stand-in", "counters"]
WINDOW_S = 1.0
NEVER_TOLD = Percentiles(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Second:
    """One second: messages accepted and delivered in it, accepted and not delivered at its end."""

    at_s: float
    accepted: float
    delivered: float
    backlog: float


@dataclass(frozen=True)
class Deliveries:
    """What was delivered of one replay. Counts are of messages.

    observed: how that was seen; "counters": the target only says how many, so delays are NaN. by: who saw
    it, in words. every: so many-th message was looked for; counts are of those, rates and seconds of all.
    lost: accepted and not seen when nothing had come for `quiet_s`, None where deliveries still went on
    (`under_way`) or too little can be told. duplicated: deliveries beyond a message's first; `resent`: of
    those, where we had sent the message more than once. since_due_s, since_accepted_s: to the delivery;
    infinite where it was lost. delivered_per_s: in the later half of the replay; kept_up: as much as was
    accepted. sustained_per_s: between the first and the last tenth of the deliveries, also after the replay.
    """

    observed: Way
    by: str
    messages: int
    accepted: int
    delivered: int
    lost: int | None
    under_way: int
    duplicated: int | None
    resent: int
    unnamed: int
    since_due_s: Percentiles
    since_accepted_s: Percentiles
    delivered_per_s: float | None
    kept_up: bool
    sustained_per_s: float | None
    backlog_max: float
    seconds: tuple[Second, ...]
    quiet_s: float
    settled: bool
    valid: bool
    invalid_because: str
    every: int = 1


def deliveries_of(of: Traced, duration_s: float, watch: Watch) -> Deliveries:
    """What was seen message by message of a replay of `duration_s`."""
    sent, known = of.sent, reckon(of, watch)
    per_s, in_per_s = later_per_s(of.delivered_s, duration_s), later_per_s(sent.acknowledged_s, duration_s)
    seconds = _seconds(sent.acknowledged_s, of.delivered_s, duration_s, watch.every)
    return Deliveries(
        observed=watch.way,
        by=watch.stand_in,
        messages=-(-sent.count // watch.every),
        accepted=int(known.accepted.sum()),
        delivered=int(known.delivered.sum()),
        lost=known.lost,
        under_way=known.under_way,
        duplicated=known.duplicated,
        resent=known.resent,
        unnamed=known.unnamed,
        since_due_s=percentiles(delays_s(sent, of.delivered_s)),
        since_accepted_s=percentiles(_since_accepted_s(sent, of.delivered_s)),
        delivered_per_s=None if per_s is None else watch.every * per_s,
        kept_up=keeps_up(per_s, in_per_s),
        sustained_per_s=exit_per_s(of.delivered_s, watch.every),
        backlog_max=max((second.backlog for second in seconds), default=0.0),
        seconds=seconds,
        quiet_s=watch.quiet_s,
        settled=watch.settled,
        valid=not known.invalid_because,
        invalid_because=known.invalid_because,
        every=watch.every,
    )


def deliveries_counted(sent: Sent, observed: Observed, duration_s: float) -> Deliveries | None:
    """What the target says by numbers alone; None where it does not."""
    gained = observed.gained("delivered")
    if gained is None:
        return None
    known = np.isfinite(observed.series["delivered"])
    at_s, total = observed.at_s[known], observed.series["delivered"][known]
    edges_s = _edges_s(max(duration_s, float(at_s[-1])))
    delivered = np.interp(edges_s, at_s, total - total[0])
    accepted = count_until(sent.acknowledged_s, edges_s)
    per_s = observed.slope_per_s("delivered", duration_s / 2.0, duration_s)
    seconds = _each_second(edges_s, accepted, delivered)
    duplicated = observed.gained("duplicated")
    yes = int(np.isfinite(sent.acknowledged_s).sum())
    return Deliveries(
        observed="counters",
        by="figures that the target tells of itself",
        messages=sent.count,
        accepted=yes,
        delivered=round(gained),
        lost=None,
        under_way=max(0, yes - round(gained)),
        duplicated=None if duplicated is None else round(duplicated),
        resent=0,
        unnamed=0,
        since_due_s=NEVER_TOLD,
        since_accepted_s=NEVER_TOLD,
        delivered_per_s=per_s,
        kept_up=keeps_up(per_s, later_per_s(sent.acknowledged_s, duration_s)),
        sustained_per_s=None,
        backlog_max=max((second.backlog for second in seconds), default=0.0),
        seconds=seconds,
        quiet_s=0.0,
        settled=False,
        valid=True,
        invalid_because="",
    )


def _since_accepted_s(sent: Sent, delivered_s: Floats) -> Floats:
    """float64 (messages,): from the target's yes; 0 where it was delivered before, infinite where never, NaN
    where the target did not say yes to it or only to a part of its request."""
    yes = np.isfinite(sent.acknowledged_s)
    waited_s = np.maximum(0.0, delivered_s - sent.acknowledged_s)
    return np.where(yes, np.where(np.isnan(delivered_s), np.inf, waited_s), np.nan)


def _seconds(accepted_s: Floats, delivered_s: Floats, duration_s: float, every: int) -> tuple[Second, ...]:
    edges_s = _edges_s(max(duration_s, float(np.nanmax(delivered_s, initial=0.0))))
    accepted, delivered = (every * count_until(at_s, edges_s) for at_s in (accepted_s, delivered_s))
    return _each_second(edges_s, accepted, delivered)


def _edges_s(until_s: float) -> Floats:
    return np.arange(0.0, math.ceil(until_s / WINDOW_S) + 1) * WINDOW_S


def _each_second(edges_s: Floats, accepted: Floats, delivered: Floats) -> tuple[Second, ...]:
    """From running totals at the edges; a delivery that came before its yes is no debt."""
    backlog = np.maximum(0.0, accepted - delivered)
    columns = (edges_s[:-1], np.diff(accepted), np.diff(delivered), backlog[1:])
    return tuple(Second(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def summary(of: Deliveries) -> dict[str, Any]:
    """What the outside relies on; what is not a finite number is null."""
    names = ("p50", "p90", "p95", "p99", "p999", "max")
    delays = {name: times.summary(getattr(of, name), names) for name in ("since_due_s", "since_accepted_s")}
    return {name: value for name, value in to_document(of).items() if name != "seconds"} | delays


def to_document(of: Deliveries) -> dict[str, Any]:
    """Everything, as JSON can carry it."""
    document = {field.name: getattr(of, field.name) for field in fields(of)}
    return document | {
        "since_due_s": times.to_document(of.since_due_s),
        "since_accepted_s": times.to_document(of.since_accepted_s),
        "seconds": [list(astuple(second)) for second in of.seconds],
    }


def from_document(document: Mapping[str, Any]) -> Deliveries:
    """What `to_document` made."""
    values = dict(document)
    for name in ("since_due_s", "since_accepted_s"):
        values[name] = times.from_document(values[name])
    values["seconds"] = tuple(Second(*row) for row in values["seconds"])
    return Deliveries(**values)
