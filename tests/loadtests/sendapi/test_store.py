"""The queue: the same facts over Valkey and over SQLite."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from loadtests.sendapi.blocks import BLOCK_BYTES, Block, Entry, Lane, QueueFull, StoreFailed
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.opening import open_store
from loadtests.sendapi.store import Store
from scenarios.problems import UserError

EMAIL = Lane("marketing", "email")
URGENT = Lane("transactional", "email")


def entry(first: int, messages: int = 1, size: int = 10) -> Entry:
    return Entry(f"r{first}", 1.7e9, "launch", [str(first + n) for n in range(messages)], [], b"x" * size)


async def put(store: Store, *entries: Entry, lane: Lane = EMAIL) -> None:
    messages = sum(len(one.ids) for one in entries)
    await store.put([(lane, one) for one in entries], messages, sum(len(one.body) for one in entries))


def ids(blocks: list[Block]) -> list[str]:
    return [name for block in blocks for one in block.entries for name in one.ids]


@pytest.fixture
def store_in(queue: str, tmp_path: Path):
    """Open the same queue again and again; closed at the end of each block."""

    @asynccontextmanager
    async def opened(**knobs: int):
        store = await open_store(Knobs(queue=queue, **knobs), tmp_path)
        try:
            yield store
        finally:
            await store.close()

    return opened


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def test_messages_are_taken_in_the_order_they_were_put(store_in) -> None:
    async def test() -> None:
        async with store_in() as store:
            for first in range(5):
                await put(store, entry(first * 10, messages=3))
            taken = await store.take(EMAIL, 100)
            assert ids(taken) == [str(first * 10 + n) for first in range(5) for n in range(3)]
            assert await store.take(EMAIL, 100) == []

    run(test)


def test_an_entry_comes_back_as_it_was_put(store_in) -> None:
    async def test() -> None:
        kept = Entry("r-1", 1.5, "Ünïcode", ["a", "b"], [3, 9], bytes(range(256)))
        async with store_in() as store:
            await put(store, kept, lane=URGENT)
            assert (await store.take(URGENT, 1))[0].entries == [kept]

    run(test)


def test_lanes_do_not_mix(store_in) -> None:
    async def test() -> None:
        async with store_in() as store:
            await put(store, entry(1))
            await put(store, entry(2), lane=URGENT)
            assert ids(await store.take(URGENT, 10)) == ["2"]
            assert ids(await store.take(EMAIL, 10)) == ["1"]

    run(test)


def test_one_put_may_fill_several_lanes(store_in) -> None:
    async def test() -> None:
        async with store_in() as store:
            await store.put([(EMAIL, entry(1)), (URGENT, entry(2))], 2, 20)
            assert ids(await store.take(EMAIL, 10) + await store.take(URGENT, 10)) == ["1", "2"]

    run(test)


def test_what_is_put_together_shares_commits(store_in) -> None:
    async def test() -> None:
        async with store_in() as store:
            await asyncio.gather(*(put(store, entry(n)) for n in range(200)))
            blocks = await store.take(EMAIL, 1000)
            assert sorted(map(int, ids(blocks))) == list(range(200))
            assert len(blocks) <= 3

    run(test)


def test_a_block_takes_no_more_once_it_is_large(store_in) -> None:
    async def test() -> None:
        async with store_in() as store:
            await put(store, *(entry(n, size=BLOCK_BYTES // 2) for n in range(4)))
            assert [len(block.entries) for block in await store.take(EMAIL, 10)] == [2, 2]

    run(test)


def test_what_is_not_done_is_handed_out_again_after_a_restart_and_what_is_done_never(store_in) -> None:
    async def test() -> None:
        async with store_in() as store:
            for first in range(4):
                await put(store, entry(first))
            blocks = await store.take(EMAIL, 3)
            store.done(blocks[0])
        async with store_in() as store:
            assert (store.recovered, store.received, store.backlog()) == (3, 0, 3)
            assert ids(await store.take(EMAIL, 10)) == ["1", "2", "3"]

    run(test)


def test_every_message_is_in_exactly_one_count(store_in) -> None:
    async def test() -> None:
        async with store_in() as store:
            await put(store, entry(0, messages=7))
            await put(store, entry(10, messages=5), lane=URGENT)
            (block,) = await store.take(EMAIL, 1)
            assert store.backlog() == store.received == 12
            store.done(block)
            assert (store.received, store.finished, store.backlog()) == (12, 7, 5)

    run(test)


def test_a_full_queue_says_so_stores_nothing_and_takes_again_once_drained(store_in) -> None:
    async def test() -> None:
        async with store_in(queue_bound=10) as store:
            await put(store, entry(0, messages=8))
            with pytest.raises(QueueFull):
                await put(store, entry(10, messages=3))
            await put(store, entry(20, messages=2))
            blocks = await store.take(EMAIL, 10)
            assert [len(block.entries[0].ids) for block in blocks] == [8, 2]
            for block in blocks:
                store.done(block)
            await put(store, entry(30, messages=10))
            assert store.backlog() == 10

    run(test)


def test_the_bound_holds_for_what_arrives_at_once(store_in) -> None:
    async def test() -> None:
        async with store_in(queue_bound=50) as store:
            outcomes = await asyncio.gather(
                *(put(store, entry(n)) for n in range(80)), return_exceptions=True
            )
            assert sum(isinstance(outcome, QueueFull) for outcome in outcomes) == 30
            assert store.backlog() == 50

    run(test)


def test_bytes_are_bounded_too(store_in) -> None:
    async def test() -> None:
        async with store_in(queue_bytes=1024 * 1024) as store:
            await put(store, entry(0, size=700_000))
            with pytest.raises(QueueFull):
                await put(store, entry(1, size=700_000))
            assert store.backlog() == 1

    run(test)


def test_closing_commits_what_was_being_put(store_in) -> None:
    async def test() -> None:
        async with store_in() as store:
            putting = asyncio.create_task(put(store, entry(5)))
            await asyncio.sleep(0)
        await putting
        async with store_in() as store:
            assert ids(await store.take(EMAIL, 1)) == ["5"]
            await store.close()
            with pytest.raises(StoreFailed):
                await put(store, entry(6))

    run(test)


def test_a_killed_valkey_comes_back_with_everything_that_was_acknowledged(tmp_path, queue_servers) -> None:
    async def test() -> None:
        store = await open_store(Knobs(queue="valkey"), tmp_path)
        acknowledged: list[str] = []
        kills, tried = {20, 40}, 0
        while len(acknowledged) < 60:
            if len(acknowledged) in kills:
                kills.remove(len(acknowledged))
                os.kill(queue_servers(tmp_path)[0].pid, signal.SIGKILL)
            try:
                await put(store, entry(tried))
                acknowledged.append(str(tried))
            except StoreFailed:
                await asyncio.sleep(0.05)
            tried += 1
        found: list[str] = []
        while taken := await store.take(EMAIL, 1000):
            found += ids(taken)
        assert set(acknowledged) <= set(found)
        assert store.received + store.recovered == store.finished + store.backlog()
        socket_folder = Path(store.backend._server.socket).parent
        assert socket_folder.exists()
        await store.close()
        assert queue_servers(tmp_path) == []
        assert not socket_folder.exists()

    run(test)


def test_two_servers_never_write_the_same_files(tmp_path) -> None:
    async def test() -> None:
        first = await open_store(Knobs(queue="valkey"), tmp_path)
        await put(first, entry(1))
        with pytest.raises(UserError, match="another send API works on this queue"):
            await open_store(Knobs(queue="valkey"), tmp_path)
        await put(first, entry(2))
        assert first.backlog() == 2
        await first.close()

    run(test)
