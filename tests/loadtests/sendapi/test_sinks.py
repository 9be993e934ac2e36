"""The counting sink: what it has seen before."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from loadtests.sendapi import sinks
from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.sinks import CountingSink, Seen

LANE = Lane("marketing", "email")


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.integers(0, 40).map(str), st.sampled_from(["a", "b.1", "b.01", "07", "٣", "", "9" * 30])
            ),
            max_size=60,
        )
    )
)
def test_every_repetition_of_an_id_is_counted_once(calls: list[list[str]]) -> None:
    seen = Seen()
    repeated = sum(seen.add(ids) for ids in calls)
    different = Counter(name for ids in calls for name in ids)
    assert repeated == sum(different.values()) - len(different)


def test_small_and_large_batches_tick_the_same_page() -> None:
    seen = Seen()
    large = [str(n) for n in range(8_000, 9_500)]
    assert seen.add(large) == 0
    assert seen.add(["8191", "8192", "7000"]) == 2
    assert seen.add(large) == len(large)


def test_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(sinks, "PAGES_MAX", 3)
    monkeypatch.setattr(sinks, "NAMES_MAX", 10)
    seen = Seen()
    for n in range(50):
        assert seen.add([str(n * sinks.PAGE), f"name-{chr(97 + n)}"]) == 0
    assert seen.add(["0", "name-a"]) == 0
    assert seen.add([str(49 * sinks.PAGE), "name-" + chr(97 + 49)]) == 2


def test_only_the_part_that_is_delivered_counts() -> None:
    async def deliver() -> CountingSink:
        sink = CountingSink()
        entry = Entry("r", 0.0, "", [str(n) for n in range(10)], [], b"")
        await sink.deliver(LANE, entry, 2, 3)
        await sink.deliver(LANE, entry, 4, 6)
        return sink

    sink = asyncio.run(deliver())
    assert (sink.delivered, sink.duplicated) == (9, 1)
