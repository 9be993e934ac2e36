"""Records to rates, latency from the due time, lateness, validity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtests import by_address, deliveries, reasons
from loadtests import passage as passages
from loadtests import percentiles as times
from loadtests.attempts import Requests, requests
from loadtests.by_address import AtAddress as AtAddress  # the type of this seam's own fields
from loadtests.deliveries import Deliveries
from loadtests.farside import FarFigure, far_side
from loadtests.farside import FarProvider as FarProvider  # the type of this seam's own fields
from loadtests.passage import Passage
from loadtests.percentiles import Percentiles as Percentiles  # the type of this seam's own fields
from loadtests.percentiles import percentiles
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule
from loadtests.replay.tally import failures
from loadtests.targets.observing import Observed
from loadtests.windows import Window as Window  # the type of this seam's own fields
from loadtests.windows import windows
from sim import histogram
from sim.formats import require

FORMAT = "peakday measurement 1"

LATENESS_S_P99_MAX = 0.025
"""A tenth of the usual limit of 250 ms: beyond, latency says more about the generator than may be."""

LATER = ("figures", "statuses", "errors_by_kind", "below_target_because", "passage", "addresses", "delivery")
"""What documents of this format may lack."""


@dataclass(frozen=True)
class Measurement:
    """What one replay showed. Rates are messages/s over `duration_s` unless the name says requests.

    due = started + dropped (requests). accepted, rejected, limited, errors: requests by their last attempt.
    statuses: replies by status code, of all attempts. errors_by_kind: requests not accepted in the end, by
    what went wrong. below_target_because: why goodput is below what was offered, in words.
    latency_s: weighted by messages, each request's from its due time on plus its messages' wait for the
    batch; infinite where it was not accepted in the end: limited, rejected, failed, timed out, dropped.
    service_s, lateness_s, wait_s: by request. goodput_per_s counts what was accepted within `duration_s`,
    shifted by the fastest answer. Figures of the far side are None where it was not observed; its rates are
    of the second half, when a burst allowance is used up. passage: where we play the provider behind it.
    delivery: None where deliveries were not observed.
    addresses: the same counts by address, where the target has several.
    """

    name: str
    due: int
    started: int
    dropped: int
    attempts: int
    accepted: int
    rejected: int
    limited: int
    errors: int
    faults: dict[str, int]
    messages_due: int
    messages_accepted: int
    messages_received: int | None
    messages_delivered: int | None
    lost: int | None
    duplicated: int | None
    duration_s: float
    offered_per_s: float
    goodput_per_s: float
    delivered_per_s: float | None
    backlog_growth_per_s: float | None
    requests_per_s: float
    latency_s: Percentiles
    service_s: Percentiles
    lateness_s: Percentiles
    wait_s: Percentiles
    latency_counts: npt.NDArray[np.float64]
    service_counts: npt.NDArray[np.float64]
    windows: tuple[Window, ...]
    valid: bool
    invalid_because: str
    scale: float
    compress: float
    origin: str
    complete: bool
    statuses: dict[str, int] = field(default_factory=dict)
    errors_by_kind: dict[str, int] = field(default_factory=dict)
    below_target_because: str = ""
    providers: tuple[FarProvider, ...] = ()
    figures: tuple[FarFigure, ...] = ()
    passage: Passage | None = None
    delivery: Deliveries | None = None
    addresses: tuple[AtAddress, ...] = ()


def measure(
    name: str,
    schedule: Schedule,
    records: SendRecords,
    observed: Observed | None = None,
    lateness_s_max: float = LATENESS_S_P99_MAX,
    passage: Passage | None = None,
    delivery: Deliveries | None = None,
    keys: str = "",
) -> Measurement:
    """What a replay of `schedule` showed.

    `observed`: the far side's counters, their times relative to the play's start. `lateness_s_max` bounds the
    generator's own p99 lateness; above it the measurement is not valid. `passage`: what the provider behind
    the target saw, where we play it; `delivery`: what was delivered. What the target does not tell of itself
    is taken from there. `keys`: where the target's keys are, in words.
    """
    sent = requests(schedule, records)
    duration_s = min(schedule.duration_s, records.duration_s) or schedule.duration_s
    replies = np.bincount(sent.reply[sent.started], minlength=len(Reply))
    faulty = sent.fault[sent.fault != Fault.NONE]
    accepted = int(replies[Reply.ACCEPTED] + replies[Reply.PARTLY])
    limited, rejected = int(replies[Reply.LIMITED]), int(replies[Reply.REJECTED])
    started = int(sent.started.sum())
    latency_s = sent.latency_s + sent.batch_wait_s
    ended_s = float(np.nanmax(sent.ended_s, initial=0.0))
    far = far_side(observed, duration_s, int(sent.accepted.sum()), ended_s)
    seen = delivery or passage
    because = reasons.why_invalid(schedule, records, sent, lateness_s_max, keys)
    kinds = failures(sent.status, sent.reply, sent.fault)
    offered_per_s, goodput_per_s = float(sent.messages.sum()) / duration_s, _goodput_per_s(sent, duration_s)
    return Measurement(
        name=name,
        due=sent.due_s.size,
        started=started,
        dropped=sent.due_s.size - started,
        attempts=sent.attempts,
        accepted=accepted,
        rejected=rejected,
        limited=limited,
        errors=started - accepted - limited - rejected,
        faults={Fault(code).name.lower(): int(n) for code, n in enumerate(np.bincount(faulty)) if n},
        statuses={str(status): times for status, times in sent.statuses.items()},
        errors_by_kind=kinds,
        below_target_because=reasons.why_below_target(sent, kinds, offered_per_s, goodput_per_s, duration_s),
        messages_due=int(sent.messages.sum()),
        messages_accepted=int(sent.accepted.sum()),
        messages_received=far.received,
        messages_delivered=far.delivered,
        lost=seen.lost if far.lost is None and seen else far.lost,
        duplicated=seen.duplicated if far.duplicated is None and seen else far.duplicated,
        duration_s=duration_s,
        offered_per_s=offered_per_s,
        goodput_per_s=goodput_per_s,
        delivered_per_s=far.delivered_per_s,
        backlog_growth_per_s=far.backlog_growth_per_s,
        requests_per_s=sent.due_s.size / duration_s,
        latency_s=percentiles(latency_s, sent.messages),
        service_s=percentiles(sent.service_s),
        lateness_s=percentiles(sent.lateness_s),
        wait_s=percentiles(sent.wait_s),
        latency_counts=histogram.count(latency_s, sent.messages),
        service_counts=histogram.count(sent.service_s[np.isfinite(sent.service_s)]),
        windows=windows(sent, duration_s),
        valid=not because,
        invalid_because="; ".join(because),
        scale=schedule.scale,
        compress=schedule.compress,
        origin=schedule.origin,
        complete=records.complete and sent.due_s.size == schedule.due_s.size,
        providers=far.providers,
        figures=far.figures,
        passage=passage,
        delivery=delivery,
    )


def _goodput_per_s(sent: Requests, duration_s: float) -> float:
    """Messages accepted in the replay's length, shifted by the fastest answer: what came later is owed."""
    return float(sent.accepted[sent.in_time(duration_s)].sum()) / duration_s


def summary(of: Measurement) -> dict[str, Any]:
    """The keys that the outside relies on for a replay; what is not a finite number is null."""
    counted = ("due", "started", "dropped", "accepted", "rejected", "limited", "errors")
    return {name: getattr(of, name) for name in counted} | {
        "attempts": of.attempts,
        "statuses": of.statuses,
        "errors_by_kind": of.errors_by_kind,
        "messages_due": of.messages_due,
        "messages_accepted": of.messages_accepted,
        "messages_received": of.messages_received,
        "lost": of.lost,
        "duplicated": of.duplicated,
        "offered_per_s": of.offered_per_s,
        "goodput_per_s": of.goodput_per_s,
        "delivered_per_s": of.delivered_per_s,
        "requests_per_s": of.requests_per_s,
        "latency_s": times.summary(of.latency_s),
        "service_s": times.summary(of.service_s),
        "lateness_s": times.summary(of.lateness_s, ("p50", "p99", "max")),
        "below_target_because": of.below_target_because,
        "observed": [asdict(figure) for figure in of.figures],
        "addresses": [by_address.summary(one) for one in of.addresses],
        "behind": passages.summary(of.passage) if of.passage else None,
        "delivery": deliveries.summary(of.delivery) if of.delivery else None,
        "valid": of.valid,
        "invalid_because": of.invalid_because,
    }


def to_document(of: Measurement) -> dict[str, Any]:
    """Everything, as JSON can carry it; histograms as [[bin, count], …]."""
    document: dict[str, Any] = {"format": FORMAT}
    for one in fields(of):
        value = getattr(of, one.name)
        if isinstance(value, Percentiles):
            value = times.to_document(value)
        elif isinstance(value, np.ndarray):
            value = [[int(at), float(value[at])] for at in np.flatnonzero(value)]
        elif one.name == "windows":
            value = [[times.number(number) for number in astuple(window)] for window in value]
        elif one.name in ("providers", "figures"):
            value = [asdict(item) for item in value]
        elif one.name == "addresses":
            value = [by_address.to_document(item) for item in value]
        elif isinstance(value, Passage):
            value = passages.to_document(value)
        elif isinstance(value, Deliveries):
            value = deliveries.to_document(value)
        document[one.name] = value
    return document


def from_document(document: Mapping[str, Any]) -> Measurement:
    """What `to_document` made. Raises UserError for another format."""
    require(document.get("format"), FORMAT)
    names = [one.name for one in fields(Measurement) if one.name in document or one.name not in LATER]
    values = {name: document[name] for name in names}
    for name in ("latency_s", "service_s", "lateness_s", "wait_s"):
        values[name] = times.from_document(values[name])
    for name in ("latency_counts", "service_counts"):
        values[name] = _counts(values[name])
    values["windows"] = tuple(_restored_window(row) for row in values["windows"])
    values["providers"] = tuple(FarProvider(**provider) for provider in values["providers"])
    values["figures"] = tuple(FarFigure(**figure) for figure in values.get("figures", ()))
    values["addresses"] = tuple(by_address.from_document(one) for one in values.get("addresses", ()))
    values["passage"] = passages.from_document(values["passage"]) if values.get("passage") else None
    told = values.get("delivery")
    values["delivery"] = deliveries.from_document(told) if told else None
    return Measurement(**values)


def _counts(pairs: list[list[float]]) -> npt.NDArray[np.float64]:
    counts = np.zeros(histogram.BINS)
    for at, count in pairs:
        counts[int(at)] = count
    return counts


def _restored_window(row: list[Any]) -> Window:
    at_s, due, accepted, *quantiles = row
    return Window(at_s, due, accepted, *(times.restored(value) for value in quantiles))
