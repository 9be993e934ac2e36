"""What is done between sends, with a clock of the test's own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadtests.replay.chores import ROUND_NS, SENDS_GO_NS, Chores
from loadtests.replay.pauses import longest_pause_ns
from loadtests.replay.schedule import constant

TIMES = st.lists(st.integers(0, 10**9), max_size=40).map(sorted)


@given(due_ns=TIMES, from_ns=st.integers(-(10**9), 2 * 10**9), span_ns=st.integers(0, 10**9))
def test_no_pause_that_begins_in_the_span_is_longer(due_ns: list[int], from_ns: int, span_ns: int) -> None:
    to_ns = from_ns + span_ns

    def length_ns(begins_ns: int) -> int:
        return min((at for at in due_ns if at > begins_ns), default=to_ns) - begins_ns

    found_ns = longest_pause_ns(np.array(due_ns, dtype=np.int64), from_ns, to_ns)
    begins = [from_ns, *(at for at in due_ns if from_ns < at <= to_ns)]
    assert found_ns in begins
    assert length_ns(found_ns) == max(map(length_ns, begins))


def done_at(due_ns: np.ndarray, until_ns: float) -> list[tuple[str, int]]:
    """(chore, ns) where each takes no time."""
    done: list[tuple[str, int]] = []
    names = ("look", "hand over", "breathe")
    each = [lambda at_ns, name=name: done.append((name, at_ns)) for name in names]
    now_ns = 0
    chores = Chores(lambda: due_ns[np.searchsorted(due_ns, now_ns) :][:512], each, now_ns)
    while now_ns < until_ns:
        chores.do_next(now_ns)
        now_ns = chores.next_ns
    return done


def by_chance_ns(seed: int) -> np.ndarray:
    return np.rint(constant(5000.0, 1.0, arrivals="poisson", seed=seed).due_s * 1e9).astype(np.int64)


def test_each_chore_is_done_about_every_round_and_never_two_at_once() -> None:
    done = done_at(by_chance_ns(11), 1e9)
    assert min(np.diff([at for _, at in done])) >= ROUND_NS / 6
    for name in ("look", "hand over", "breathe"):
        between = np.diff([at for which, at in done if which == name])
        assert between.max() <= 1.5 * ROUND_NS + 3 * SENDS_GO_NS
        assert 60 <= len(between) <= 140


def test_at_5000_sends_a_second_by_chance_most_chores_have_half_a_millisecond() -> None:
    """Sends are 0.2 ms apart on average, so a chore at any time would have that."""
    due_ns = by_chance_ns(12)
    at_ns = np.array([at for _, at in done_at(due_ns, 0.98e9)])
    left_ns = due_ns[np.searchsorted(due_ns, at_ns)] - at_ns
    assert np.quantile(left_ns, 0.2) > 500_000 - SENDS_GO_NS


def test_where_nothing_is_known_to_come_chores_go_on() -> None:
    done = done_at(np.empty(0, dtype=np.int64), 1e9)
    assert len(done) >= 3 * 60
