"""The provider that peakday plays behind a service, as a rehearsal sees it: watched, waited for, read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from loadtests.arrivals import run_number, sent_of
from loadtests.passage import Passage, Watch
from loadtests.replay.launch import Engine, Played
from loadtests.standin import server
from loadtests.standin.records import Arrivals, Outcome, read_arrivals, unix_offset_s
from loadtests.standin.server import Running
from loadtests.standin.settings import Settings, settings_of
from loadtests.targets.behind import Behind
from loadtests.targets.figure import Meaning
from loadtests.targets.observing import Observed, Observer
from loadtests.targets.safety import Address
from loadtests.targets.target import Target
from loadtests.tracing import Traced, observed_of, passage_of, trace
from sim.progress import Watcher

FOLDER = "standin"
POLL_S = 0.1
FLUSHED_S = 3 * server.FLUSH_S
"""What arrived before that is in the file."""


@contextmanager
def standing_behind(behind: Behind, run_folder: Path, watcher: Watcher) -> Iterator[Running]:
    """The stand-in that a target file asks for, running; gone afterwards. Raises UserError, ChildFailed."""
    watcher.tell("serve", 0, 1, f"starting the stand-in for {behind.stand_in} on port {behind.port}")
    with server.start(settings_of(behind), run_folder / FOLDER) as running:
        watcher.tell("serve", 1, 1, f"{running.base_url} plays {behind.stand_in}")
        yield running


class Exit:
    """What a stand-in recorded, joined to what an engine sent."""

    def __init__(self, behind: Behind, running: Running, engine: Engine, watcher: Watcher) -> None:
        self._behind = behind
        self._running = running
        self._engine = engine
        self._watcher = watcher

    def traced(self) -> tuple[Traced, Arrivals, Played] | None:
        """The latest play's messages, as far as they arrived; None before the first play."""
        played = self._engine.last
        if played is None:
            return None
        arrivals = read_arrivals(self._running.records)
        sent = sent_of(played.schedule, played.records, played.first_id, run_number(played.run))
        return trace(sent, arrivals.since(played.started_at - arrivals.unix_offset_s)), arrivals, played

    def wait(self, longest_s: float, *, until_all: bool) -> bool:
        """Wait until nothing has arrived for `quiet` - `until_all`: or all that was accepted is delivered -,
        `longest_s` at most. False when neither came."""
        quiet_s = self._behind.quiet
        began_s = time.monotonic()
        while not self._watcher.stopped():
            found = self.traced()
            now_s = time.monotonic()
            if found is None or (until_all and not _owed(found[0])):
                return True
            last_s = max(began_s, float(found[1].at_s.max(initial=0.0)))
            if now_s - last_s >= quiet_s:
                return True
            if now_s - began_s >= longest_s:
                return False
            time.sleep(min(max(POLL_S, 5.0 * (time.monotonic() - now_s)), quiet_s))
        return False

    def passage(self, settled: bool) -> Passage | None:
        """What the target passed on of the latest play; None before the first."""
        found = self.traced()
        if found is None:
            return None
        traced, arrivals, played = found
        outcomes = {outcome.name.lower(): arrivals.outcome == outcome for outcome in Outcome}
        duration_s = min(played.schedule.duration_s, played.records.duration_s) or played.schedule.duration_s
        watch = Watch(
            stand_in=self._behind.stand_in,
            limits=limit_words(self._running.settings),
            settled=settled,
            quiet_s=self._behind.quiet,
            complete=arrivals.complete or self._running.child.running(),
            clock_step_s=unix_offset_s() - arrivals.unix_offset_s,
        )
        return passage_of(traced, arrivals.request, outcomes, duration_s, watch)


class ExitObserver(Observer):
    """The far side of a target whose provider we play: deliveries come from the stand-in's own record."""

    def __init__(self, target: Target, address: Address, exit_of: Exit, settle_s: float) -> None:
        super().__init__(target, address)
        self._exit = exit_of
        self._settle_s = settle_s
        self._settled = False

    def watches(self, meaning: Meaning) -> bool:
        """Deliveries are seen in any case."""
        return meaning in ("delivered", "backlog") or super().watches(meaning)

    def latest(self, meaning: Meaning) -> float | None:
        """Before a play the exit is taken to be empty, for `settle` has waited for it."""
        return 0.0 if meaning == "backlog" else super().latest(meaning)

    def settle(self, backlog_before: float, longest_s: float) -> bool:  # noqa: ARG002 - an Observer's shape
        """Wait until what the latest play left in the target is out, `longest_s` at most."""
        return self._exit.wait(longest_s, until_all=True)

    def refresh(self, longest_s: float = 0.0) -> None:
        """Wait for the end of all that the latest play set in motion, as long as the target file allows."""
        super().refresh()
        self._settled = self._exit.wait(max(longest_s, self._settle_s), until_all=False)

    def since(self, started_at: float) -> Observed:
        """What is otherwise observed, and the deliveries of the latest play."""
        seen = super().since(started_at)
        time.sleep(FLUSHED_S)
        found = self._exit.traced()
        if found is None or abs(found[2].started_at - started_at) > 0.0:
            return seen
        return _joined(observed_of(found[0], _until_s(found[0], found[2])), seen)

    def passage(self) -> Passage | None:
        """What the target passed on of the latest play."""
        return self._exit.passage(self._settled)


def limit_words(settings: Settings) -> str:
    """A stand-in's limits in words."""
    told = [f"{limit.kind}, {limit.per_s:.4g}/s" for limit in settings.limits]  # type: ignore[attr-defined]  # every kind of limit names its kind
    return f"{'; '.join(told)} ({settings.counts})" if told else "none"


def _owed(of: Traced) -> bool:
    """Whether the target said yes to messages that have not been delivered yet."""
    return bool((np.isfinite(of.sent.acknowledged_s) & np.isnan(of.delivered_s)).any())


def _until_s(of: Traced, played: Played) -> float:
    ended_s = np.nanmax(of.delivered_s, initial=0.0)
    return float(max(played.schedule.duration_s, ended_s))


def _joined(exit_of: Observed, other: Observed) -> Observed:
    """The exit's series, with what else was observed brought to its samples; the exit's word counts."""
    if other.at_s.size == 0:
        return exit_of
    at = np.clip(np.searchsorted(other.at_s, exit_of.at_s), 0, other.at_s.size - 1)
    series = {meaning: values[at] for meaning, values in other.series.items()} | exit_of.series
    gauges = tuple(type(g)(g.name, g.unit, g.meaning, g.values[at]) for g in other.gauges)
    return Observed(exit_of.at_s, series, {}, gauges)
