"""The master's side by itself: messages in, messages out, a clock that the test holds."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.conductor import AHEAD_S, SILENT_S_MAX, Conductor
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.journal import Journal
from loadtests.replay.member import service_counts
from loadtests.replay.messages import Begin, Block, Ended, Message, Part, Ping
from loadtests.replay.records import SendRecords, Writer, read_records
from loadtests.replay.rows import FIELDS
from loadtests.replay.schedule import constant
from sim import histogram

SCHEDULE = constant(100.0, 8.0, batch=2)
START_NS = 50_000_000_000
SECOND_NS = 1_000_000_000


class Fleet:
    """Workers that answer everything handed to them 5 ms after it was due, as `step` moves the clock."""

    def __init__(self, folder: Path) -> None:
        self.handed: dict[str, list[int]] = {}
        self.counts: dict[str, np.ndarray] = {}
        self.now_ns = START_NS - SECOND_NS
        self._path = folder / "records.arrows"
        self._writer = Writer(self._path)
        names = (SCHEDULE.streams, SCHEDULE.channels, SCHEDULE.campaigns, ())
        self._begin = Begin(1, START_NS, SCHEDULE.duration_s, *names, "run", "{}", Bounds(drain_s=1.0))
        journal = Journal(SCHEDULE, START_NS, self._writer)
        self.conductor = Conductor(self._begin, SCHEDULE, 7, journal, self._sent)
        self._rows: dict[str, int] = {}
        self._parts: dict[str, np.ndarray] = {}
        self._over: set[str] = set()

    def join(self, worker: str) -> None:
        self.conductor.join(worker, self.now_ns)
        self.conductor.heard(worker, Ping(1, self.now_ns), self.now_ns)

    def step(self, seconds: float, silent: str = "") -> bool:
        """Move on in ticks of 0.1 s; True once it is over."""
        for _ in range(round(seconds * 10)):
            self.now_ns += SECOND_NS // 10
            for worker in self.handed:
                if worker != silent:
                    self._report(worker)
            if self.conductor.tick(self.now_ns):
                return True
        return False

    def records(self) -> SendRecords:
        self._writer.close(self.conductor.finish(self.now_ns))
        return read_records([self._path])

    def _sent(self, worker: str, message: Message) -> None:
        self.handed.setdefault(worker, [])
        if isinstance(message, Part):
            requests = np.frombuffer(message.request, dtype=np.int64)
            self.handed[worker].extend(requests.tolist())
            self._parts[worker] = np.append(self._parts.get(worker, np.empty(0, np.int64)), requests)
            due_ns = np.frombuffer(message.due_ns, dtype=np.int64)
            assert due_ns.tolist() == np.rint(SCHEDULE.due_s[requests] * 1e9).astype(np.int64).tolist()
            assert (np.frombuffer(message.first_id, dtype=np.int64) == 7 + 2 * requests).all()
            if message.over:
                self._over.add(worker)

    def _report(self, worker: str) -> None:
        mine = self._parts.get(worker, np.empty(0, np.int64))
        due_ns = START_NS + np.rint(SCHEDULE.due_s[mine] * 1e9).astype(np.int64)
        done = due_ns + 5_000_000 <= self.now_ns
        rows = np.zeros((int(done.sum()), FIELDS), dtype=np.int64)
        rows[:, 0], rows[:, 1], rows[:, 8] = mine[done], 1, 2
        rows[:, 2] = rows[:, 3] = due_ns[done]
        rows[:, 4], rows[:, 5], rows[:, 6] = due_ns[done] + 5_000_000, 202, Reply.ACCEPTED
        self._parts[worker] = mine[~done]
        self.counts[worker] = self.counts.get(worker, np.zeros(histogram.BINS)) + service_counts(rows)
        self._rows[worker] = self._rows.get(worker, 0) + len(rows)
        self.conductor.heard(worker, Block(1, rows.tobytes(), 0, 0), self.now_ns)
        if worker in self._over and not self._parts[worker].size:
            ended = Ended(1, self._rows[worker], self.counts[worker].tobytes())
            self.conductor.heard(worker, ended, self.now_ns)


def test_one_that_comes_late_carries_its_part_of_what_nobody_was_given_yet(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.join("early")
    fleet.step(4.0)
    before = set(fleet.handed["early"])
    fleet.join("late")
    assert fleet.step(10.0)
    first_s = SCHEDULE.due_s[min(fleet.handed["late"])]
    assert 3.0 + AHEAD_S - 1.0 <= first_s <= 3.0 + AHEAD_S + 1.0
    assert before.isdisjoint(fleet.handed["late"])
    assert sorted(fleet.handed["early"] + fleet.handed["late"]) == list(range(SCHEDULE.due_s.size))
    assert len(fleet.handed["late"]) == pytest.approx((SCHEDULE.due_s > first_s - 0.01).sum() / 2, abs=2)
    records = fleet.records()
    assert records.request.tolist() == list(range(SCHEDULE.due_s.size))
    assert (records.fault == Fault.NONE).all()


def test_what_a_silent_worker_was_given_is_lost_and_nothing_else(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.join("a")
    fleet.join("b")
    fleet.step(3.0)
    told = {r for r in fleet.handed["b"] if SCHEDULE.due_s[r] + 0.005 <= 2.0}
    assert fleet.step(12.0, silent="b")
    assert fleet.conductor.lost() == {"b"}
    records = fleet.records()
    assert records.request.tolist() == list(range(SCHEDULE.due_s.size))
    lost = set(records.request[records.fault == Fault.LOST_WORKER].tolist())
    assert lost == set(fleet.handed["b"]) - told
    assert SCHEDULE.due_s[max(lost)] < 2.0 + SILENT_S_MAX + AHEAD_S + 1.2
    assert fleet.conductor.complaints()[0] == "worker b was lost"


def test_the_masters_own_sleep_makes_nobody_lost(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.join("a")
    fleet.step(2.0)
    fleet.now_ns += 3 * SECOND_NS
    fleet.conductor.tick(fleet.now_ns)
    assert fleet.conductor.lost() == set()


def test_the_merged_histogram_is_the_union_of_the_parts_and_one_row_amiss_is_noticed(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.join("a")
    fleet.join("b")
    assert fleet.step(12.0)
    assert fleet.conductor.agrees
    assert fleet.conductor.complaints() == []
    records = fleet.records()
    merged = histogram.count(np.round(records.ended_s - records.started_s, 9))
    assert (merged == fleet.counts["a"] + fleet.counts["b"]).all()
    assert merged.sum() == SCHEDULE.due_s.size
    fleet.conductor.heard("a", Ended(1, 199, fleet.counts["a"].tobytes()), fleet.now_ns)
    assert not fleet.conductor.agrees
    assert "sent 199 rows, 200 arrived" in fleet.conductor.complaints()[0]


def test_nobody_at_all_loses_everything_and_still_accounts_for_it(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    assert fleet.step(12.0)
    records = fleet.records()
    assert (records.fault == Fault.LOST_WORKER).all()
    assert records.request.size == SCHEDULE.due_s.size


@pytest.mark.torture
def test_the_two_commands_of_the_readme_share_a_replay_and_take_in_one_that_comes_late(
    serve, answering, locust, tmp_path: Path
) -> None:
    server = serve(answering(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    file = Path(__file__).parents[3] / "loadtests" / "locustfile.py"
    records = tmp_path / "many.arrows"
    master = locust(
        file,
        *("--master", "--master-bind-port", port, "--expect-workers", "1", "--headless"),
        *("--rate", "100/s", "--for", "7s", "--target", f"sendgrid+http://127.0.0.1:{server.port}"),
        *("--records", str(records)),
    )
    worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    locust(file, *worker)
    while not server.requests:
        time.sleep(0.02)
    locust(file, *worker)
    out, _ = master.communicate(timeout=40)
    assert "due 700 = started 700 + dropped 0 + lost 0" in out
    assert read_records([records]).request.tolist() == list(range(700))
    assert len(server.requests) == 700
    assert out.count("reported as ready") == 2
