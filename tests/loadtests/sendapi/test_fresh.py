"""What was committed a moment ago is handed out without being read back, in its place and once."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.sendapi.blocks import Entry, Lane, Stored, StoreFailed
from loadtests.sendapi.fresh import Fresh
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.opening import open_store
from loadtests.sendapi.sqlitequeue import SqliteQueue
from loadtests.sendapi.store import Store

EMAIL, URGENT = Lane("marketing", "email"), Lane("transactional", "email")
LANES = (EMAIL, URGENT)


def stored(number: int, size: int = 10) -> Stored:
    return Stored(b"%d" % number, 1, b"x" * size)


async def put(store: Store, lane: Lane, number: int, size: int = 10) -> None:
    entry = Entry(f"r{number}", 1.7e9, "", [str(number)], [], b"x" * size)
    await store.put([(lane, entry)], 1, size)


async def put_when_it_is_back(store: Store, numbers: range) -> None:
    """While the server starts anew nothing is stored, and a put says so."""
    for number in numbers:
        for _ in range(200):
            try:
                await put(store, EMAIL, number)
                break
            except StoreFailed:
                await asyncio.sleep(0.05)


async def taken(store: Store, lane: Lane, count: int) -> list[int]:
    """Numbers of the next `count` blocks at most."""
    blocks = await store.take(lane, count)
    return [int(name) for block in blocks for entry in block.entries for name in entry.ids]


async def reads(store: Store) -> int:
    """How often the queue server was asked for blocks, by its own count."""
    (told,) = await store.backend._ask([b"*2\r\n$4\r\nINFO\r\n$12\r\ncommandstats\r\n"])
    lines = dict(line.split(b":", 1) for line in told.split(b"\r\n") if b":" in line)
    calls = lines.get(b"cmdstat_xrange", b"calls=0,").split(b",")[0]
    return int(calls.removeprefix(b"calls="))


def test_a_closed_lane_keeps_nothing_and_an_open_one_its_blocks_in_order() -> None:
    fresh = Fresh()
    fresh.add(EMAIL, stored(1))
    fresh.open(EMAIL)
    for number in (2, 3, 4):
        fresh.add(EMAIL, stored(number))
        fresh.add(URGENT, stored(number))
    assert fresh.take(EMAIL, 2) == [stored(2), stored(3)]
    assert fresh.take(EMAIL, 9) == [stored(4)]
    assert fresh.take(URGENT, 9) == []


def test_behind_a_block_without_room_none_is_kept_until_the_reader_has_caught_up() -> None:
    fresh = Fresh(bytes_max=25)
    fresh.open(EMAIL)
    for number in (1, 2, 3):
        fresh.add(EMAIL, stored(number))
    assert fresh.take(EMAIL, 9) == [stored(1), stored(2)]
    fresh.add(EMAIL, stored(4))
    assert fresh.take(EMAIL, 9) == []
    fresh.open(EMAIL)
    fresh.add(EMAIL, stored(5, size=25))
    assert fresh.take(EMAIL, 9) == [stored(5, size=25)]


def test_what_is_taken_as_it_comes_is_never_read_from_the_queue(tmp_path: Path) -> None:
    async def test() -> None:
        store = await open_store(Knobs(queue="valkey"), tmp_path)
        before = await reads(store)
        for number in range(20):
            await put(store, EMAIL, number)
            assert await taken(store, EMAIL, 8) == [number]
        assert await reads(store) == before
        await store.close()

    asyncio.run(test())


def test_after_a_lost_answer_blocks_are_read_until_the_reader_has_caught_up(
    tmp_path: Path, queue_servers
) -> None:
    async def test() -> None:
        store = await open_store(Knobs(queue="valkey"), tmp_path)
        for number in range(5):
            await put(store, EMAIL, number)
        (server,) = queue_servers(tmp_path)
        os.kill(server.pid, signal.SIGSTOP)
        unanswered = asyncio.create_task(put(store, EMAIL, 5))
        await asyncio.sleep(0.05)
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(StoreFailed):
            await unanswered
        await put_when_it_is_back(store, range(6, 10))
        before = await reads(store)
        found = [number for _ in range(10) for number in await taken(store, EMAIL, 1)]
        assert found in ([*range(5), *range(6, 10)], list(range(10)))
        assert await reads(store) > before
        now = await reads(store)
        await put(store, EMAIL, 10)
        assert (await taken(store, EMAIL, 8), await reads(store)) == ([10], now)
        await store.close()

    asyncio.run(test())


steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(LANES), st.integers(1, 60)),
    st.tuples(st.just("take"), st.sampled_from(LANES), st.integers(1, 3)),
    st.tuples(st.just("at once"), st.sampled_from(LANES), st.integers(2, 4)),
    st.tuples(st.just("recount"), st.just(EMAIL), st.just(0)),
)


@settings(max_examples=30, deadline=None)
@given(plan=st.lists(steps, max_size=40))
def test_every_block_is_taken_once_and_in_order_however_little_is_kept_in_memory(
    plan, tmp_path_factory
) -> None:
    async def test() -> None:
        queue = SqliteQueue(tmp_path_factory.mktemp("queue") / "queue.db", durable=True)
        store = Store(queue, fresh=Fresh(bytes_max=200))
        await store.open()
        put_in: dict[Lane, list[int]] = {lane: [] for lane in LANES}
        taken_of: dict[Lane, list[int]] = {lane: [] for lane in LANES}
        numbers = iter(range(10_000))
        for what, lane, figure in plan:
            if what == "put":
                put_in[lane].append(next(numbers))
                await put(store, lane, put_in[lane][-1], size=figure)
            elif what == "at once":
                found = [next(numbers) for _ in range(figure)]
                put_in[lane] += found
                *_, some = await asyncio.gather(
                    *(put(store, lane, number) for number in found), taken(store, lane, 1)
                )
                taken_of[lane] += some
            elif what == "take":
                taken_of[lane] += await taken(store, lane, figure)
            else:
                await store._recount()
        for lane in LANES:
            while some := await taken(store, lane, 8):
                taken_of[lane] += some
        assert taken_of == put_in
        assert store.backlog() == sum(map(len, put_in.values()))
        await store.close()

    asyncio.run(test())
