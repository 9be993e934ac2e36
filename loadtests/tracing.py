"""What a service passed on, seen from outside: from its door to the provider behind it, by message. Pure.

A message counts as delivered when the provider first took it. Its delays count from its due time, as latency
does; what the service said yes to and the provider never took is infinitely late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from loadtests.arrivals import (
    CLOCK_S,
    NOBODY,
    Seen,
    Sent,
    delays_s,
    first_s,
    matched,
    overtaken,
    times_seen,
)
from loadtests.attempts import Flags, Floats, Integers
from loadtests.passage import Class, Passage, Watch
from loadtests.percentiles import percentiles
from loadtests.targets.observing import Observed

UNNAMED_SHARE_MAX = 0.001
"""More attempts than this without a message's id, and what is lost or came twice cannot be said."""
KEPT_UP_SHARE = 0.98
"""A service that passes on less than this of what it takes in has more to do than it can."""
SAMPLE_S = 0.05
TOLD_S = 0.25
"""Whoever tells of deliveries keeps none back for longer, so that others can travel with it."""
EXIT_SHARES = (0.1, 0.9)
DELIVERIES_MIN = 30


@dataclass(frozen=True)
class Traced:
    """Sightings joined to what was sent. index: int64 (sightings,) into the messages. arrived_s, delivered_s:
    float64 (messages,), NaN = never."""

    sent: Sent
    seen: Seen
    index: Integers
    arrived_s: Floats
    delivered_s: Floats


def trace(sent: Sent, seen: Seen) -> Traced:
    """Join arrivals to the messages of one replay."""
    index = matched(sent, seen)
    good = np.where(seen.good, index, NOBODY)
    return Traced(
        sent,
        seen,
        index,
        first_s(index, seen.at_s, sent.count),
        first_s(good, seen.at_s, sent.count),
    )


def observed_of(of: Traced, until_s: float, every: int = 1) -> Observed:
    """The exit as a far side: delivered and waiting messages, sampled from shortly before time 0 to
    `until_s`. What waited before the play is what came out beyond it. `every`: every how many-th message was
    looked for."""
    at_s = np.arange(-2.0 * SAMPLE_S, until_s + SAMPLE_S, SAMPLE_S)
    delivered = every * spread_until(_all_of_run_s(of), at_s)
    waiting = every * count_until(of.sent.acknowledged_s, at_s) - delivered
    return Observed(at_s, {"delivered": delivered, "backlog": waiting - min(0.0, float(waiting.min()))})


def _all_of_run_s(of: Traced) -> Floats:
    """When each message of this engine was first delivered, earlier plays' included: a service that still has
    those to do delivers no fewer for it."""
    sent, seen = of.sent, of.seen
    ours = seen.good & (seen.number >= 0) & (seen.number < sent.first + sent.count)
    ours &= (seen.run == NOBODY) | (seen.run == sent.run)
    order = np.argsort(seen.at_s[ours], kind="stable")
    at_s = seen.at_s[ours][order]
    _, first = np.unique(seen.number[ours][order], return_index=True)
    return at_s[first][at_s[first] >= 0.0]


def passage_of(
    of: Traced, requests: Integers, outcomes: Mapping[str, Flags], duration_s: float, watch: Watch
) -> Passage:
    """What passed. `requests`: int64 (sightings,), the request that each sighting was in; `outcomes`: flags
    (sightings,) by name; `duration_s`: of the replay."""
    sent, known = of.sent, reckon(of, watch)
    during, owed, delivered = known.during, known.owed, known.delivered
    seen, attempts = np.isfinite(of.arrived_s), times_seen(of.index, sent.count)
    passed = overtaken(sent, of.delivered_s)
    per_s, in_per_s = later_per_s(of.delivered_s, duration_s), later_per_s(sent.acknowledged_s, duration_s)
    delivery = delays_s(sent, of.delivered_s)
    return Passage(
        stand_in=watch.stand_in,
        limits=watch.limits,
        requests=int(np.unique(requests[during]).size),
        attempts=int(during.sum()),
        outcomes={
            name: int((flags & during).sum()) for name, flags in outcomes.items() if (flags & during).any()
        },
        messages=sent.count,
        accepted=int(known.accepted.sum()),
        seen=int(seen.sum()),
        delivered=int(delivered.sum()),
        under_way=known.under_way,
        lost=known.lost,
        never_seen=int((owed & ~seen).sum()) if known.sure else None,
        given_up=int((owed & seen).sum()) if known.sure else None,
        duplicated=known.duplicated,
        resent=known.resent,
        unasked=int((delivered & np.isnan(sent.acknowledged_s)).sum()),
        unnamed=known.unnamed,
        strangers=int(((of.seen.number != NOBODY) & ~known.here & (of.seen.at_s >= 0.0)).sum()),
        attempts_per_message=float(attempts.sum() / seen.sum()) if seen.any() else float("nan"),
        attempts_max=int(attempts.max(initial=0)),
        inversions=int(passed.sum()),
        inverted=int((passed > 0).sum()),
        urgent=int((sent.urgency < sent.urgency.max(initial=0)).sum()),
        arrival_s=percentiles(delays_s(sent, of.arrived_s)),
        delivery_s=percentiles(delivery),
        delivered_per_s=per_s,
        kept_up=keeps_up(per_s, in_per_s),
        exit_per_s=exit_per_s(of.delivered_s),
        classes=tuple(_classes(sent, delivery, delivered, passed)),
        quiet_s=watch.quiet_s,
        settled=watch.settled,
        valid=not known.invalid_because,
        invalid_because=known.invalid_because,
    )


@dataclass(frozen=True)
class Reckoning:
    """What can be told of a replay's messages, whoever saw them again.

    here, during: flags (sightings,), of a message of this replay; of one or of nobody known, while it ran.
    accepted, delivered, owed: flags (messages,), owed: accepted and not delivered. lost: of those, None where
    deliveries still went on (`under_way`) or too little can be told (not `sure`). duplicated: deliveries
    beyond a message's first; `resent`: of those, where we had sent the message more than once.
    """

    here: Flags
    during: Flags
    accepted: Flags
    delivered: Flags
    owed: Flags
    sure: bool
    lost: int | None
    under_way: int
    duplicated: int
    resent: int
    unnamed: int
    invalid_because: str


def reckon(of: Traced, watch: Watch) -> Reckoning:
    """Count what was seen message by message."""
    sent = of.sent
    here = of.index != NOBODY
    during = here | ((of.seen.number == NOBODY) & (of.seen.at_s >= 0.0))
    unnamed = int((during & ~here).sum())
    because = why_invalid(of, unnamed, int(during.sum()), watch)
    accepted, delivered = np.isfinite(sent.acknowledged_s), np.isfinite(of.delivered_s)
    owed = accepted & ~delivered
    sure = (watch.settled or not owed.any()) and not because
    beyond = np.maximum(0, times_seen(np.where(of.seen.good, of.index, NOBODY), sent.count) - 1)
    return Reckoning(
        here=here,
        during=during,
        accepted=accepted,
        delivered=delivered,
        owed=owed,
        sure=sure,
        lost=int(owed.sum()) if sure else None,
        under_way=0 if watch.settled else int(owed.sum()),
        duplicated=int(beyond.sum()),
        resent=int(beyond[sent.sends > 1].sum()),
        unnamed=unnamed,
        invalid_because="; ".join(because),
    )


def why_invalid(of: Traced, unnamed: int, arrivals: int, watch: Watch) -> list[str]:
    """Every reason, in words, why the counts and delays say nothing certain of the service."""
    reasons = []
    if not arrivals:
        reasons.append(f"nothing arrived at {watch.place}: the service does not send there")
    if unnamed > UNNAMED_SHARE_MAX * arrivals:
        reasons.append(
            f"{unnamed} of {arrivals} arrivals carry no id or address of ours: the service must keep one of "
            "them in what it sends there"
        )
    if not watch.complete:
        reasons.append(f"{watch.place} ended early, and its record with it")
    if abs(watch.clock_step_s) > CLOCK_S:
        reasons.append(
            f"the clock was set by {watch.clock_step_s:+.3f} s while it ran: delays cannot be told"
        )
    early = of.arrived_s < of.sent.started_s - CLOCK_S
    if early.any():
        reasons.append(f"{int(early.sum())} messages arrived before they were sent: the clocks do not agree")
    return reasons


def _classes(sent: Sent, delivery_s: Floats, delivered: Flags, passed: Integers) -> Iterator[Class]:
    """Priorities that the replay had, the most urgent first."""
    for urgency, priority in enumerate(sent.priorities):
        mine = sent.urgency == urgency
        if mine.any():
            yield Class(
                priority,
                int(mine.sum()),
                int(delivered[mine].sum()),
                percentiles(delivery_s[mine]),
                float(passed[mine].mean()),
                int(passed[mine].max()),
            )


def keeps_up(per_s: float | None, in_per_s: float | None) -> bool:
    """Whether what comes out is what comes in."""
    return per_s is not None and in_per_s is not None and per_s >= KEPT_UP_SHARE * in_per_s


def count_until(moments_s: Floats, at_s: Floats) -> Floats:
    """float64 (at_s,): how many of the finite moments lie at or before each."""
    known = np.sort(moments_s[np.isfinite(moments_s)])
    return np.searchsorted(known, at_s, side="right").astype(np.float64)


def spread_until(moments_s: Floats, at_s: Floats) -> Floats:
    """float64 (at_s,): as `count_until`, but that those told at one moment happened evenly since the moment
    before, TOLD_S earlier at most: who is told of deliveries is told of many at once."""
    known, times = np.unique(moments_s[np.isfinite(moments_s)], return_counts=True)
    if not known.size:
        return np.zeros_like(at_s)
    total = np.cumsum(times).astype(np.float64)
    before = np.concatenate(([0.0], total[:-1]))
    idle_s = np.maximum(known - TOLD_S, 0.0)
    late = idle_s > np.concatenate(([-np.inf], known[:-1]))
    moments = np.concatenate((known, idle_s[late]))
    totals = np.concatenate((total, before[late]))
    order = np.argsort(moments, kind="stable")
    spread: Floats = np.interp(at_s, moments[order], totals[order])
    return spread


def later_per_s(moments_s: Floats, duration_s: float) -> float | None:
    """Rate in the later half of the replay, as a far side's is found; None with nothing in it."""
    at_s = np.arange(0.0, duration_s + SAMPLE_S / 2, SAMPLE_S)
    series = Observed(at_s, {"delivered": spread_until(moments_s, at_s)})
    return series.slope_per_s("delivered", duration_s / 2.0, duration_s)


def exit_per_s(delivered_s: Floats, every: int = 1) -> float | None:
    """Rate between the first and the last tenth of the deliveries; None with too few of them."""
    known = np.sort(delivered_s[np.isfinite(delivered_s)])
    first, last = (int(share * known.size) for share in EXIT_SHARES)
    if known.size < DELIVERIES_MIN or known[last] <= known[first]:
        return None
    return every * float((last - first) / (known[last] - known[first]))
