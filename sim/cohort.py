"""The cohort resolution: amounts of messages on bins, window by window; cost grows with streams and bins
alone.

A simpy.Environment drives the windows. How long they are changes no number: the kernel goes bin by bin, and
triggered sends come from sim.season.response no later than the bin in which they are due.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt
import simpy

from scenarios.catalogue import Loaded
from sim.closing import Books, Stopwatch, close
from sim.ledger import DELIVERED, FRESH, OFFERED, QUANTITIES, Ledger
from sim.outcome import Outcome
from sim.pipeline import kernel
from sim.pipeline.lanes import Doors, lanes_of
from sim.pipeline.manning import manned
from sim.pipeline.planning import empty_state, plan_of, waiting, with_room
from sim.pipeline.staffing import Staffing
from sim.pipeline.waits import delay_counts
from sim.progress import Interrupted, Watcher
from sim.season.response import Feedback
from sim.season.upstream import HoldUp, hold_ups
from sim.seeds import stream as random_stream
from sim.traffic import Traffic, at_door, with_triggered

WINDOW_BINS = 600
"""Bins at most between two looks at the books and the watcher: about 0.01 s."""

Floats = npt.NDArray[np.float64]


class _Engine:
    """One run. `window_bins` bounds the windows; it is no modelling parameter."""

    def __init__(self, loaded: Loaded, traffic: Traffic, seed: int, window_bins: int) -> None:
        scenario, bins = loaded.scenario, traffic.counts.shape[1]
        self._traffic = traffic
        self._lanes = lanes_of(hold_ups(scenario, traffic.streams, seed))
        self._doors = Doors(self._lanes, traffic.bin_s, kernel.lay_causes)
        self._plan = plan_of(scenario, traffic.streams, self._lanes, bins, traffic.bin_s)
        self._whole_plan = self._plan
        self._state = empty_state(scenario, self._plan)
        self._staffing = Staffing(scenario, bins, traffic.bin_s)
        self._manned, self._looked = np.full(bins, self._staffing.available), 0
        self._feedback = Feedback(scenario, traffic.streams, bins, traffic.bin_s, kernel.lay_causes)
        self._window_bins = min(window_bins, self._feedback.horizon_bins)
        # one random stream a trigger, so that the windows' length changes no draw
        self._sent = {
            i: random_stream(seed, "triggered", s.name)
            for i, s in enumerate(traffic.streams)
            if s.cause == "trigger"
        }
        self._rows = list(self._sent)
        self._triggered = np.zeros((len(self._sent), bins), dtype=np.int64)
        self.busy, self._workers = np.zeros(bins), scenario.pipeline.workers
        self.ledger = Ledger(*traffic.counts.shape)
        self.customers = self._feedback.customers

    def season(self, env: simpy.Environment, watcher: Watcher) -> Generator[simpy.Event, None, None]:
        """A SimPy process: the windows, one after the other."""
        bins = self._traffic.counts.shape[1]
        first = 0
        while first < bins:
            n = min(self._window_bins, bins - first)
            if self._staffing.changes:
                self._man(first)
                n = min(n, self._staffing.next_change(first) - first)
            yield env.timeout(n * self._traffic.bin_s)
            self._window(first, n)
            watcher.tell("simulate", first + n, bins, "bins")
            if watcher.stopped():
                raise Interrupted
            first += n

    def _man(self, first: int) -> None:
        """The bin begins at which the number of workers, or whether the queue can be reached, may change."""
        staffing, looked = self._staffing, self._looked
        used = float((self.busy_share()[looked:first] * self._manned[looked:first]).sum())
        there = float(self._manned[looked:first].sum())
        staffing.advance(first, waiting(self._state), used / there if there else 0.0)
        if staffing.looks(first):
            self._looked = first
        self._manned[first:] = staffing.available
        self._plan = manned(self._whole_plan, self._workers, staffing)

    def _window(self, first: int, n: int) -> None:
        window = np.zeros((len(QUANTITIES), len(self._lanes), n))
        self._state = with_room(self._state, n)
        arrivals = self._doors.arrivals(self._events(first, n))
        under_way, held = np.zeros(arrivals.shape), np.zeros(len(arrivals))
        busy = self.busy[first : first + n]
        kernel.advance(self._plan, self._state, first, arrivals, window, under_way, busy, held)
        streams = len(self._traffic.streams)
        window, under_way = (self._doors.by_stream(each, streams) for each in (window, under_way))
        self.ledger.post(first, window, under_way, self._doors.by_stream(held[:, None], streams)[:, 0])
        self._feedback.add(first, window[DELIVERED], window[FRESH])

    def _events(self, first: int, n: int) -> Floats:
        arrivals = self._traffic.counts[:, first : first + n].astype(np.float64)
        if self._sent:
            expected = self._feedback.arrivals(first, n)
            for row, (i, random) in enumerate(self._sent.items()):
                sent = random.poisson(expected[i])
                self._triggered[row, first : first + n] = sent
                arrivals[i] += sent
        return arrivals

    def traffic(self) -> Traffic:
        """The traffic with the sends that customers triggered."""
        return with_triggered(self._traffic, self._rows, self._triggered) if self._rows else self._traffic

    def busy_share(self) -> Floats:
        """float64 (bins,): a batch that is not full keeps its worker as long as a full one."""
        return np.minimum(self.busy * self._workers.batch, 1.0)

    def delay_counts(self) -> Floats:
        """float64 (streams, BINS)."""
        of_lanes = delay_counts(self._plan, self._state, self._lanes, self._workers)
        return self._doors.by_stream(of_lanes, len(self._traffic.streams))


def _compile(loaded: Loaded, traffic: Traffic) -> None:
    """Compile the kernel or fetch it from the cache, by a bin in which nothing happens."""
    plan = plan_of(
        loaded.scenario, traffic.streams, lanes_of([HoldUp()] * len(traffic.streams)), 1, traffic.bin_s
    )
    state = empty_state(loaded.scenario, plan)
    streams = len(traffic.streams)
    window = np.zeros((len(QUANTITIES), streams, 1))
    nothing = np.zeros((streams, 1))
    kernel.advance(plan, state, 0, nothing, window, np.zeros((streams, 1)), np.zeros(1), np.zeros(streams))
    kernel.lay_causes(np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros(1))


def run(
    loaded: Loaded, traffic: Traffic, seed: int, watcher: Watcher, window_bins: int = WINDOW_BINS
) -> tuple[Traffic, Outcome]:
    """The traffic, and the sends that customers trigger, through the pipeline of `loaded`, as amounts on
    bins.

    Returns the traffic with the triggered sends, and what became of it. Raises Interrupted soon after
    `watcher.stopped()`; ConservationError if messages got lost.
    """
    watch = Stopwatch()
    _compile(loaded, traffic)
    watch.compiled()
    engine = _Engine(loaded, traffic, seed, window_bins)
    env = simpy.Environment()
    env.run(env.process(engine.season(env, watcher)))
    complete = engine.traffic()
    if loaded.scenario.upstream:
        complete = at_door(complete, engine.ledger.counts[OFFERED])
    books = Books(
        "cohort", seed, engine.ledger, engine.delay_counts(), engine.busy_share(), engine.customers(), watch
    )
    return complete, close(loaded.scenario, complete, books)
