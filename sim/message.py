"""The message resolution: every message is an entity of a SimPy environment. Exact, and the referee.

SimPy's own events carry it, without a process per message: a worker is one event, used again for every
service; a backoff and a triggered send are one event each. Newcomers, whose moments are known ahead, come in
between two events.
"""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simpy
from simpy.events import NORMAL, URGENT, Event

from scenarios.catalogue import Loaded
from scenarios.scenario import Scenario
from sim.closing import Books, Stopwatch, close, open_books
from sim.crowd import Crowd, queue_of
from sim.diary import Diary
from sim.echoes import with_echoes, without_echoes
from sim.handover import Delivered, Follows, Handover
from sim.ledger import Ledger
from sim.outcome import Outcome
from sim.pipeline.crews import crew_for
from sim.pipeline.eras import Era, eras
from sim.pipeline.happenings import Callbacks, Happening
from sim.pipeline.queues import Message
from sim.pipeline.redelivery import forgets
from sim.progress import Interrupted, Watcher
from sim.season.response import Answers
from sim.season.upstream import Upstream, held_up
from sim.seeds import stream as random_stream
from sim.standing import levels
from sim.tenants import Group, groups_of
from sim.traffic import Traffic, at_door, with_triggered

Newcomer = tuple[int, float, float]
"""Row of the crowd, when it is due, when it is at the door."""
_NOBODY: Newcomer = (0, math.inf, math.inf)
"""Whom the last newcomer of a season is followed by."""
DRAWN_BINS = 60
"""Bins whose newcomers are drawn at once."""
WINDOW_BINS = 60
"""Bins between two looks at the books, so that a window's happenings take little memory; no result depends on
it."""
QUIET_WINDOW_BINS, QUIET = 600, 20_000
"""As many where they hold at most so many newcomers: a look costs as much as 100 messages."""
_STEPS = 10_000
"""SimPy events between two looks at the watcher: about 0.03 s."""

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class _Engine:
    """One run. All callbacks read the clock from the environment, all randomness from named streams."""

    def __init__(self, loaded: Loaded, traffic: Traffic, seed: int) -> None:
        scenario = loaded.scenario
        self._offered, self._own = traffic, len(traffic.streams)
        self._traffic = traffic = with_echoes(traffic) if forgets(scenario) else traffic
        self._crowd = Crowd(scenario, traffic.streams, seed)
        rows = self._crowd.rows
        self._bin_s, self._end_s = traffic.bin_s, traffic.duration_s
        self._env, self._scenario = simpy.Environment(), scenario
        self._freshness_s = [stream.freshness_s for stream in rows]
        self.diary = Diary(np.array(self._freshness_s), traffic.bin_s, self._crowd)
        self._queue = queue_of(scenario, rows, seed)
        self._away = [0] * len(rows)
        self._on_triggered: Callbacks = [self._triggered]
        self._answers = Answers(scenario, traffic.streams, seed)
        self.customers = self._answers.customers
        answered = [any_ and i < self._own for i, any_ in enumerate(self._answers.answered)]
        answering = [
            self._answering(row) if any_ else None for row, any_ in enumerate(self._crowd.each_row(answered))
        ]
        follows = Follows(self._set_back, [self._back], answering)
        self._handover = Handover(self._env, scenario, rows, seed, self.diary, follows)
        if scenario.faults:
            self._await_faults(scenario)
        self._crew = crew_for(scenario)(
            self._env,
            scenario,
            traffic,
            self._queue,
            self.diary,
            self._handover.ask,
            random_stream(seed, "workers"),
        )
        self._crew.attach(follows, self._away, seed)
        self._arrive = self._crew.arrive_aged if scenario.upstream else self._crew.arrive
        self._due = random_stream(seed, "due")
        self._upstream = Upstream(scenario, traffic.streams, seed)
        drawn = map(self._drawn, range(0, traffic.counts.shape[1], DRAWN_BINS))
        self._newcomers = chain(chain.from_iterable(drawn), repeat(_NOBODY))
        self._ahead = next(self._newcomers)
        self._triggered_counts = np.zeros(traffic.counts.shape, dtype=np.int64)

    def _await_faults(self, scenario: Scenario) -> None:
        for era in eras(scenario, self._traffic.counts.shape[1], self._bin_s):
            begins = Happening(self._env, [partial(self._enter, era)])
            self._env.schedule(begins, URGENT, era.first_bin * self._bin_s)

    def run(self, ledger: Ledger, watcher: Watcher) -> None:
        """The whole season into `ledger`."""
        bins = self._traffic.counts.shape[1]
        for first, n in _windows(self._traffic.per_bin()):
            self._advance(min((first + n) * self._bin_s, self._end_s), watcher)
            self.diary.expired.drain(self._queue.expired)
            self.diary.dropped.drain(self._queue.dropped)
            page = self.diary.close(first, n, self._crew.in_service())
            busy = self._crew.busy_share(page.busy_s, first, self._bin_s)
            counts, own = page.counts, slice(self._own)
            if len(self._traffic.streams) > self._own:
                counts = without_echoes(counts, self._own)
            told = levels(ledger.in_hand(), counts, page.standing[own])
            ledger.post(first, counts, told, self._held()[own], busy)
            watcher.tell("simulate", first + n, bins, "every message")

    def traffic(self) -> Traffic:
        """The traffic with the sends that customers triggered."""
        rows = [i for i, s in enumerate(self._offered.streams) if s.cause == "trigger"]
        return with_triggered(self._offered, rows, self._triggered_counts[rows])

    def delay_counts(self) -> Floats:
        """float64 (streams, BINS)."""
        return self._crowd.by_stream(self.diary.delay_counts)[: self._own]

    def groups(self) -> tuple[Group, ...]:
        """What became of each group of tenants; none without."""
        by_group, own = self._crowd.by_group, self._own * self._crowd.width
        told = self.diary.totals[..., None]
        totals = by_group(without_echoes(told, own) if told.shape[1] > own else told)[..., 0]
        return groups_of(self._scenario, totals, by_group(self.diary.delay_counts[:own]))

    def _drawn(self, first: int) -> Iterator[Newcomer]:
        """The newcomers of DRAWN_BINS: due evenly at random within their bins, then upstream for a while."""
        counts = self._traffic.counts[:, first : first + DRAWN_BINS]
        streams = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
        own = np.arange(first, first + counts.shape[1])
        bins = np.repeat(np.tile(own, len(counts)), counts.ravel())
        due_s = door_s = (bins + self._due.random(len(bins))) * self._bin_s
        if self._upstream:
            streams, due_s, door_s = self._upstream.arrivals(streams, due_s, (own[-1] + 1) * self._bin_s)
        streams, order = self._crowd.rows_of(streams), in_order(door_s)
        self.diary.offered.extend(streams, door_s)
        return zip(*(column[order].tolist() for column in (streams, due_s, door_s)), strict=True)

    def _advance(self, until_s: float, watcher: Watcher) -> None:
        """Events and newcomers in the order of their moments, until the clock has reached `until_s`."""
        step, peek, arrive, following = self._env.step, self._env.peek, self._arrive, self._newcomers.__next__
        self._env.schedule(Happening(self._env, [_close_window]), URGENT, until_s - self._env.now)
        stream, due_s, door_s = self._ahead
        with suppress(_WindowClosed), _uncollected():
            while not watcher.stopped():
                for _ in range(_STEPS):
                    if peek() <= door_s:
                        step()
                    else:
                        arrive(Message(stream, due_s), door_s)
                        stream, due_s, door_s = following()
            raise Interrupted
        self._ahead = stream, due_s, door_s

    def _enter(self, era: Era, _event: Event) -> None:
        """A fault begins or ends."""
        self._handover.enter(era)

    def _answering(self, row: int) -> Delivered:
        """A message will arrive: what its customer does follows."""
        deliver, trigger = self._answers.deliver[row // self._crowd.width], self._trigger
        end_s, freshness_s = self._end_s, self._freshness_s[row]

        def delivered(message: Message, at_s: float) -> None:
            if at_s < end_s:
                for sent in deliver(at_s, at_s - message.due_s <= freshness_s):
                    trigger(*sent)

        return delivered

    def _set_back(self, message: Message) -> None:
        """A message leaves for its backoff."""
        self._queue.away += 1
        self._away[message.stream] += 1

    def _back(self, event: Happening) -> None:
        """A backoff is over: into the queue, and to a worker if one is idle."""
        self._away[event.message.stream] -= 1
        self._queue.put_back(event.message)
        self._crew.wake(self._env.now)

    def _trigger(self, stream: int, due_s: float) -> None:
        door_s = due_s
        if self._upstream:
            door_s += float(self._upstream.delays_s(stream, 1)[0])
        if door_s < self._end_s:
            event = Happening(self._env, self._on_triggered)
            event.message = Message(self._crowd.row_of(stream), due_s)
            self._env.schedule(event, NORMAL, door_s - self._env.now)

    def _triggered(self, event: Happening) -> None:
        message, now_s = event.message, self._env.now
        self.diary.offered.add(message.stream, now_s, 0.0)
        self._triggered_counts[message.stream // self._crowd.width, int(now_s / self._bin_s)] += 1
        self._arrive(message, now_s)

    def _held(self) -> Floats:
        """float64 (streams,): messages in hand, counted where they are."""
        held = self._queue.waiting()
        held.update(Counter(self._crew.in_service()[0].tolist()))
        in_hand = np.array([held[i] for i in range(len(self._away))], dtype=np.float64)
        in_hand += self._away + self._handover.held() + self.diary.under_way()
        return self._crowd.by_stream(in_hand[:, None])[:, 0]


def in_order(times_s: Floats) -> Indices:
    """As a stable argsort, at a sixth of its time: equal times are rare, but no machine may reorder them."""
    order = np.argsort(times_s)
    ordered_s = times_s[order]
    return np.argsort(times_s, kind="stable") if (ordered_s[1:] == ordered_s[:-1]).any() else order


def _windows(per_bin: Indices) -> Iterator[tuple[int, int]]:
    """First bins and numbers of bins of windows over the whole season. per_bin: int64 (bins,), newcomers."""
    bins = len(per_bin)
    for first in range(0, bins, QUIET_WINDOW_BINS):
        until = min(first + QUIET_WINDOW_BINS, bins)
        step = QUIET_WINDOW_BINS if per_bin[first:until].sum() <= QUIET else WINDOW_BINS
        for at in range(first, until, step):
            yield at, min(step, until - at)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for reference cycles, a tenth of the time: messages and events are in none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _WindowClosed(Exception):  # noqa: N818  # no error: how an event stops the stepping, as SimPy's own does
    """The clock has reached the window's end."""


def _close_window(_event: Event) -> None:
    raise _WindowClosed


def run(
    loaded: Loaded, traffic: Traffic, seed: int, watcher: Watcher, keep: Path | None = None
) -> tuple[Traffic, Outcome]:
    """Every message of `traffic`, and those that customers trigger, through the pipeline of `loaded`.

    Returns the traffic with the triggered sends, and what became of it: window by window in the file `keep`,
    in memory without one. Raises Interrupted soon after `watcher.stopped()`; ConservationError if a message
    got lost.
    """
    watch = Stopwatch()
    ledger = open_books(loaded.scenario, traffic, keep)
    engine = _Engine(loaded, traffic, seed)
    engine.run(ledger, watcher)
    complete = engine.traffic()
    books = Books("message", seed, ledger, engine.delay_counts(), engine.customers(), watch, engine.groups())
    outcome = close(loaded.scenario, complete, books)
    if loaded.scenario.upstream:
        late = held_up(loaded.scenario, traffic.streams, seed)
        complete = at_door(complete, late, lambda row: outcome.rows("offered", [row])[0])
        outcome = replace(outcome, planned=complete.planned)
    return complete, outcome
