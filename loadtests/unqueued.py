"""Service times of the requests that did not wait: those that met the fewest others under way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from loadtests.replay.fates import Reply
from loadtests.replay.records import SendRecords

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


def unqueued_s(plays: Sequence[SendRecords], least: int) -> Floats:
    """float64, seconds: ended - started of at least `least` accepted requests; empty where there are fewer.

    Who meets fewer others than there are servers does not wait. How many servers there are is not known yet,
    so the least company is taken that `least` requests had.
    """
    if not plays:
        return np.empty(0)
    service_s = np.concatenate([_service_s(records) for records in plays])
    if service_s.size < least:
        return np.empty(0)
    company = np.concatenate([_company(records) for records in plays])
    return np.asarray(service_s[company <= np.sort(company)[least - 1]], dtype=np.float64)


def _accepted(records: SendRecords) -> npt.NDArray[np.bool_]:
    return np.asarray((records.reply == Reply.ACCEPTED) & np.isfinite(records.ended_s), dtype=np.bool_)


def _service_s(records: SendRecords) -> Floats:
    good = _accepted(records)
    return np.asarray(records.ended_s[good] - records.started_s[good], dtype=np.float64)


def _company(records: SendRecords) -> Numbers:
    """How many requests were under way when each accepted one started."""
    begun = np.isfinite(records.started_s)
    ended = np.isfinite(records.ended_s[begun])
    ended_s = np.sort(np.where(ended, records.ended_s[begun], np.inf))
    mine = records.started_s[_accepted(records)]
    before = np.searchsorted(np.sort(records.started_s[begun]), mine, side="left")
    return np.asarray(before - np.searchsorted(ended_s, mine, side="right"), dtype=np.int64)
