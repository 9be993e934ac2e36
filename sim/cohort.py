"""The cohort resolution: amounts of messages on bins, window by window; cost grows with streams and bins
alone.

A simpy.Environment drives the windows. How long they are changes no number: the kernel goes bin by bin, and
triggered sends come from sim.season.response no later than the bin in which they are due.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simpy

from scenarios.catalogue import Loaded
from sim import histogram
from sim.closing import Books, Stopwatch, close, open_books
from sim.echoes import with_echoes, without_echoes
from sim.ledger import DELIVERED, FRESH, Ledger
from sim.outcome import Outcome
from sim.pipeline import kernel
from sim.pipeline.eras import eras
from sim.pipeline.kernelcache import compiling
from sim.pipeline.lanes import Doors, lanes_of
from sim.pipeline.limits import bring_up
from sim.pipeline.manning import busy_share, manned
from sim.pipeline.planning import empty_state, plan_of, waiting, with_room
from sim.pipeline.redelivery import echoes
from sim.pipeline.staffing import Staffing
from sim.pipeline.waits import delay_counts
from sim.pipeline.workers import served_per_bin
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

    def __init__(self, loaded: Loaded, traffic: Traffic, seed: int, window_bins: int, ledger: Ledger) -> None:
        scenario, bins = loaded.scenario, traffic.counts.shape[1]
        self._offered, self._own, self._bins = traffic, len(traffic.streams), int(bins)
        self._traffic = traffic = with_echoes(traffic) if echoes(scenario) else traffic
        self._lanes = lanes_of(hold_ups(scenario, traffic.streams, seed))
        self._doors = Doors(self._lanes, traffic.bin_s, kernel.lay_causes)
        self._eras = list(eras(scenario, bins, traffic.bin_s))
        plans = [plan_of(era, traffic.streams, self._lanes, bins, traffic.bin_s) for era in self._eras]
        self._plans = dict(zip((era.first_bin for era in self._eras), plans, strict=True))
        self._plan = self._whole_plan = plans[0]
        self._staffing = Staffing(scenario, bins, traffic.bin_s)
        self._workers, self._services = scenario.pipeline.workers, random_stream(seed, "services")
        self._there, self._used = np.zeros(bins), np.zeros(bins)
        self._looked = self._changes_at = 0
        self._state = empty_state(scenario, plans, len(self._lanes), bins)
        self._units = kernel.units_of(self._plan, self._state)
        self._delay_counts = np.zeros((len(self._lanes), histogram.BINS))
        self._feedback = Feedback(scenario, self._offered.streams, bins, traffic.bin_s, kernel.lay_causes)
        self._window_bins = min(window_bins, self._feedback.horizon_bins)
        # one random stream a trigger, so that the windows' length changes no draw
        self._sent = {
            i: random_stream(seed, "triggered", s.name)
            for i, s in enumerate(self._offered.streams)
            if s.cause == "trigger"
        }
        self._rows = list(self._sent)
        self._triggered = np.zeros((len(self._sent), bins), dtype=np.int64)
        self._ledger = ledger
        self.customers = self._feedback.customers

    def season(self, env: simpy.Environment, watcher: Watcher) -> Generator[simpy.Event, None, None]:
        """A SimPy process: the windows, one after the other."""
        first, bins = 0, self._bins
        while first < bins:
            self._enter(first)
            n = self._end_of_window(first) - first
            yield env.timeout(n * self._traffic.bin_s)
            self._window(first, n)
            watcher.tell("simulate", first + n, bins, "bins")
            if watcher.stopped():
                raise Interrupted
            first += n

    def _end_of_window(self, first: int) -> int:
        """Where the plan may change, at the latest."""
        ends = [first + self._window_bins, self._bins]
        if self._staffing.changes:
            ends.append(self._changes_at)
        ends += [begins for begins in self._plans if begins > first]
        return min(ends)

    def _enter(self, first: int) -> None:
        """A fault begins or ends, or there are more or fewer workers: another plan. What was noted of waits
        belongs to the delays of the last."""
        plan = self._plans.get(first, self._whole_plan)
        if plan is not self._whole_plan:
            self._close_delays()
            bring_up(list(self._state.limits), list(self._plan.limit_figures), first * plan.bin_s)
            self._units = kernel.units_of(plan, self._state)
            self._whole_plan, self._plan = plan, manned(plan, self._workers, self._staffing)
        if self._staffing.changes and first == self._changes_at:
            self._man(first)

    def _man(self, first: int) -> None:
        """The bin begins at which the number of workers, or whether the queue can be reached, may change."""
        staffing, used_share = self._staffing, 0.0
        if staffing.looks(first):
            since, self._looked = slice(self._looked, first), first
            there = float(self._there[since].sum())
            used_share = float(self._used[since].sum()) / there if there else 0.0
        staffing.advance(first, waiting(self._state), used_share)
        self._changes_at = staffing.next_change(first)
        self._plan = manned(self._whole_plan, self._workers, staffing)

    def _close_delays(self) -> None:
        self._delay_counts += delay_counts(self._plan, self._state, self._lanes, self._workers)
        self._state.delays[:] = 0.0
        self._state.light[:] = 0.0

    def _window(self, first: int, n: int) -> None:
        self._state = with_room(self._state, n)
        arrivals = self._doors.arrivals(self._events(first, n))
        capacity = served_per_bin(self._workers, self._plan.capacity, self._services.standard_normal(n))
        window = kernel.step(self._plan, self._state, self._units, first, arrivals, capacity)
        streams = len(self._traffic.streams)
        out, under_way = (self._doors.by_stream(each, streams) for each in (window.out, window.under_way))
        held = self._doors.by_stream(window.held[:, None], streams)[:, 0]
        busy = busy_share(self._plan, self._workers, window.busy)
        self._there[first : first + n] = self._staffing.available
        self._used[first : first + n] = busy * self._staffing.available
        if streams > self._own:
            out, under_way, held = without_echoes(out, self._own), under_way[: self._own], held[: self._own]
        self._ledger.post(first, out, under_way, held, busy)
        self._feedback.add(first, out[DELIVERED], out[FRESH])

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
        return with_triggered(self._offered, self._rows, self._triggered) if self._rows else self._offered

    def delay_counts(self) -> Floats:
        """float64 (streams, BINS)."""
        self._close_delays()
        return self._doors.by_stream(self._delay_counts, len(self._traffic.streams))[: self._own]


def _compile(loaded: Loaded, traffic: Traffic) -> None:
    """Compile the kernel or fetch it from the cache, by bins in which nothing happens."""
    traffic = with_echoes(traffic) if echoes(loaded.scenario) else traffic
    lanes = lanes_of([HoldUp()] * len(traffic.streams))
    for era in eras(loaded.scenario, traffic.counts.shape[1], traffic.bin_s):
        plan = plan_of(era, traffic.streams, lanes, 1, traffic.bin_s)
        state = empty_state(loaded.scenario, [plan], len(lanes), 1)
        nothing = np.zeros((len(lanes), 1))
        kernel.step(plan, state, kernel.units_of(plan, state), 0, nothing, np.full(1, plan.capacity))
    kernel.lay_causes(np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros(1))


def run(
    loaded: Loaded,
    traffic: Traffic,
    seed: int,
    watcher: Watcher,
    keep: Path | None = None,
    window_bins: int = WINDOW_BINS,
) -> tuple[Traffic, Outcome]:
    """The traffic, and the sends that customers trigger, through the pipeline of `loaded`, as amounts on
    bins.

    Returns the traffic with the triggered sends, and what became of it: window by window in the file `keep`,
    in memory without one. Raises Interrupted soon after
    `watcher.stopped()`; ConservationError if messages got lost.
    """
    watch = Stopwatch()
    with compiling():
        _compile(loaded, traffic)
    watch.compiled()
    ledger = open_books(loaded.scenario, traffic, keep)
    engine = _Engine(loaded, traffic, seed, window_bins, ledger)
    env = simpy.Environment()
    env.run(env.process(engine.season(env, watcher)))
    complete = engine.traffic()
    books = Books("cohort", seed, ledger, engine.delay_counts(), engine.customers(), watch)
    outcome = close(loaded.scenario, complete, books)
    if loaded.scenario.upstream:
        complete = at_door(complete, outcome.offered)
        outcome = replace(outcome, planned=complete.planned)
    return complete, outcome
