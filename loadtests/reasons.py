"""Why a finished replay says nothing certain, and why it got less through than it offered: in words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from loadtests.attempts import Requests
from loadtests.percentiles import percentiles
from loadtests.replay.fates import DROPPED, Fault, Reply
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule
from loadtests.replay.tally import words_of
from sim import wording

REQUESTS_MIN = 30
ENOUGH_SHARE = 0.99
LATE_S = 0.025
"""Beyond, the generator's own lateness explains what is missing."""
KINDS_TOLD = 3
UNAUTHORIZED = {401, 403}


def why_invalid(
    schedule: Schedule, records: SendRecords, sent: Requests, lateness_s_max: float, keys: str
) -> list[str]:
    """Every reason why the figures say nothing certain about the target. keys: what holds them, in words."""
    reasons = [_refused(sent, keys)] if unauthorized(sent.statuses) else []
    missing = schedule.due_s.size - sent.due_s.size
    if not records.complete or missing:
        reasons.append(f"{missing} of {schedule.due_s.size} requests have no record, the replay was cut off")
    lost = int((sent.fault == Fault.LOST_WORKER).sum())
    if lost:
        reasons.append(f"{lost} requests were lost with a worker of the generator")
    if sent.due_s.size < REQUESTS_MIN:
        reasons.append(f"too little data: {sent.due_s.size} requests, at least {REQUESTS_MIN} are needed")
    late_s = percentiles(sent.lateness_s).p99
    if late_s > lateness_s_max:
        late = wording.beside(late_s, lateness_s_max, "duration")
        most = wording.told(lateness_s_max, "duration")
        reasons.append(f"the generator was late: p99 {late}, at most {most}")
    return reasons


def unauthorized(statuses: Iterable[int]) -> bool:
    """Whether these, of all replies, say that the credentials were refused and nothing else."""
    found = set(statuses)
    return bool(found) and found <= UNAUTHORIZED


def _refused(sent: Requests, keys: str) -> str:
    by = " or ".join(map(str, sorted(sent.statuses)))
    return f"the target refused the credentials, every reply was {by}: check {keys or 'its [operation.auth]'}"


def why_below_target(
    sent: Requests, kinds: dict[str, int], offered_per_s: float, goodput_per_s: float, duration_s: float
) -> str:
    """Every reason with its number, the generator's own first; "" where goodput is what was offered.

    `kinds`: requests that were not accepted, by what went wrong.
    """
    if goodput_per_s >= ENOUGH_SHARE * offered_per_s:
        return ""
    late_s = percentiles(sent.lateness_s).p99
    reasons = [f"the generator was late, p99 {wording.told(late_s, 'duration')}"] if late_s > LATE_S else []
    if dropped := int(np.isin(sent.fault, DROPPED).sum()):
        reasons.append(f"{dropped:,} requests were dropped: no connection was free for them in time")
    told = {words_of(0, Reply.NONE, fault) for fault in DROPPED}
    worst = sorted(((times, words) for words, times in kinds.items() if words not in told), reverse=True)
    reasons += [f"{times:,} requests ended as {words}" for times, words in worst[:KINDS_TOLD]]
    after = np.isfinite(sent.latency_s) & ~sent.in_time(duration_s)
    if late := int(after.sum()):
        reasons.append(f"{late:,} requests were accepted only after the replay's end, late or as retries")
    return "; ".join(reasons)
