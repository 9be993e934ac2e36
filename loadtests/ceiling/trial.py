"""One rate held, measured and judged: holds, breaks or invalid, with the reason in words.

An objective that is missed breaks a trial; so does a flow that does not keep up with what is offered, seen
in the later half, when bursts are used up: an API that answers 202 hides overload in its queue, and a short
trial ends before waiting has grown to any limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from loadtests.attempts import Requests, requests
from loadtests.ceiling.shown import Verdict
from loadtests.evidence import DeliveryDelays, Told, of_deliveries
from loadtests.farside import FarProvider
from loadtests.measurement import LATENESS_S_P99_MAX, Measurement, Percentiles, measure
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule
from loadtests.targets.observing import Observed
from scenarios.objectives import Objective
from sim.judging import QUANTILES, Judged, evidence_of, judge

FLOW_SHORT_SHARE = 0.015
"""A flow this far below what is offered does not keep up."""
PAUSE_S = 0.008
"""So long a pause of a busy machine is no news about the target."""
BACKLOG_MESSAGES = 4.0
"""A backlog comes and goes by a few messages; so few more are no growth."""
LATENESS_SHARE = 0.1
"""The generator may be late by this share of the tightest latency limit (p99)."""
SETTLED_SHARE = 0.5
"""A flow is looked at in the later part of a trial, from this share on."""
FLOW_POINTS_MIN = 8


@dataclass(frozen=True)
class Trial:
    """One rate held: what was offered, what came back, the verdict and its reason in words.

    carried_per_s: messages/s that the target got through in the later half, accepted or - where its far
    side is observed - delivered, whichever is less; None where too little was seen. bad_share: requests
    slower than the tightest latency limit, or not accepted. delivered_per_s: None where not observed.

    accepts: the verdict on what was accepted alone, whatever became of it. accepted_per_s: the rate at which
    it was, in the later half. delivers: whether what was accepted was also delivered at that rate, None where
    not observed; sustained_per_s: the rate of all its deliveries, also of those after it, where it was not.
    alone: False where it was held while the target still had to deliver what earlier trials had left.
    """

    name: str
    offered_per_s: float
    duration_s: float
    goodput_per_s: float
    delivered_per_s: float | None
    latency_s: Percentiles
    lateness_s: Percentiles
    bad_share: float
    limited: int
    errors: int
    verdict: Verdict
    because: str
    limited_by: str
    measurement: Measurement
    carried_per_s: float | None = None
    accepts: Verdict = "invalid"
    accepted_per_s: float | None = None
    delivers: Verdict | None = None
    sustained_per_s: float | None = None
    alone: bool = True


def judge_trial(
    name: str,
    schedule: Schedule,
    records: SendRecords,
    objectives: Sequence[Objective],
    observed: Observed | None = None,
    delays: DeliveryDelays | None = None,
    keys: str = "",
) -> Trial:
    """The verdict on a rate held as `schedule` says. `observed` is relative to the records' time 0; `delays`:
    of each message, for objectives that ask about them; `keys`: what holds the target's keys, in words."""
    measured = measure(name, schedule, records, observed, lateness_s_max(objectives), keys=keys)
    sent = requests(schedule, records)
    evidence = _evidence(sent, measured.duration_s, delays)
    judged = [judge(objective, evidence) for objective in objectives]
    accepted_per_s = accepted_flow_per_s(sent, measured.duration_s)
    verdict, limited_by, because = _verdict(measured, judged, accepted_per_s)
    of_acceptance = [j for j in judged if not of_deliveries(j.objective.quantity)]
    accepts, _, _ = _verdict(
        replace(measured, delivered_per_s=None, providers=()), of_acceptance, accepted_per_s
    )
    delivers = _delivers(measured, accepted_per_s)
    flows = [flow for flow in (accepted_per_s, _delivered_flow_per_s(measured)) if flow is not None]
    return Trial(
        name=name,
        offered_per_s=measured.offered_per_s,
        duration_s=measured.duration_s,
        goodput_per_s=measured.goodput_per_s,
        delivered_per_s=measured.delivered_per_s,
        latency_s=measured.latency_s,
        lateness_s=measured.lateness_s,
        bad_share=_bad_share(evidence, objectives),
        limited=measured.limited,
        errors=measured.errors,
        verdict=verdict,
        because=because,
        limited_by=limited_by,
        measurement=measured,
        carried_per_s=min(flows, default=None),
        accepts=accepts,
        accepted_per_s=accepted_per_s,
        delivers=delivers,
        sustained_per_s=delays.sustained_per_s if delays and delivers == "breaks" else None,
    )


def judge_replay(
    schedule: Schedule,
    records: SendRecords,
    objectives: Sequence[Objective],
    delays: DeliveryDelays | None = None,
) -> tuple[Judged, ...]:
    """The objectives alone, on any replay: a peak does not keep one rate, so its flow is not judged."""
    evidence = _evidence(requests(schedule, records), min(schedule.duration_s, records.duration_s), delays)
    return tuple(judge(objective, evidence) for objective in objectives)


def lateness_s_max(objectives: Sequence[Objective]) -> float:
    """The lateness that still leaves the tightest latency limit judgeable, seconds."""
    limit_s = _tightest_s(objectives)
    return LATENESS_S_P99_MAX if math.isinf(limit_s) else LATENESS_SHARE * limit_s


def accepted_flow_per_s(sent: Requests, duration_s: float) -> float | None:
    """Slope of the messages accepted over time in the later part of the hold; None with too few answers.

    Least squares over the moments of the answers: exact for even answers, whatever their number.
    """
    good = np.isfinite(sent.latency_s) & (sent.ended_s <= duration_s)
    order = np.argsort(sent.ended_s[good], kind="stable")
    ended_s = sent.ended_s[good][order]
    total = np.cumsum(sent.accepted[good][order])
    later = ended_s >= SETTLED_SHARE * duration_s
    if int(later.sum()) < FLOW_POINTS_MIN:
        return None
    at_s = ended_s[later] - ended_s[later].mean()
    spread = float(at_s @ at_s)
    return float(at_s @ total[later]) / spread if spread > 0.0 else None


def _evidence(sent: Requests, duration_s: float, delays: DeliveryDelays | None) -> Told:
    latency_s = sent.latency_s + sent.batch_wait_s
    failed = ~np.isfinite(sent.latency_s)
    sends = evidence_of(
        sent.due_s,
        latency_s,
        failed,
        from_s=0.0,
        to_s=duration_s,
        messages=sent.messages,
        accepted=sent.accepted,
    )
    return Told(sends, delays)


def _delivers(measured: Measurement, accepted_per_s: float | None) -> Verdict | None:
    """Whether deliveries kept up with what was accepted in the later half."""
    delivered = delivered_of_accepted_per_s(measured, accepted_per_s)
    if delivered is None:
        return None
    if not measured.valid or accepted_per_s is None:
        return "invalid"
    return "holds" if delivered >= accepted_per_s * (1.0 - _flow_tolerance(measured)) else "breaks"


def delivered_of_accepted_per_s(measured: Measurement, accepted_per_s: float | None) -> float | None:
    """The rate of accepted messages, in this mix, at which the first provider's deliveries just keep up; None
    where deliveries are not observed."""
    if measured.delivered_per_s is None or len(measured.providers) <= 1 or accepted_per_s is None:
        return measured.delivered_per_s
    return accepted_per_s * min(_passed_share(p, measured) for p in measured.providers)


def _verdict(
    measured: Measurement, judged: Sequence[Judged], accepted_per_s: float | None
) -> tuple[Verdict, str, str]:
    """(verdict, limited_by, because)"""
    if not measured.valid:
        return "invalid", "generator", measured.invalid_because
    missed = [j for j in judged if j.holds is False]
    if missed:
        late = all(of_deliveries(j.objective.quantity) for j in missed)
        cause = "backlog" if late else _cause(measured)
        return "breaks", cause, "; ".join(j.because for j in missed)
    shortfall = _shortfall(measured, accepted_per_s)
    if shortfall:
        return "breaks", *shortfall
    unknown = [j for j in judged if j.holds is None]
    if unknown:
        return "invalid", "nothing", "; ".join(f"{j.objective.text}: {j.because}" for j in unknown)
    return "holds", "nothing", "; ".join(j.because for j in judged) or "nothing was asked of it"


def _shortfall(measured: Measurement, accepted_per_s: float | None) -> tuple[str, str] | None:
    """(limited_by, because) where a flow does not keep up with the offered rate."""
    offered = measured.offered_per_s
    enough = offered * (1.0 - _flow_tolerance(measured))
    delivered = _delivered_flow_per_s(measured)
    if accepted_per_s is not None and accepted_per_s < enough:
        because = f"answers come at {accepted_per_s:.4g}/s of {offered:.4g}/s offered, so waiting grows"
        return _cause(measured), because
    if delivered is not None and delivered < enough:
        slowest = min(measured.providers, key=lambda p: _passed_share(p, measured), default=None)
        grows = (
            f"; the queue of {slowest.name} grows by {slowest.backlog_growth_per_s:.4g}/s" if slowest else ""
        )
        return "backlog", f"no more than {delivered:.4g}/s of {offered:.4g}/s offered can be delivered{grows}"
    return None


def _delivered_flow_per_s(measured: Measurement) -> float | None:
    """The offered rate, in this mix, at which the first provider's deliveries would just keep up."""
    if len(measured.providers) <= 1:
        return measured.delivered_per_s
    return measured.offered_per_s * min(_passed_share(p, measured) for p in measured.providers)


def _passed_share(provider: FarProvider, measured: Measurement) -> float:
    """Of what reaches a provider in the later half, the share that it delivers; 1 where its backlog grows by
    no more than a few messages."""
    if provider.backlog_growth_per_s * measured.duration_s * (1.0 - SETTLED_SHARE) <= BACKLOG_MESSAGES:
        return 1.0
    reaches = provider.delivered_per_s + max(0.0, provider.backlog_growth_per_s)
    return min(1.0, provider.delivered_per_s / reaches) if reaches > 0.0 else 1.0


def _flow_tolerance(measured: Measurement) -> float:
    """What is in flight comes and goes by about its square root, and a machine pauses for some ms: short
    trials see both in their flow."""
    service_s = measured.service_s.p50
    in_flight = measured.requests_per_s * service_s if math.isfinite(service_s) else 0.0
    answers = max(1.0, measured.requests_per_s * measured.duration_s * (1.0 - SETTLED_SHARE))
    pauses = PAUSE_S / (measured.duration_s * (1.0 - SETTLED_SHARE))
    return FLOW_SHORT_SHARE + math.sqrt(in_flight) / answers + pauses


def _cause(measured: Measurement) -> str:
    """What stood behind most of the requests that went wrong; latency when none did."""
    wrong = {
        "limit": measured.limited,
        "errors": measured.errors + measured.rejected,
        "latency": measured.dropped,
    }
    worst = max(wrong, key=lambda cause: wrong[cause])
    return worst if wrong[worst] > 0.005 * measured.due else "latency"


def _bad_share(evidence: Told, objectives: Sequence[Objective]) -> float:
    sends = evidence.sends
    if sends.due_s.size == 0:
        return math.nan
    limit_s = _tightest_s(objectives)
    slow = sends.latency_s > limit_s if math.isfinite(limit_s) else np.isinf(sends.latency_s)
    return float(slow.mean())


def _tightest_s(objectives: Sequence[Objective]) -> float:
    return min((o.limit for o in objectives if o.quantity in QUANTILES), default=math.inf)
