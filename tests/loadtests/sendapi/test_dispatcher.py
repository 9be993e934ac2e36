"""The dispatcher: pace, priorities, expiry."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.dispatcher import Dispatcher
from loadtests.sendapi.knobs import Knobs, ProviderLimit
from loadtests.sendapi.opening import open_store
from loadtests.sendapi.pacing import chunk_of
from loadtests.sendapi.store import Store
from scenarios.providers import limit_of
from scenarios.words import CHANNELS

EMAIL = Lane("marketing", "email")
URGENT = Lane("transactional", "email")
SMS = Lane("marketing", "sms")


class NotingSink:
    """Notes when how many messages of which lane were delivered."""

    def __init__(self) -> None:
        self.notes: list[tuple[float, Lane, list[str]]] = []

    async def deliver(self, lane: Lane, entry: Entry, first: int, count: int) -> None:
        self.notes.append((time.monotonic(), lane, entry.ids[first : first + count]))

    def ids(self, *lanes: Lane) -> list[str]:
        return [name for _, lane, ids in self.notes if not lanes or lane in lanes for name in ids]


async def filled(folder: Path, *batches: tuple[Lane, int, float]) -> Store:
    """A store with one entry per (lane, messages, accepted at)."""
    store = await open_store(Knobs(queue="sqlite"), folder)
    for number, (lane, messages, accepted_s) in enumerate(batches):
        ids = [f"{number}.{n}" for n in range(messages)]
        await store.put([(lane, Entry(str(number), accepted_s, "", ids, [], b"body"))], messages, 4)
    return store


async def until(holds, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds() and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
    assert holds()


def provider(rate_per_s: float | None = None, burst: float | None = None) -> tuple[ProviderLimit, ...]:
    return (ProviderLimit("p", CHANNELS, rate_per_s, burst),)


def test_messages_leave_at_the_limit_after_its_burst(tmp_path) -> None:
    async def test() -> NotingSink:
        store, sink = await filled(tmp_path, (EMAIL, 1000, 0.0), (EMAIL, 1000, 0.0)), NotingSink()
        dispatcher = Dispatcher(store, sink, provider(500.0))
        dispatcher.start()
        await asyncio.sleep(2.1)
        await dispatcher.stop()
        await store.close()
        return sink

    sink = asyncio.run(test())
    start_s = sink.notes[0][0]
    sent = sum(len(ids) for at_s, _, ids in sink.notes if 0.1 <= at_s - start_s < 2.1)
    assert sent <= 1000 * 1.005 + chunk_of(provider(500.0)[0])
    assert sent >= 1000 * 0.95  # a stall of this machine longer than the burst loses tokens, as it should


def test_never_more_leave_than_burst_and_rate_allow_in_any_window(tmp_path) -> None:
    async def test() -> NotingSink:
        store, sink = await filled(tmp_path, (EMAIL, 900, 0.0)), NotingSink()
        dispatcher = Dispatcher(store, sink, provider(1000.0, 40.0))
        dispatcher.start()
        await until(lambda: len(sink.ids()) >= 600)
        await dispatcher.stop()
        await store.close()
        return sink

    notes = [(at_s, len(ids)) for at_s, _, ids in asyncio.run(test()).notes]
    for first in range(0, len(notes), 7):
        sent = 0
        for at_s, count in notes[first:]:
            sent += count
            # a note is written after the clock was read for the limit: the span may look shorter by that much
            assert sent <= 40 + 1000 * (at_s - notes[first][0] + 0.02)


def test_without_a_limit_thousands_leave_at_once(tmp_path) -> None:
    async def test() -> None:
        store, sink = await filled(tmp_path, *[(EMAIL, 1000, 0.0)] * 20), NotingSink()
        dispatcher = Dispatcher(store, sink, provider())
        dispatcher.start()
        await until(lambda: dispatcher.delivered == 20_000, within_s=30.0)
        await dispatcher.stop()
        assert store.backlog() == 0
        assert len(set(sink.ids())) == 20_000
        await store.close()

    asyncio.run(test())


def test_transactional_messages_overtake_a_backlog(tmp_path) -> None:
    async def test() -> None:
        store, sink = await filled(tmp_path, (EMAIL, 1000, 0.0)), NotingSink()
        dispatcher = Dispatcher(store, sink, provider(200.0, 1.0))
        dispatcher.start()
        await until(lambda: len(sink.ids()) >= 5)
        await store.put([(URGENT, Entry("u", 0.0, "", ["urgent"], [], b""))], 1, 0)
        before = len(sink.ids())
        await until(lambda: "urgent" in sink.ids())
        assert sink.ids().index("urgent") <= before + 20
        await dispatcher.stop()
        await store.close()

    asyncio.run(test())


def test_a_limit_on_one_channel_does_not_hold_up_another(tmp_path) -> None:
    async def test() -> None:
        store, sink = await filled(tmp_path, (EMAIL, 500, 0.0), (SMS, 500, 0.0)), NotingSink()
        slow = (ProviderLimit("mail", ("email",), 1.0), ProviderLimit("text", ("sms",)))
        dispatcher = Dispatcher(store, sink, slow)
        dispatcher.start()
        await until(lambda: len(sink.ids(SMS)) == 500)
        assert len(sink.ids(EMAIL)) <= 5
        await dispatcher.stop()
        await store.close()

    asyncio.run(test())


def test_stale_messages_expire_instead_of_being_sent(tmp_path) -> None:
    async def test() -> None:
        store, sink = await filled(tmp_path, (EMAIL, 30, 100.0), (EMAIL, 20, 160.0)), NotingSink()
        dispatcher = Dispatcher(store, sink, provider(), freshness_s=60.0, unix_clock=lambda: 170.0)
        dispatcher.start()
        await until(lambda: store.backlog() == 0)
        await dispatcher.stop()
        assert (dispatcher.expired, dispatcher.delivered) == (30, 20)
        assert {name.partition(".")[0] for name in sink.ids()} == {"1"}
        await store.close()

    asyncio.run(test())


def test_what_was_not_delivered_when_it_stopped_is_still_in_the_store(tmp_path) -> None:
    async def test() -> None:
        store, sink = await filled(tmp_path, (EMAIL, 10, 0.0), (EMAIL, 100, 0.0)), NotingSink()
        dispatcher = Dispatcher(store, sink, provider(100.0, 1.0))
        dispatcher.start()
        await until(lambda: len(sink.ids()) >= 15)
        await dispatcher.stop()
        await store.close()
        again = await open_store(Knobs(queue="sqlite"), tmp_path)
        assert again.recovered == 100
        await again.close()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("rate_per_s", "burst", "chunk"),
    [(None, None, 1000), (500.0, None, 2), (1.0, None, 1), (1e6, None, 1000), (9e3, 8.0, 8)],
)
def test_a_chunk_never_exceeds_the_burst(rate_per_s: float | None, burst: float | None, chunk: int) -> None:
    assert chunk_of(provider(rate_per_s, burst)[0]) == chunk


def test_limits_of_every_kind_are_kept_as_a_scenario_states_them(tmp_path) -> None:
    quota = limit_of({"kind": "rolling quota", "messages": 70, "window": "1h"})
    window = limit_of({"kind": "fixed window", "messages": 25, "window": "1s"})
    limited = (ProviderLimit("p", CHANNELS, limits=(quota, window)),)

    async def test() -> NotingSink:
        store, sink = await filled(tmp_path, (EMAIL, 300, 0.0)), NotingSink()
        dispatcher = Dispatcher(store, sink, limited)
        dispatcher.start()
        await until(lambda: len(sink.ids()) >= 70)
        await asyncio.sleep(0.3)
        await dispatcher.stop()
        await store.close()
        return sink

    sink = asyncio.run(test())
    assert len(sink.ids()) == 70
    assert sink.notes[-1][0] - sink.notes[0][0] >= 1.0  # 70 at 25 a second touch three windows
