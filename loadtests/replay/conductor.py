"""The master of a fleet: hands out a replay second by second, gathers what came of it, accounts for the lost.

Knows nothing of Locust and holds no clock: messages come and go, `tick` is called ten times a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from loadtests.replay.fates import Fault
from loadtests.replay.journal import Journal
from loadtests.replay.live import Figures
from loadtests.replay.member import service_counts
from loadtests.replay.messages import Begin, Block, End, Ended, Message, Part, Ping, Pong
from loadtests.replay.rows import FIELDS, RawRows
from loadtests.replay.schedule import Schedule
from loadtests.replay.shares import Share, Shares
from sim import histogram

AHEAD_S = 1.5
"""How long before a slice begins it is handed out: more than any delay, and no more is lost with a worker."""
READY_S = 0.3
"""Before time 0 the conductor waits for all workers, until only this is left."""
SILENT_S_MAX = 2.0
"""A worker that plays speaks five times a second; one that is silent for so long is lost."""
LOADING_S_MAX = 10.0
"""One that has not asked for the time yet may still load its code; nothing is handed to it meanwhile."""
PAUSE_S_MAX = 0.7
"""A tick so late means that we slept ourselves: the silence of the others says nothing then."""


@dataclass
class _Worker:
    """What the master knows of one. ready: it asked for the time; ended: its last word; lost: too silent."""

    heard_ns: int
    ready: bool = False
    ended: Ended | None = None
    lost: bool = False
    in_flight: int = 0
    waiting: int = 0
    rows: int = 0
    counts: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(histogram.BINS))

    @property
    def present(self) -> bool:
        return self.ready and not self.lost and self.ended is None


class Conductor:
    """One replay by many workers. Each due request gets its row: its worker's, or LOST_WORKER at the end."""

    def __init__(
        self,
        begin: Begin,
        schedule: Schedule,
        first_id: int,
        journal: Journal,
        send: Callable[[str, Message], None],
    ) -> None:
        self._begin = begin
        self._schedule = schedule
        self._journal = journal
        self._send = send
        self._shares = Shares(schedule.due_s, schedule.duration_s)
        messages = schedule.messages.astype(np.int64)
        self._messages = messages
        self._ids = first_id + np.cumsum(messages) - messages
        self._seen = np.zeros(schedule.due_s.size, dtype=bool)
        self._workers: dict[str, _Worker] = {}
        self._ticked_ns = self._stopped_ns = self._spoke_ns = 0

    def join(self, worker: str, now_ns: int) -> None:
        """A worker is there: it carries its share of what nobody was given yet."""
        self._workers[worker] = _Worker(now_ns)
        self._send(worker, self._begin)

    def heard(self, worker: str, message: Message, now_ns: int) -> None:
        """A worker's message. What one says after it was given up is not counted: it was counted as lost."""
        one = self._workers.get(worker)
        if one is None or one.lost or message.play != self._begin.play:
            return
        one.heard_ns = now_ns
        match message:
            case Ping():
                one.ready = True
                self._send(worker, Pong(message.play, message.sent_ns, now_ns))
            case Block():
                one.in_flight, one.waiting = message.in_flight, message.waiting
                self._take(one, np.frombuffer(message.rows, dtype=np.int64).reshape(-1, FIELDS), now_ns)
            case Ended():
                one.ended = message
                one.in_flight = one.waiting = 0

    def tick(self, now_ns: int) -> bool:
        """Hand out what is soon due, give up who is silent; True once nothing more can come."""
        self._give_up_the_silent(now_ns)
        if not self._stopped_ns:
            self._hand_out(now_ns)
        if all(one.lost or one.ended for one in self._workers.values()):
            return self._stopped_ns > 0 or self._shares.over or now_ns > self._end_ns
        return False

    def stop(self, now_ns: int) -> None:
        """End it: nothing more is handed out, what is under way is left."""
        self._stopped_ns = self._stopped_ns or now_ns
        for worker in self._workers:
            self._send(worker, End(self._begin.play))

    def finish(self, now_ns: int) -> float:
        """Account for every request due and not heard of; seconds of the schedule that were played."""
        duration_s = self._schedule.duration_s
        if self._stopped_ns:
            # Every worker stops later than that: what was due by then is accounted for by all of them.
            duration_s = min(duration_s, max(0.0, (self._stopped_ns - self._begin.start_ns) / 1e9))
        lost = np.flatnonzero(~self._seen & (self._schedule.due_s < duration_s))
        if lost.size:
            rows = np.zeros((lost.size, FIELDS), dtype=np.int64)
            rows[:, 0] = lost
            rows[:, 1] = 1
            rows[:, 7] = Fault.LOST_WORKER
            self._seen[lost] = True
            self._journal.take(rows, now_ns)
        return duration_s

    def figures(self, now_ns: int) -> Figures:
        """How it goes."""
        at_s = (now_ns - self._begin.start_ns) / 1e9
        in_flight = sum(one.in_flight for one in self._workers.values())
        return self._journal.live.figures(at_s, in_flight, sum(one.waiting for one in self._workers.values()))

    @property
    def agrees(self) -> bool:
        """Whether everything that a worker says it did arrived as it was, lost workers apart."""
        return all(_agree(one, one.ended) for one in self._workers.values() if one.ended is not None)

    def lost(self) -> set[str]:
        """Workers that fell silent."""
        return {name for name, one in self._workers.items() if one.lost}

    def complaints(self) -> list[str]:
        """Every reason why the records are not what the workers did, in words."""
        found = []
        for name, one in self._workers.items():
            if one.lost:
                found.append(f"worker {name} was lost")
            elif one.ended is not None and one.ended.error:
                found.append(f"worker {name} gave up: {one.ended.error}")
            elif one.ended is not None and not _agree(one, one.ended):
                found.append(f"worker {name} sent {one.ended.rows} rows, {one.rows} arrived as they were")
        return found

    @property
    def _end_ns(self) -> int:
        return self._begin.start_ns + int((self._schedule.duration_s + self._begin.bounds.drain_s) * 1e9)

    def _give_up_the_silent(self, now_ns: int) -> None:
        if self._ticked_ns and now_ns - self._ticked_ns > PAUSE_S_MAX * 1e9:
            for one in self._workers.values():
                one.heard_ns = now_ns
        self._ticked_ns = now_ns
        for worker, one in self._workers.items():
            silent_ns = now_ns - max(one.heard_ns, self._begin.start_ns if one.ready else 0)
            most_s = SILENT_S_MAX if one.ready else LOADING_S_MAX
            if not one.lost and one.ended is None and silent_ns > most_s * 1e9:
                one.lost = True
                one.in_flight = one.waiting = 0
                self._send(worker, End(self._begin.play))

    def _hand_out(self, now_ns: int) -> None:
        at_s = (now_ns - self._begin.start_ns) / 1e9
        if at_s < -READY_S and not all(one.ready for one in self._workers.values()):
            return
        present = [name for name, one in self._workers.items() if one.present]
        was_over = self._shares.over
        for share in self._shares.hand_out(at_s + AHEAD_S, present):
            self._send(share.worker, self._part(share, over=False))
        if self._shares.over and not was_over:
            self._spoke_ns = 0
        if now_ns - self._spoke_ns > 1e9:
            # A word a second: that we live, and to late ones that nothing is left for them.
            self._spoke_ns = now_ns
            for name in present:
                nothing = Share(name, np.empty(0, dtype=np.int64), at_s)
                self._send(name, self._part(nothing, over=self._shares.over))

    def _part(self, share: Share, *, over: bool) -> Part:
        of = share.requests
        columns = (
            of,
            np.rint(self._schedule.due_s[of] * 1e9).astype(np.int64),
            self._ids[of],
            self._messages[of],
            self._schedule.stream[of].astype(np.int64),
        )
        request, due_ns, first_id, messages, stream = (column.tobytes() for column in columns)
        return Part(self._begin.play, request, due_ns, first_id, messages, stream, over)

    def _take(self, one: _Worker, rows: RawRows, now_ns: int) -> None:
        one.rows += len(rows)
        one.counts += service_counts(rows)
        self._seen[rows[:, 0]] = True
        self._journal.take(rows, now_ns)


def _agree(one: _Worker, ended: Ended) -> bool:
    counts = np.frombuffer(ended.service_counts, dtype=np.float64)
    return ended.rows == one.rows and np.array_equal(counts, one.counts)
