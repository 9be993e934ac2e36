"""What the send API's benchmarks stand on: API and generator with their CPU time, and what the disk kept."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from loadtests.replay.bounds import Bounds
from loadtests.replay.launch import Engine
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule
from loadtests.sendapi.blocks import LANES, unpacked
from loadtests.sendapi.formats import Accepted, read
from loadtests.sendapi.server import Running
from loadtests.sendapi.valkeyqueue import own_queue
from loadtests.sendapi.valkeyserver import ValkeyServer
from loadtests.targets.target import Target

GIBIBYTE = 1 << 30


def processes(api: Running, engine: Engine) -> dict[str, psutil.Process]:
    """Everything that works while load runs, by name."""
    root = psutil.Process(api.child.process.pid)
    # a second one is the first one's child, which rewrites its file
    servers = (p for p in root.children(recursive=True) if "valkey" in p.name())
    queue = min(servers, key=psutil.Process.create_time)
    return {"send API": root, "Valkey": queue, "generator": psutil.Process(engine.pid)}


@dataclass(frozen=True)
class Run:
    """One play. cpu_s: CPU seconds of each process while it ran; load: the machine's average before."""

    records: SendRecords
    cpu_s: dict[str, float]
    load: float

    @property
    def accepted(self) -> int:
        """Messages that were answered 202."""
        return int(self.records.accepted.sum())

    @property
    def span_s(self) -> float:
        """From the first request's start to the last answer."""
        return float(self.records.ended_s.max() - self.records.started_s.min())

    def told(self, what: str, a: str, times: float) -> str:
        """Figures of a run as a line; CPU for each of `a`, which the run made `times`."""
        cpu = ", ".join(f"{name} {cpu_s / times:.1f}" for name, cpu_s in self.cpu_s.items())
        per_s = self.accepted / self.span_s
        meanwhile = f"over {self.span_s:.1f} s; load {self.load:.1f}"
        return f"  {what:30s} {per_s:10,.0f} messages/s {meanwhile}; {a}: {cpu}"


@contextmanager
def generator(target: Target, folder: Path, connections: int) -> Iterator[Engine]:
    bounds = Bounds(connections=connections, timeout_s=120.0, drain_s=60.0)
    with Engine(target, folder, bounds=bounds) as engine:
        yield engine


def played(api: Running, engine: Engine, schedule: Schedule, name: str) -> Run:
    """Play it; nothing may be refused, fail or be left out."""
    load, everybody = os.getloadavg()[0], processes(api, engine)
    before = {who: sum(process.cpu_times()[:2]) for who, process in everybody.items()}
    records = engine.play(schedule, name)
    cpu_s = {who: sum(process.cpu_times()[:2]) - before[who] for who, process in everybody.items()}
    assert np.array_equal(records.accepted, records.messages), "some message was not accepted"
    assert np.array_equal(np.sort(records.request), np.arange(schedule.due_s.size))
    return Run(records, cpu_s, load)


class Ticks:
    """Ids of one run, `RUN-000000000042`, ticked off one by one."""

    def __init__(self, messages: int) -> None:
        self.seen: npt.NDArray[np.uint8] = np.zeros(messages, np.uint8)
        self.repeated = 0
        self._stem = ""

    def add(self, ids: list[str]) -> None:
        """Tick them off. Raises where one is of another run or beyond what was sent."""
        stem, length = ids[0][:-12], len(ids[0])
        self._stem = self._stem or stem
        rows = np.frombuffer("".join(ids).encode(), np.uint8).reshape(len(ids), length)
        assert stem == self._stem
        assert (rows[:, :-12] == np.frombuffer(stem.encode(), np.uint8)).all()
        numbers = (rows[:, -12:] - ord("0")) @ 10 ** np.arange(11, -1, -1, dtype=np.int64)
        assert np.unique(numbers).size == numbers.size
        self.repeated += int(self.seen[numbers].sum())
        self.seen[numbers] = 1


def read_back(folder: Path, messages: int) -> Ticks:
    """Every id that the append-only file gives back to a server started on it, and that its bodies hold."""
    return asyncio.run(_read_back(folder, messages))


async def _read_back(folder: Path, messages: int) -> Ticks:
    ticks = Ticks(messages)
    queue = await own_queue(ValkeyServer(folder / "queue" / "valkey", 8 * GIBIBYTE), durable=True)
    try:
        for lane in LANES:
            cursor = b""
            while stored := await queue.read(lane, cursor, 64):
                cursor = stored[-1].key
                for entry in (entry for one in stored for entry in unpacked(lane, one).entries):
                    ticks.add(entry.ids)
                    request = read(entry.body, "")
                    assert isinstance(request, Accepted)
                    assert request.groups[0].ids == entry.ids
    finally:
        await queue.close()
    return ticks


def synced_bytes_per_s(folder: Path, size: int, for_s: float = 2.0) -> tuple[float, float]:
    """(writes/s, bytes/s) of plain write + fdatasync of `size` bytes in `folder`: what the disk allows."""
    block, writes = os.urandom(size), 0
    file = os.open(folder / "synced", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    try:
        began_s = time.monotonic()
        while (took_s := time.monotonic() - began_s) < for_s:
            os.write(file, block)
            os.fdatasync(file)
            writes += 1
    finally:
        os.close(file)
        (folder / "synced").unlink()
    return writes / took_s, writes * size / took_s


def drained(api: Running, within_s: float) -> None:
    """Wait until nothing waits in the queue."""
    deadline = time.monotonic() + within_s
    while api.health().backlog:
        assert time.monotonic() < deadline, "the queue is not drained"
        time.sleep(0.1)
