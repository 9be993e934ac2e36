"""One message followed to the provider behind a service, as the record of arrivals tells it."""

import numpy as np

from loadtests.arrivals import NOBODY
from loadtests.following import Followed, followed
from loadtests.standin.records import Arrivals, Outcome


def arrivals(*rows):
    """(at_s, run, number, outcome)."""
    at_s, run, number, outcome = (
        (np.array(c) for c in zip(*rows, strict=True)) if rows else (np.empty(0),) * 4
    )
    status = np.full(at_s.size, 202, dtype=np.int16)
    return Arrivals(at_s, np.arange(at_s.size), run, number, status, outcome, 0.0, complete=False)


def test_a_message_that_came_is_timed_from_its_sending_to_its_first_attempt():
    of = arrivals((10.5, NOBODY, 0, Outcome.LIMITED), (11.5, NOBODY, 0, Outcome.DELIVERED))
    found = followed(of, "ses", 10.0, 2.0)
    assert found == Followed("ses", 0.5, 2, "delivered", 202, "its address or its customer's number", 0, 2.0)


def test_what_names_it_surely_is_its_id():
    assert followed(arrivals((10.5, 77, 0, Outcome.DELIVERED)), "ses", 10.0, 1.0).by == "its id"


def test_other_messages_and_what_came_before_are_not_it():
    of = arrivals(
        (9.0, NOBODY, 0, Outcome.DELIVERED),
        (10.5, NOBODY, 41, Outcome.DELIVERED),
        (10.6, NOBODY, NOBODY, Outcome.DELIVERED),
    )
    found = followed(of, "ses", 10.0, 1.0)
    assert (found.after_s, found.attempts, found.others) == (None, 0, 3)


def test_nothing_at_all_is_said_as_it_is():
    assert followed(arrivals(), "ses", 10.0, 1.0).after_s is None
