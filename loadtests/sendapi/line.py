"""Posts what became of messages to one URL on this machine: batched, in order, tried again.

Events are kept in memory only. EVENTS_MAX of them may wait; beyond, the oldest are given up and counted.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import Fate
from loadtests.sendapi.exits import on_this_machine
from loadtests.sendapi.loopback import Loopback, Unanswered
from loadtests.sendapi.posts import Happened, Post, Signing, posts
from scenarios.pipeline import Retries
from sim.pipeline.retries import backoff_range_s

BATCH_S = 0.1
"""Events wait this long for others to travel with."""
BATCH_MAX = 1000
EVENTS_MAX = 200_000
TIMEOUT_S = 10.0
RETRIES = Retries.model_validate({"attempts": 10, "backoff": "500ms", "cap": "30s"})

log = logging.getLogger("peakday.sendapi")


class Line:
    """To one URL."""

    def __init__(self, signing: Signing, clock: Callable[[], float] = time.time, seed: int = 1) -> None:
        self.posted = 0
        self.given_up = 0
        self._signing = signing
        self._clock = clock
        self._random = random.Random(seed)
        parts = urlsplit(signing.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._head = f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        base = f"{parts.scheme}://{parts.netloc}"
        self._client = Loopback(on_this_machine(base, "webhook"), TIMEOUT_S)
        self._waiting: deque[Happened] = deque()
        self._events = 0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Events that are still to be posted."""
        return self._events

    def told(self, lane: Lane, entry: Entry, places: Sequence[int], fate: Fate, attempt: int) -> None:
        """Keep it for the next post."""
        self._waiting.append(Happened(lane, entry, places, fate, attempt, self._clock()))
        self._events += len(places)
        while self._events > EVENTS_MAX:
            oldest = self._waiting.popleft()
            self._events -= len(oldest.places)
            self.given_up += len(oldest.places)
        self._arrived.set()

    def start(self) -> None:
        """Begin to post."""
        self._task = asyncio.create_task(self._post_for_ever(), name="webhook")

    async def stop(self, longest_s: float) -> None:
        """Post what waits, `longest_s` at most, and leave."""
        if self._task is None:
            return
        ends_s = time.monotonic() + longest_s
        while self._events and time.monotonic() < ends_s and not self._task.done():
            await asyncio.sleep(BATCH_S / 4)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._client.close_idle()

    async def _post_for_ever(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(BATCH_S)
            self._arrived.clear()
            while self._waiting:
                batch = self._batch()
                for post in posts(batch, self._signing, self._clock()):
                    await self._deliver(post)
                self._events -= sum(len(one.places) for one in batch)

    def _batch(self) -> list[Happened]:
        """The oldest, up to BATCH_MAX events (one entry may hold that many by itself)."""
        batch, events = [self._waiting.popleft()], 0
        while self._waiting and (events := events + len(batch[-1].places)) < BATCH_MAX:
            batch.append(self._waiting.popleft())
        return batch

    async def _deliver(self, post: Post) -> None:
        """Until it is taken, or the attempts are used up."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in post.headers.items())
        head = f"{self._head}{lines}Content-Length: {len(post.body)}\r\n\r\n"
        for attempt in range(1, RETRIES.attempts + 1):
            refused = await self._ask(head.encode() + post.body)
            if not refused:
                self.posted += post.events
                return
            if attempt < RETRIES.attempts:
                await asyncio.sleep(self._random.uniform(*backoff_range_s(RETRIES, attempt)))
        log.warning("the webhook did not take %d events: %s", post.events, refused)
        self.given_up += post.events

    async def _ask(self, request: bytes) -> str:
        """Why it was not taken; "" where it was."""
        try:
            response = await self._client.ask(request)
        except Unanswered as error:
            return str(error)
        return "" if 200 <= response.status < 300 else f"status {response.status}"
