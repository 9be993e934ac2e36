"""What a receiver's record says of the one message of a probe."""

from __future__ import annotations

import numpy as np

from loadtests.arrivals import NOBODY
from loadtests.by_reply import GIVEN, mark_of
from loadtests.standin.records import Arrivals, Outcome
from loadtests.told import heard_so_far

RUN, MARK = 0xABCD, mark_of("m-7")


def arrivals(*rows: tuple[float, int, int, Outcome]) -> Arrivals:
    """(at_s, run, number, outcome)."""
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.empty(0)] * 4
    at_s, run, number, outcome = columns
    return Arrivals(at_s, np.arange(at_s.size), run, number, outcome, outcome, 0.0, complete=False)


def told(mark: int | None, *rows: tuple[float, int, int, Outcome]) -> tuple[object, ...]:
    found = heard_so_far(arrivals(*rows), "x", 10.0, mark, 1.0)
    return found.after_s, found.said, found.others


def test_events_before_the_delivery_are_told_and_do_not_count_as_one() -> None:
    sent = (10.25, RUN, 0, Outcome.OTHER)
    assert told(None, sent) == (None, ("other",), 0)
    assert told(None, sent, (10.5, RUN, 0, Outcome.DELIVERED)) == (0.5, ("other", "delivered"), 0)


def test_events_of_before_and_of_others_are_not_it() -> None:
    rows = (
        (9.0, RUN, 0, Outcome.DELIVERED),
        (11.0, RUN, 5, Outcome.DELIVERED),
        (11.0, NOBODY, NOBODY, Outcome.OTHER),
    )
    assert told(None, *rows) == (None, (), 2)
    assert told(None) == (None, (), 0)


def test_where_events_name_it_by_the_reply_s_id_that_id_is_looked_for() -> None:
    rows = ((10.5, GIVEN, mark_of("m-8"), Outcome.DELIVERED), (10.75, GIVEN, MARK, Outcome.DELIVERED))
    assert told(MARK, *rows) == (0.75, ("delivered",), 1)
    assert told(MARK, (10.5, RUN, 0, Outcome.DELIVERED)) == (None, (), 1)
