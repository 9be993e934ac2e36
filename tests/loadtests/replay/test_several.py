"""Several addresses in one replay: each has its own connections; what one does is not the other's fate."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections import deque
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.conductor import Conductor
from loadtests.replay.fates import Reply
from loadtests.replay.journal import Journal
from loadtests.replay.kernel import plain_kernel
from loadtests.replay.launch import Engine
from loadtests.replay.member import Member
from loadtests.replay.messages import Begin, Message
from loadtests.replay.player import Surroundings
from loadtests.replay.records import SendRecords, Writer, read_records
from loadtests.replay.retrying import BUDGET_FLOOR
from loadtests.replay.schedule import Schedule, constant
from loadtests.replay.selftest import null_server, own_maximum
from loadtests.targets.target import Target, read_target
from tests.loadtests.replay.accounts import assert_accounted, faults

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
LIMITED = b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n"


def two_streams(rate_per_s: float, duration_s: float, batch: int = 1, pattern: str = "ab") -> Schedule:
    """A plain rate whose requests go to two streams in turns, as `pattern` says."""
    plain = constant(rate_per_s, duration_s, batch=batch)
    turns = np.array([ord(name) - ord("a") for name in pattern], dtype=np.int16)
    names = ("first", "second")
    stream = np.resize(turns, plain.due_s.size)
    return replace(plain, stream=stream, streams=names, channels=("email", "sms"), campaigns=names)


def of_stream(records: SendRecords, stream: int) -> SendRecords:
    """The rows of one stream."""
    rows = records.stream == stream
    columns = {name: value[rows] for name, value in vars(records).items() if isinstance(value, np.ndarray)}
    return replace(records, **columns)


def ids(requests: list[bytes]) -> list[int]:
    return sorted(int(body.split(b",")[0]) for body in requests)


def expected_ids(schedule: Schedule, stream: int) -> list[int]:
    first = np.cumsum(schedule.messages) - schedule.messages
    return first[schedule.stream == stream].tolist()


@pytest.mark.parametrize(("batch", "body_bytes"), [(1, 20), (2, 20), (5, 200)])
def test_each_address_gets_its_own_streams_with_the_ids_of_the_whole(
    serve, answering, replay, batch: int, body_bytes: int
) -> None:
    schedule = two_streams(2000.0, 0.5, batch, "aabab")
    servers = [serve(answering(ACCEPTED)) for _ in range(2)]
    records = replay([one.port for one in servers], schedule, body_bytes=body_bytes)
    assert_accounted(records, schedule.due_s.size)
    assert faults(records) == {"NONE": schedule.due_s.size}
    assert np.array_equal(records.accepted, schedule.messages)
    for stream, server in enumerate(servers):
        assert ids(server.requests) == expected_ids(schedule, stream)


def test_an_address_that_dies_leaves_the_rows_of_the_other_untouched(serve, answering, replay) -> None:
    schedule = two_streams(400.0, 1.0)
    healthy, dying = serve(answering(ACCEPTED)), serve(answering(ACCEPTED))
    threading.Timer(0.4, dying.close).start()
    records = replay([healthy.port, dying.port], schedule)
    assert_accounted(records, 400)
    first, second = of_stream(records, 0), of_stream(records, 1)
    assert first.request.size == 200
    assert (first.attempt == 1).all()
    assert (first.reply == Reply.ACCEPTED).all()
    assert faults(first) == {"NONE": 200}
    assert ids(healthy.requests) == expected_ids(schedule, 0)
    lost = faults(second)
    assert lost.pop("NONE") >= 20
    assert sum(lost.values()) >= 50
    assert set(lost) <= {"REFUSED", "RESET", "CLOSED_EARLY"}


def test_an_address_that_never_answers_keeps_no_connection_from_the_other(serve, answering, replay) -> None:
    """One connection to each: what waits for the silent one is dropped in time, the other's is not."""

    def silent(server, sock: socket.socket) -> None:
        while sock.recv(65536):
            pass

    schedule = two_streams(200.0, 0.5)
    healthy, mute = serve(answering(ACCEPTED)), serve(silent)
    bounds = Bounds(connections=1, timeout_s=1.5, drain_s=5.0)
    records = replay([healthy.port, mute.port], schedule, bounds)
    assert_accounted(records, 100)
    assert faults(of_stream(records, 0)) == {"NONE": 50}
    assert set(faults(of_stream(records, 1))) == {"TIMEOUT", "DROPPED_NO_CONNECTION"}
    assert healthy.connections == 1


def test_a_replay_that_is_stopped_accounts_for_what_was_due_at_each_address(serve, answering, replay) -> None:
    schedule = two_streams(3000.0, 5.0, pattern="aaab")
    servers = [serve(answering(ACCEPTED)) for _ in range(2)]
    records = replay([one.port for one in servers], schedule, stop_after_s=0.4)
    due = int(np.searchsorted(schedule.due_s, records.duration_s, side="right"))
    assert 0.3 < records.duration_s < 5.0
    assert_accounted(records, records.request.size)
    # the clock is read once more between the last due send and the end
    assert abs(records.request.size - due) <= 1
    assert set(faults(records)) <= {"NONE", "UNANSWERED", "DROPPED_RUN_ENDED"}


def test_more_than_one_turn_can_take_is_accounted_for_when_it_is_stopped_at_once(
    serve, answering, replay
) -> None:
    """All due at time 0: the stop comes when the upcoming sends are taken and more of the agenda is due."""
    burst = constant(2_000_000.0, 0.005)
    late = replace(burst, duration_s=5.0)
    records = replay(serve(answering(ACCEPTED)).port, late, Bounds(connections=1), stop_after_s=0.03)
    assert_accounted(records, 10_000)


def test_each_address_has_a_retry_budget_of_its_own(serve, answering, replay) -> None:
    schedule = two_streams(1000.0, 0.4, pattern="aaab")
    refusing, healthy = serve(answering(LIMITED)), serve(answering(ACCEPTED))
    bounds = Bounds(retries=1, retry_budget_share=0.1, drain_s=3.0)
    records = replay([refusing.port, healthy.port], schedule, bounds)
    assert_accounted(records, 400)
    retried = int((of_stream(records, 0).attempt == 2).sum())
    assert BUDGET_FLOOR < retried <= 0.1 * 300
    assert faults(of_stream(records, 1)) == {"NONE": 100}


OPERATION = """
[[operation]]
name = "{name}"
carries = ["{channel}"]
base_url = "{url}"
path = "/send"
[operation.body]
template = '{{"id":"{{{{message_id}}}}"}}'
"""


def target_file(folder: Path, first: str, second: str, more: str = "") -> Target:
    text = f'base_url = "{first}"\n{more}\n'
    text += OPERATION.format(name="mails", channel="email", url=first)
    text += OPERATION.format(name="texts", channel="sms", url=second)
    path = folder / "target.toml"
    path.write_text(text)
    return read_target(path)


def has_ipv6() -> bool:
    """Whether this machine's loopback has it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_locust_replays_a_target_file_whose_operations_live_at_two_addresses(
    serve, answering, certified, tmp_path: Path
) -> None:
    """One in the clear, one over TLS and IPv6; the generator tests itself without a word to either."""
    shutil.copy(certified.ca, tmp_path / "ours.pem")
    mails = serve(answering(ACCEPTED))
    host, there = ("::1", "[::1]") if has_ipv6() else ("127.0.0.1", "localhost")
    texts = serve(answering(ACCEPTED), certified.server(), host)
    urls = (f"http://127.0.0.1:{mails.port}", f"https://{there}:{texts.port}")
    target = target_file(tmp_path, *urls, 'ca_file = "ours.pem"')
    schedule = two_streams(400.0, 0.5, pattern="aab")
    with Engine(target, tmp_path / "records") as engine:
        own = own_maximum(
            engine,
            tmp_path,
            batch=1,
            budget_s=1.0,
            mix=lambda s: replace(schedule, due_s=schedule.due_s / 1e3),
        )
        with null_server(tmp_path / "null.log", tls=engine.over_tls) as stand_in:
            tested = engine.play_at(stand_in, schedule, "as it tests itself")
        records = engine.play(schedule, "both")
    assert own.per_s > 100.0
    assert faults(tested) == {"NONE": 200}
    assert records.complete
    assert_accounted(records, 200)
    assert faults(records) == {"NONE": 200}
    assert (len(mails.requests), len(texts.requests)) == (134, 66)


class Together:
    """A conductor and its members in threads of this process, without Locust."""

    def __init__(self, target: Target, schedule: Schedule, path: Path, members: int) -> None:
        start_ns = time.monotonic_ns() + 800_000_000
        names = (schedule.streams, schedule.channels, schedule.campaigns, schedule.priorities)
        given = target.model_dump_json(by_alias=True)
        begin = Begin(1, start_ns, schedule.duration_s, *names, "run", given, Bounds(drain_s=2.0))
        self._path = path
        self._writer = Writer(path)
        journal = Journal(schedule, start_ns, self._writer)
        self.conductor = Conductor(begin, schedule, 0, journal, self._to_member)
        self._inbox: list[tuple[str, Message]] = []
        self._lock = threading.Lock()
        self._for: dict[str, deque[Message]] = {f"m{at}": deque() for at in range(members)}
        self._members = {f"m{at}": self._member(f"m{at}", begin) for at in range(members)}

    def _member(self, name: str, begin: Begin) -> Member:
        def breathe(pause_s: float = 0.0) -> None:
            time.sleep(pause_s)
            while self._for[name]:
                member.take(self._for[name].popleft())

        member = Member(begin, Surroundings(plain_kernel(), breathe), partial(self._heard, name), breathe)
        return member

    def _heard(self, name: str, message: Message) -> None:
        with self._lock:
            self._inbox.append((name, message))

    def _to_member(self, name: str, message: Message) -> None:
        if not isinstance(message, Begin):
            self._for[name].append(message)

    def play(self) -> SendRecords:
        for name, member in self._members.items():
            self.conductor.join(name, time.monotonic_ns())
            threading.Thread(target=member.run, daemon=True).start()
        ticked_s, over = 0.0, False
        while not over:
            with self._lock:
                came, self._inbox = self._inbox, []
            for name, message in came:
                self.conductor.heard(name, message, time.monotonic_ns())
            if time.monotonic() > ticked_s + 0.05:
                ticked_s, over = time.monotonic(), self.conductor.tick(time.monotonic_ns())
            time.sleep(0.002)
        self._writer.close(self.conductor.finish(time.monotonic_ns()))
        return read_records([self._path])


def test_the_workers_of_a_fleet_carry_their_shares_to_both_addresses(
    serve, answering, tmp_path: Path
) -> None:
    servers = [serve(answering(ACCEPTED)) for _ in range(2)]
    target = target_file(tmp_path, *(f"http://127.0.0.1:{one.port}" for one in servers))
    schedule = two_streams(300.0, 2.0, pattern="aab")
    together = Together(target, schedule, tmp_path / "records.arrows", members=2)
    records = together.play()
    assert together.conductor.complaints() == []
    assert records.request.tolist() == list(range(600))
    assert faults(records) == {"NONE": 600}
    assert [len(one.requests) for one in servers] == [400, 200]
