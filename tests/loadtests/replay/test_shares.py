"""Seconds handed out: every request once, to those who are there, nothing twice, nothing forgotten."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadtests.replay.shares import Shares


@given(
    due_s=st.lists(st.floats(0.0, 9.99), max_size=200),
    present=st.lists(st.sets(st.sampled_from("abcde")), min_size=10, max_size=30),
)
def test_every_request_is_handed_out_once_whoever_comes_and_goes(
    due_s: list[float], present: list[set[str]]
) -> None:
    times_s = np.sort(np.array(due_s))
    shares = Shares(times_s, 10.0)
    seen: list[int] = []
    for at, workers in enumerate([*present, {"a"}]):
        for share in shares.hand_out(20.0 if at == len(present) else at * 0.5, sorted(workers)):
            assert share.worker in workers
            assert (times_s[share.requests] < share.until_s).all()
            assert (times_s[share.requests] >= share.until_s - 1.0).all()
            seen.extend(share.requests.tolist())
    assert shares.over
    assert sorted(seen) == list(range(times_s.size))


def test_nothing_is_handed_out_before_its_time_or_to_nobody() -> None:
    shares = Shares(np.arange(100) / 10.0, 10.0)
    assert shares.hand_out(5.0, []) == []
    assert {share.until_s for share in shares.hand_out(2.5, ["a"])} == {1.0, 2.0, 3.0}
    late = shares.hand_out(4.0, ["a", "b"])
    assert {(share.worker, share.until_s) for share in late} == {("a", 4.0), ("b", 4.0)}


def test_workers_get_equal_parts_to_within_one_request_over_two_slices() -> None:
    shares = Shares(np.arange(2 * 101) / 101.0, 2.0)
    sizes = {"a": 0, "b": 0}
    for share in shares.hand_out(9.0, ["a", "b"]):
        sizes[share.worker] += share.requests.size
    assert sizes == {"a": 101, "b": 101}
