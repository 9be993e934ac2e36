"""Asks a target's status URL for a sample of a replay's messages until each is delivered, from a thread.

Of those whose turn it is the oldest is asked for first: a service that delivers in order is then seen to do
so within a few tenths of a second, however few requests are allowed. A message that is not delivered is asked
for less and less often.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from loadtests.arrivals import Found, run_number, stride
from loadtests.lookout import Lookout
from loadtests.passage import Watch
from loadtests.replay.launch import Began
from loadtests.standin.listening import FLUSH_S, RECORDS
from loadtests.standin.records import Outcome, Recorder, read_arrivals
from loadtests.targets.credentials import auth_headers
from loadtests.targets.delivery_words import Delivery
from loadtests.targets.far_reader import JsonReader
from loadtests.targets.pointers import value_at
from loadtests.targets.safety import Address

FOLDER = "polling"
AGAIN_S, AGAIN_GROWTH, AGAIN_S_MAX = 0.1, 1.3, 5.0
"""How soon a message is asked for again at first, by how much later each time, how late at most."""
GROWS = 20
"""So often at most it gets later: powers of hours of asking would be beyond any float."""
IDLE_S = 0.02


def again_s(tries: int) -> float:
    """In how many seconds a message is worth asking for again that was asked for `tries` times before."""
    return min(AGAIN_S * AGAIN_GROWTH ** min(tries, GROWS), AGAIN_S_MAX)


class Poller:
    """Follows plays as they begin. Times are monotonic."""

    def __init__(
        self,
        delivery: Delivery,
        base_path: str,
        address: Address,
        secrets: Mapping[str, str],
        ca_file: str,
        recorder: Recorder,
    ) -> None:
        self._delivery = delivery
        self._base_path = base_path
        self._reader = JsonReader(address, ca_file, auth_headers(delivery.auth, secrets))
        self._recorder = recorder
        self._lock = threading.Lock()
        self._later: list[tuple[float, int, str, int]] = []
        self._due: list[tuple[int, str, int]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._reader.close()
        self._recorder.close()

    def began(self, play: Began) -> None:
        """A replay has begun: its sample is followed from when each message is due."""
        due_s = np.repeat(play.schedule.due_s, play.schedule.messages)
        began_s = time.monotonic() - (time.time() - play.started_at)
        every = stride(due_s.size, self._delivery.sample)
        with self._lock:
            for at in range(0, due_s.size, every):
                entry = (began_s + float(due_s[at]), play.first_id + at, play.run, 0)
                heapq.heappush(self._later, entry)

    def _run(self) -> None:
        pause_s = 1.0 / self._delivery.rate
        next_s = flushed_s = time.monotonic()
        while not self._ended.is_set():
            now_s = time.monotonic()
            if now_s - flushed_s >= FLUSH_S:
                self._recorder.flush()
                flushed_s = now_s
            if now_s < next_s or not self._ask_one(now_s):
                self._ended.wait(min(IDLE_S, max(0.0, next_s - now_s)) or IDLE_S)
                continue
            next_s = max(next_s + pause_s, now_s)

    def _ask_one(self, now_s: float) -> bool:
        """Ask for the oldest message whose turn it is; False where it is nobody's."""
        with self._lock:
            while self._later and self._later[0][0] <= now_s:
                heapq.heappush(self._due, heapq.heappop(self._later)[1:])
            if not self._due:
                return False
            number, run, tries = heapq.heappop(self._due)
        said = self._status(run, number)
        if said in self._delivery.delivered or said in self._delivery.ended:
            outcome = Outcome.DELIVERED if said in self._delivery.delivered else Outcome.OTHER
            self._recorder.add(time.monotonic(), [Found(run_number(run), (number,))], [outcome], 200)
        else:
            with self._lock:
                heapq.heappush(self._later, (time.monotonic() + again_s(tries), number, run, tries + 1))
        return True

    def _status(self, run: str, number: int) -> object:
        document = self._reader.get(self._base_path + self._delivery.path_of(run, number))
        found = value_at(document, self._delivery.status)
        return found if isinstance(found, str) else None


@contextmanager
def polling(
    delivery: Delivery,
    base_path: str,
    address: Address,
    secrets: Mapping[str, str],
    ca_file: str,
    run_folder: Path,
) -> Iterator[tuple[Poller, Lookout]]:
    """A poller at work, and what it sees."""
    folder = run_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    records = folder / RECORDS
    asked = f"{delivery.path}, at most {delivery.sample} messages a replay and {delivery.rate:g} requests/s"
    watch = Watch(
        stand_in=f"status asked for at {asked}",
        limits="",
        settled=False,
        quiet_s=delivery.quiet,
        way="poll",
        place="the status URL",
    )
    with Poller(delivery, base_path, address, secrets, ca_file, Recorder(records)) as poller:
        yield (
            poller,
            Lookout(watch, delivery.settle, lambda: read_arrivals(records), lambda: True, delivery.sample),
        )
