"""What is done between sends, with a clock of the test's own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadtests.replay.chores import ROUND_NS, SENDS_GO_NS, Chores
from loadtests.replay.pauses import Pauses
from loadtests.replay.schedule import constant

START_NS = 5_000_000_000
TIMES = st.lists(st.floats(0.0, 1.0), max_size=40).map(sorted)


@given(due_s=TIMES, from_s=st.floats(-0.5, 1.5), span_s=st.floats(0.0, 0.5))
def test_no_pause_that_begins_in_the_span_is_longer(due_s: list[float], from_s: float, span_s: float) -> None:
    to_s = from_s + span_s
    pauses = Pauses(np.array(due_s))

    def length_s(begins_s: float) -> float:
        return min((at for at in due_s if at > begins_s), default=np.inf) - begins_s

    found_s = pauses.longest(from_s, to_s)
    begins = [from_s, *(at for at in due_s if from_s < at <= to_s)]
    assert found_s in begins
    assert length_s(found_s) == max(map(length_s, begins))


def done_at(due_s: np.ndarray, seconds: float) -> list[tuple[str, int]]:
    """(chore, ns since the start) where each takes no time."""
    done: list[tuple[str, int]] = []
    now_ns = START_NS
    names = ("look", "hand over", "breathe")
    each = [lambda at_ns, name=name: done.append((name, at_ns - START_NS)) for name in names]
    chores = Chores(Pauses(due_s), each, START_NS, now_ns)
    while now_ns < START_NS + seconds * 1e9:
        chores.do_next(now_ns)
        now_ns = chores.next_ns
    return done


def test_each_chore_is_done_about_every_round_and_never_two_at_once() -> None:
    done = done_at(constant(5000.0, 1.0, arrivals="poisson", seed=11).due_s, 1.0)
    assert min(np.diff([at for _, at in done])) >= ROUND_NS / 6
    for name in ("look", "hand over", "breathe"):
        between = np.diff([at for which, at in done if which == name])
        assert between.max() <= 1.5 * ROUND_NS + 3 * SENDS_GO_NS
        assert 60 <= len(between) <= 140


def test_at_5000_sends_a_second_by_chance_most_chores_have_half_a_millisecond() -> None:
    """Sends are 0.2 ms apart on average, so a chore at any time would have that."""
    due_ns = constant(5000.0, 1.0, arrivals="poisson", seed=12).due_s * 1e9
    at_ns = np.array([at for _, at in done_at(due_ns / 1e9, 0.99)])
    left_ns = due_ns[np.searchsorted(due_ns, at_ns)] - at_ns
    assert np.quantile(left_ns, 0.2) > 500_000 - SENDS_GO_NS
