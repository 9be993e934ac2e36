"""What must hold of the records of any replay, whatever the target did."""

from __future__ import annotations

from collections import Counter

import numpy as np

from loadtests.replay.fates import DROPPED, Fault
from loadtests.replay.records import SendRecords


def faults(records: SendRecords) -> dict[str, int]:
    """Attempts by their fault."""
    return {Fault(fault).name: times for fault, times in Counter(records.fault.tolist()).items()}


def assert_accounted(records: SendRecords, due: int) -> None:
    """One first attempt for every due send; started_s is missing exactly where it was dropped."""
    assert records.request[records.attempt == 1].tolist() == list(range(due))
    assert np.array_equal(np.isnan(records.started_s), np.isin(records.fault, DROPPED))
    assert (records.picked_s >= records.due_s - 1e-6).all()
    assert (records.ended_s >= records.picked_s).all()
    started = ~np.isnan(records.started_s)
    assert (records.started_s[started] >= records.picked_s[started]).all()


def said(records: SendRecords) -> list[tuple[int, ...]]:
    """What every row says but its times."""
    columns = (
        records.request,
        records.attempt,
        records.status,
        records.reply,
        records.fault,
        records.accepted,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))
