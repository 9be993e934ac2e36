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
from scenarios.words import PRIORITIES
from sim import histogram
from sim.closing import Books, Stopwatch, close, open_books
from sim.echoes import with_echoes, without_echoes
from sim.ledger import ATTEMPTS, DELIVERED, FRESH, ONCE, QUANTITIES, Ledger, summed_up
from sim.outcome import Customers, Outcome
from sim.pipeline import kernel, kernelwindows
from sim.pipeline.bands import groups, known_of
from sim.pipeline.columns import PROVIDER
from sim.pipeline.entrance import Entrance
from sim.pipeline.eras import eras
from sim.pipeline.feedback import feedback_of
from sim.pipeline.growing import waiting, with_more_room
from sim.pipeline.kernelcache import compiling
from sim.pipeline.kernelfeedback import lay_causes
from sim.pipeline.kernelstanding import stand
from sim.pipeline.kernelsums import lay_density, lay_sums
from sim.pipeline.lanes import by_stream, lanes_of
from sim.pipeline.limits import bring_up
from sim.pipeline.lines import NOTED
from sim.pipeline.planning import empty_state, plan_of
from sim.pipeline.redelivery import echoes, occupied
from sim.pipeline.regimes import Regimes
from sim.pipeline.state import Indices, Plan, State, Window
from sim.pipeline.waits import delay_counts
from sim.pipeline.workers import served_per_bin, without_long_stalls
from sim.progress import Interrupted, Watcher
from sim.season.response import expected_customers
from sim.season.upstream import HoldUp, held_up, hold_ups
from sim.seeds import derive
from sim.seeds import stream as random_stream
from sim.tenants import Group
from sim.traffic import Traffic, at_door, with_triggered

WINDOW_BINS = 1800
"""Bins at most between two looks at the books and the watcher: about 0.005 s."""

Floats = npt.NDArray[np.float64]


class _Engine:
    """One run. `window_bins` bounds the windows; it is no modelling parameter."""

    def __init__(self, loaded: Loaded, traffic: Traffic, seed: int, window_bins: int, ledger: Ledger) -> None:
        scenario, bins = loaded.scenario, traffic.counts.shape[1]
        self._scenario, self._offered, self._own = scenario, traffic, len(traffic.streams)
        self._traffic = traffic = with_echoes(traffic) if echoes(scenario) else traffic
        self._bins, fresh_s = int(bins), [each.freshness_s for each in traffic.streams]
        self._lanes = lanes_of(hold_ups(scenario, traffic.streams, seed), fresh_s)
        plans = {
            era.first_bin: plan_of(era, traffic.streams, self._lanes, bins, traffic.bin_s)
            for era in eras(scenario, bins, traffic.bin_s)
        }
        self._regimes = Regimes(scenario, plans, self._bins, traffic.bin_s)
        self._workers, self._services = scenario.pipeline.workers, random_stream(seed, "services")
        self._steady = without_long_stalls(self._workers, traffic.bin_s)
        self._regained = 1.0
        if self._steady is not self._workers:
            self._regained = occupied(self._workers)[0] / occupied(self._steady)[0]
        self._stalls, self._crashes = (random_stream(seed, each) for each in ("stalls", "crashes"))
        self._feedback = feedback_of(
            scenario, self._offered.streams, self._lanes, self._bins, traffic.bin_s, window_bins
        )
        self._entrance = Entrance(traffic, self._lanes, self._feedback, seed)
        self._state = empty_state(
            scenario, list(plans.values()), len(self._lanes), self._bins, self._feedback
        )._replace(key=derive(seed, "who passes"))
        self._window, self._era = _window_for(plans[0], self._state, traffic, len(self._lanes)), plans[0]
        tables = 1 + len(self._state.group_delays)
        self._delays = np.zeros((tables, len(traffic.streams), histogram.BINS))
        horizon_bins = self._feedback.horizon_bins
        self._window_bins = min(window_bins, max(1, window_bins // horizon_bins) * horizon_bins)
        self.seed, self.ledger = seed, ledger
        self._filled = np.arange(len(self._window.out))
        self._waited, self._backlog = np.zeros(self._own), np.zeros((self._own, 1))
        self._classes = np.array([PRIORITIES.index(each.priority) for each in self._offered.streams])

    def season(self, env: simpy.Environment, watcher: Watcher) -> Generator[simpy.Event, None, None]:
        """A SimPy process: the windows, one after the other."""
        first, bins = 0, self._bins
        while first < bins:
            n = min(self._window_bins, bins - first)
            yield env.timeout(n * self._traffic.bin_s)
            self._go(first, n)
            watcher.tell("simulate", first + n, bins, "bins")
            if watcher.stopped():
                raise Interrupted
            first += n

    def _go(self, first: int, n: int) -> None:
        """One window."""
        window = self._window = kernelwindows.emptied(self._window, first, n, self._filled)
        normals = self._services.standard_normal(n)
        self._draw_capacity(normals, 0)
        if self._steady is not self._workers:
            window.draws[0] = self._stalls.standard_normal(n)
        if self._workers.crashes is not None:
            window.draws[1] = self._crashes.standard_normal(n)
        self._entrance.open(window)
        self._pass(normals)
        out, under_way, held = window.out, window.under_way, window.held
        if len(held) > self._own:
            out, under_way, held = without_echoes(out, self._own), under_way[: self._own], held[: self._own]
        if self._backlog.shape != under_way.shape:
            self._backlog = np.zeros(under_way.shape)
        sums, varied = np.empty(out.shape[:2]), self._regimes.plan.asking_spread
        told = self._waited, under_way, self._backlog, sums, self._classes, window.queues, varied
        stand(out, self.ledger.in_hand(), *told)
        sums[ATTEMPTS:] = summed_up(out[ATTEMPTS:])
        self.ledger.post(first, out, (self._backlog, under_way), held, window.busy, sums)
        if out is window.out:
            self._filled = np.flatnonzero(sums.any(axis=1))

    def _pass(self, normals: Floats) -> None:
        """The window's bins, in as many stretches as there are plans."""
        at, first, n = 0, self._window.first_bin, len(normals)
        while at < n:
            if self._regimes.enter(first + at, self._waiting):
                self._take_over(first + at)
                self._draw_capacity(normals, at)
            reached = self._advance(at, min(n, self._regimes.next_change(first + at) - first))
            self._regimes.used(self._window.busy[at:reached], self._window.capacity[at:reached])
            at = reached

    def _advance(self, at: int, until: int) -> int:
        """Go on from column `at` to `until`, or to where an autoscaler looks and finds somebody waiting."""
        plan, every, reached = self._regimes.plan, self._regimes.every, at
        while reached == at:
            reached = kernel.advance(plan, self._state, self._window, at, until, every)
            self._entrance.let_in_sent(self._window)
            if reached < 0:
                self._state, reached = with_more_room(self._state), -1 - reached
                at = reached
        return reached

    def _draw_capacity(self, normals: Floats, at: int) -> None:
        """What the workers there are now can serve in each of the window's bins from column `at` on."""
        mean = self._regimes.plan.capacity * self._regained
        self._window.capacity[at:] = served_per_bin(self._steady, mean, normals[at:])

    def _waiting(self) -> float:
        return waiting(self._state)

    def _take_over(self, bin_: int) -> None:
        """Another plan is in force from `bin_` on. Where a provider's fault begins or ends, what limits noted
        belongs to the last era; so do waits where its delays change."""
        if self._regimes.begins_era(bin_):
            others = (self._era.delay_points_s != self._regimes.plan.delay_points_s).any(axis=1)
            if others.any():
                self._forget_waits(self._close_delays(np.flatnonzero(others)))
            bring_up(list(self._state.limits), list(self._era.limit_figures), bin_ * self._era.bin_s)
            self._era = self._regimes.plan
            self._window = kernelwindows.with_units(self._window, self._era, self._state)

    def _close_delays(self, carriers: Indices) -> Indices:
        """What is noted of waits before these providers becomes delays. Returns the rows of the plan."""
        rows = np.flatnonzero(np.isin(self._era.streams[:, PROVIDER], carriers))
        self._delays += delay_counts(self._era, self._state, self._lanes, self._workers, rows)
        return rows

    def _forget_waits(self, rows: Indices) -> None:
        """What was noted of waits in these rows; what nobody wrote on takes no memory."""
        for row in rows:
            for own in self._state.delays[:, row]:
                if own.any():
                    own[:] = 0.0
        self._state.light[rows] = 0.0
        noted = self._state.group_told[NOTED]
        for group, at in np.argwhere(noted[:, rows]):
            self._state.group_delays[group, :, rows[at]] = 0.0
        noted[:, rows] = 0.0

    def traffic(self, *, in_place: bool) -> Traffic:
        """The traffic with the sends that customers triggered: another than it was, where there may be any
        or stages hold some up; its counts are others too, unless they are changed in place."""
        rows = self._feedback.streams.tolist()
        if not rows and not self._scenario.upstream:
            return self._offered
        return with_triggered(self._offered, rows, self._feedback.sent, in_place=in_place)

    def customers(self) -> Customers:
        """What the customers did about all that was delivered."""
        totals = self.ledger.totals
        return expected_customers(self._scenario, self._offered.streams, totals[DELIVERED], totals[FRESH])

    def told(self) -> tuple[Floats, tuple[Group, ...]]:
        """Delays, float64 (streams, BINS), and what became of each group of tenants, at the season's end.
        What the engine had in hand is free afterwards: the traffic is copied once more, a week: 100 MB.
        """
        self._close_delays(np.arange(len(self._era.delay_points_s)))
        known = by_stream(self._lanes, known_of(self._era, self._state), len(self._traffic.streams))
        delays, known = self._delays[:, : self._own], known[:, : self._own]
        del self._state, self._window, self._delays
        return delays[0].copy(), groups(
            self._scenario, self._offered.streams, self.ledger.totals, delays, known
        )


def _window_for(plan: Plan, state: State, traffic: Traffic, lanes: int) -> Window:
    """An empty window of one bin, with the units that the plan needs."""
    quantities = len(QUANTITIES) if len(plan.again) else ONCE
    window = kernelwindows.window_of(len(traffic.streams), lanes, 1, quantities)
    return kernelwindows.with_units(window, plan, state)


def _compile(loaded: Loaded, traffic: Traffic) -> None:
    """Compile the kernel or fetch it from the cache, by bins in which nothing happens."""
    traffic = with_echoes(traffic) if echoes(loaded.scenario) else traffic
    lanes = lanes_of([HoldUp()] * len(traffic.streams))
    feedback = feedback_of(loaded.scenario, traffic.streams, lanes, 1, traffic.bin_s, 1)
    every = eras(loaded.scenario, traffic.counts.shape[1], traffic.bin_s)
    plans = [plan_of(era, traffic.streams, lanes, 1, traffic.bin_s) for era in every]
    state = empty_state(loaded.scenario, plans, len(lanes), 1, feedback)
    window = _window_for(plans[0], state, traffic, len(lanes))
    for plan in plans[1:]:
        window = kernelwindows.with_units(window, plan, state)
    kernel.advance(plans[0], state, window, 0, 1, 0)
    one, none, rows = np.zeros(1), np.zeros((1, 1)), np.zeros(1, dtype=np.int64)
    stand(window.out, one, one, none, none, np.zeros((ONCE, 1)), rows, window.queues, 0.0)
    lay_causes(np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros(1))
    lay_sums(np.zeros((1, 0)), np.zeros(0), np.zeros(1), histogram.EDGES, np.zeros((1, histogram.BINS)))
    lay_density(np.zeros(0), np.zeros(0), histogram.EDGES, np.zeros(0))


def _simulated(
    engine: _Engine, watcher: Watcher, watch: Stopwatch, *, in_place: bool
) -> tuple[Traffic, Books]:
    """A season's traffic and what became of it; what the engine held is free when it returns."""
    env = simpy.Environment()
    env.run(env.process(engine.season(env, watcher)))
    delays, told = engine.told()
    books = Books("cohort", engine.seed, engine.ledger, delays, engine.customers(), watch, told)
    return engine.traffic(in_place=in_place), books


def run(
    loaded: Loaded,
    traffic: Traffic,
    seed: int,
    watcher: Watcher,
    keep: Path | None = None,
    window_bins: int = WINDOW_BINS,
    *,
    in_place: bool = False,
) -> tuple[Traffic, Outcome]:
    """The traffic, and the sends that customers trigger, through the pipeline of `loaded`, as amounts on
    bins.

    Returns the traffic with the triggered sends, and what became of it: window by window in the file `keep`,
    in memory without one. in_place: nobody needs the counts of `traffic` any more, which become those of what
    is returned. Raises Interrupted soon after
    `watcher.stopped()`; ConservationError if messages got lost.
    """
    watch = Stopwatch()
    with compiling():
        _compile(loaded, traffic)
    watch.compiled()
    ledger = open_books(loaded.scenario, traffic, keep)
    engine = _Engine(loaded, traffic, seed, window_bins, ledger)
    complete, books = _simulated(engine, watcher, watch, in_place=in_place)
    del engine
    outcome = close(loaded.scenario, complete, books)
    if loaded.scenario.upstream:
        late = held_up(loaded.scenario, traffic.streams, seed)
        complete = at_door(complete, late, lambda row: outcome.rows("offered", [row])[0])
        outcome = replace(outcome, planned=complete.planned)
    return complete, outcome
