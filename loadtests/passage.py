"""What a service passed on during one replay, in figures, with their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from loadtests import percentiles as times
from loadtests.percentiles import Percentiles


@dataclass(frozen=True)
class Watch:
    """How an exit was watched: `settled` = nothing had arrived for `quiet_s` when it ended; `complete` = the
    record of arrivals was closed or could be read up to now; `clock_step_s` = by how much the wall clock was
    set meanwhile. `way`: how deliveries are seen; `place`: where, in words; `every`:
    every how many-th message is looked for."""

    stand_in: str
    limits: str
    settled: bool
    quiet_s: float
    complete: bool = True
    clock_step_s: float = 0.0
    way: Literal["webhook", "poll", "stand-in"] = "stand-in"
    place: str = "the stand-in"
    every: int = 1


@dataclass(frozen=True)
class Class:
    """One priority's messages: sent, delivered, from due to delivered, and how many less urgent ones left
    first while each waited (mean and greatest)."""

    priority: str
    messages: int
    delivered: int
    delivery_s: Percentiles
    overtaken_mean: float
    overtaken_max: int


@dataclass(frozen=True)
class Passage:
    """What passed a service during one replay. Counts are of messages, but for `attempts`, which counts a
    message as often as it came to the provider, and `requests`.

    accepted: the service said yes. delivered: the provider took it, once or more. lost: accepted and not
    delivered when nothing came any more: `never_seen` at the provider, or every attempt refused (`given_up`);
    None where arrivals still went on (`under_way`) or too little can be told. duplicated: deliveries beyond a
    message's first; `resent`: of those, where we had sent the message more than once ourselves. unasked:
    delivered though the service had not said yes. outcomes: attempts by what they met.

    attempts_per_message: attempts / messages seen at the provider. inversions: pairs of an urgent message
    that waited inside and a less urgent one that left meanwhile; `inverted`: urgent messages with any.
    arrival_s, delivery_s: from due to the first attempt, and to the delivery. delivered_per_s: in the later
    half of the replay; `kept_up`: as much as came in, so the service can do at least that. exit_per_s:
    between the first and the last tenth of the deliveries, also after the replay: what a service does that
    has enough to do.
    """

    stand_in: str
    limits: str
    requests: int
    attempts: int
    outcomes: dict[str, int]
    messages: int
    accepted: int
    seen: int
    delivered: int
    under_way: int
    lost: int | None
    never_seen: int | None
    given_up: int | None
    duplicated: int
    resent: int
    unasked: int
    unnamed: int
    strangers: int
    attempts_per_message: float
    attempts_max: int
    inversions: int
    inverted: int
    urgent: int
    arrival_s: Percentiles
    delivery_s: Percentiles
    delivered_per_s: float | None
    kept_up: bool
    exit_per_s: float | None
    classes: tuple[Class, ...]
    quiet_s: float
    settled: bool
    valid: bool
    invalid_because: str


def summary(of: Passage) -> dict[str, Any]:
    """What the outside relies on; what is not a finite number is null."""
    document = {name: value for name, value in to_document(of).items() if name != "classes"}
    for name in ("arrival_s", "delivery_s"):
        document[name] = times.summary(getattr(of, name))
    document["attempts_per_message"] = times.finite(of.attempts_per_message)
    return document | {"classes": [_class_summary(each) for each in of.classes]}


def _class_summary(of: Class) -> dict[str, Any]:
    return asdict(of) | {"delivery_s": times.summary(of.delivery_s)}


def to_document(of: Passage) -> dict[str, Any]:
    """Everything, as JSON can carry it."""
    document = {field.name: getattr(of, field.name) for field in fields(of)}
    return document | {
        "attempts_per_message": times.number(of.attempts_per_message),
        "arrival_s": times.to_document(of.arrival_s),
        "delivery_s": times.to_document(of.delivery_s),
        "classes": [asdict(c) | {"delivery_s": times.to_document(c.delivery_s)} for c in of.classes],
    }


def from_document(document: Mapping[str, Any]) -> Passage:
    """What `to_document` made."""
    values = dict(document)
    values["attempts_per_message"] = times.restored(values["attempts_per_message"])
    for name in ("arrival_s", "delivery_s"):
        values[name] = times.from_document(values[name])
    values["classes"] = tuple(
        Class(**(dict(c) | {"delivery_s": times.from_document(c["delivery_s"])})) for c in values["classes"]
    )
    return Passage(**values)
