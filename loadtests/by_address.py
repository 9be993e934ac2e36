"""One replay's requests by the address that they went to, where its target has several: which failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from loadtests import percentiles as times
from loadtests.attempts import requests
from loadtests.percentiles import Percentiles, percentiles
from loadtests.replay.fates import Reply
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule
from loadtests.replay.tally import failures


@dataclass(frozen=True)
class AtAddress:
    """Requests by their last attempt, as in a Measurement: due = started + dropped. latency_s: seconds,
    weighted by messages, infinite where a request was not accepted in the end."""

    base_url: str
    due: int
    started: int
    dropped: int
    accepted: int
    limited: int
    messages_accepted: int
    errors_by_kind: dict[str, int]
    latency_s: Percentiles


def by_address(
    schedule: Schedule, records: SendRecords, base_urls: Sequence[str], destination: Sequence[int]
) -> tuple[AtAddress, ...]:
    """One for each address that requests went to; none where there is but one. destination: by stream."""
    if len(base_urls) < 2:
        return ()
    went_to = np.asarray(destination)[records.stream]
    return tuple(
        _at(base_url, schedule, _some(records, went_to == at))
        for at, base_url in enumerate(base_urls)
        if (went_to == at).any()
    )


def _some(records: SendRecords, rows: npt.NDArray[np.bool_]) -> SendRecords:
    columns: dict[str, Any] = {
        name: value for name, value in vars(records).items() if isinstance(value, np.ndarray)
    }
    return replace(records, **{name: column[rows] for name, column in columns.items()})


def _at(base_url: str, schedule: Schedule, records: SendRecords) -> AtAddress:
    sent = requests(schedule, records)
    replies = np.bincount(sent.reply[sent.started], minlength=len(Reply))
    started = int(sent.started.sum())
    return AtAddress(
        base_url=base_url,
        due=sent.due_s.size,
        started=started,
        dropped=sent.due_s.size - started,
        accepted=int(replies[Reply.ACCEPTED] + replies[Reply.PARTLY]),
        limited=int(replies[Reply.LIMITED]),
        messages_accepted=int(sent.accepted.sum()),
        errors_by_kind=failures(sent.status, sent.reply, sent.fault),
        latency_s=percentiles(sent.latency_s + sent.batch_wait_s, sent.messages),
    )


def summary(of: AtAddress) -> dict[str, Any]:
    """What the outside relies on; what is not a finite number is null."""
    return vars(of) | {"latency_s": times.summary(of.latency_s)}


def to_document(of: AtAddress) -> dict[str, Any]:
    """As it is kept."""
    return vars(of) | {"latency_s": times.to_document(of.latency_s)}


def from_document(document: Mapping[str, Any]) -> AtAddress:
    """What `to_document` made."""
    return AtAddress(**{**document, "latency_s": times.from_document(document["latency_s"])})
