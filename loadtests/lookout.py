"""Messages seen again while a target is loaded: waited for, joined to what was sent, offered as its far side.

Who sees them again - a provider that peakday plays behind the target, its event webhook - keeps a record of
arrivals; all that follows from one is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from loadtests.arrivals import Sent, delays_s, run_number, sampled, sent_of, stride
from loadtests.by_reply import Names
from loadtests.deliveries import Deliveries, deliveries_of
from loadtests.evidence import DeliveryDelays
from loadtests.passage import Watch
from loadtests.replay.launch import Engine, Played
from loadtests.standin.listening import FLUSH_S
from loadtests.standin.records import Arrivals, unix_offset_s
from loadtests.targets.figure import Meaning
from loadtests.targets.observing import Observed, Observer
from loadtests.targets.safety import Address
from loadtests.targets.target import Target
from loadtests.tracing import Traced, exit_per_s, observed_of, trace
from sim.progress import Watcher

POLL_S = 0.1
FLUSHED_S = 3 * FLUSH_S
"""What arrived before that is in the file."""


@dataclass(frozen=True)
class Lookout:
    """Somebody who sees messages again. `watch`: how it watches, in words, before anything is known of the
    end; `arrivals`: its record so far; `alive`: whether it still listens; `sample`: how many
    messages of a replay it looks for at most, evenly spread, 0 = all."""

    watch: Watch
    settle_s: float
    arrivals: Callable[[], Arrivals]
    alive: Callable[[], bool]
    sample: int = 0


class Exit:
    """What a lookout recorded, joined to what an engine sent."""

    def __init__(self, lookout: Lookout, engine: Engine, watcher: Watcher) -> None:
        self._lookout = lookout
        self._engine = engine
        self._watcher = watcher
        self._settled = False
        self._every = 1
        self._names = Names()
        self._sent: tuple[Played, Sent] | None = None
        """Of the latest play: its messages are worked out once, however often arrivals are looked at."""

    def traced(self) -> tuple[Traced, Arrivals, Played] | None:
        """The latest play's messages, as far as they arrived; None before the first play."""
        played = self._engine.last
        if played is None:
            return None
        arrivals = self._lookout.arrivals()
        if self._sent is None or self._sent[0] is not played:
            self._sent = played, self._looked_for(played)
            if played.given is not None:
                self._names.add(played.given)
        seen = arrivals.since(played.started_at - arrivals.unix_offset_s)
        return trace(self._sent[1], self._names.named(seen, self._sent[1].run)), arrivals, played

    def _looked_for(self, played: Played) -> Sent:
        sent = sent_of(played.schedule, played.records, played.first_id, run_number(played.run))
        if self._lookout.sample:
            self._every = stride(sent.count, self._lookout.sample)
            sent = sampled(sent, self._every)
        return sent

    @property
    def every(self) -> int:
        """Every how many-th message of the latest play is looked for."""
        return self._every

    def wait(self, longest_s: float, *, until_all: bool) -> bool:
        """Wait until nothing has arrived for `quiet_s` - `until_all`: or all that was accepted is delivered
        -, `longest_s` at most. False when neither came."""
        quiet_s = self._lookout.watch.quiet_s
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

    def finish(self, longest_s: float) -> None:
        """Wait for the end of all that the latest play set in motion, as long as the target file allows."""
        self._settled = self.wait(max(longest_s, self._lookout.settle_s), until_all=False)

    def drain(self, longest_s: float) -> bool:
        """Wait until all that was accepted is out, `longest_s` at most."""
        self._settled = self.wait(longest_s, until_all=True)
        return self._settled

    def watch(self, arrivals: Arrivals) -> Watch:
        """How it was watched until now."""
        return replace(
            self._lookout.watch,
            settled=self._settled,
            every=self._every,
            complete=arrivals.complete or self._lookout.alive(),
            clock_step_s=unix_offset_s() - arrivals.unix_offset_s,
        )

    def delays(self) -> DeliveryDelays | None:
        """From due to delivered of what was accepted in the latest play; None before the first."""
        found = self.traced()
        if found is None:
            return None
        sent, delivered_s = found[0].sent, found[0].delivered_s
        yes = np.isfinite(sent.acknowledged_s)
        return DeliveryDelays(
            sent.due_s[yes],
            delays_s(sent, delivered_s)[yes],
            self._settled,
            exit_per_s(delivered_s, self._every),
        )

    def deliveries(self) -> Deliveries | None:
        """What was delivered of the latest play; None before the first."""
        found = self.traced()
        if found is None:
            return None
        traced, arrivals, played = found
        return deliveries_of(traced, length_s(played), self.watch(arrivals))


class ExitObserver(Observer):
    """The far side of a target whose messages are seen again one by one: that is what deliveries are.

    `others`: exits that are only waited for."""

    def __init__(self, target: Target, address: Address, exit_of: Exit, others: Sequence[Exit] = ()) -> None:
        super().__init__(target, address)
        self.exit = exit_of
        self._others = others

    def watches(self, meaning: Meaning) -> bool:
        """Deliveries are seen in any case."""
        return meaning in ("delivered", "backlog") or super().watches(meaning)

    def latest(self, meaning: Meaning) -> float | None:
        """Before a play the exit is taken to be empty, for `settle` has waited for it."""
        return 0.0 if meaning == "backlog" else super().latest(meaning)

    @property
    def sees_each(self) -> bool:
        """It does."""
        return True

    def delays(self) -> DeliveryDelays | None:
        """From due to delivered, message by message, of the latest play; None before the first."""
        return self.exit.delays()

    def settle(self, backlog_before: float, longest_s: float) -> bool:  # noqa: ARG002 - an Observer's shape
        """Wait until what the latest play left in the target is out, `longest_s` at most."""
        return self.exit.drain(longest_s)

    def refresh(self, longest_s: float = 0.0) -> None:
        """Wait for the end of all that the latest play set in motion, as long as the target file allows."""
        super().refresh()
        for each in (self.exit, *self._others):
            each.finish(longest_s)

    def since(self, started_at: float) -> Observed:
        """What is otherwise observed, and the deliveries of the latest play."""
        seen = super().since(started_at)
        time.sleep(FLUSHED_S)
        found = self.exit.traced()
        if found is None or abs(found[2].started_at - started_at) > 0.0:
            return seen
        return _joined(observed_of(found[0], _until_s(found[0], found[2]), self.exit.every), seen)


def length_s(played: Played) -> float:
    """How long a replay lasted."""
    return min(played.schedule.duration_s, played.records.duration_s) or played.schedule.duration_s


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
    providers = {
        name: {meaning: values[at] for meaning, values in of.items()} for name, of in other.providers.items()
    }
    gauges = tuple(replace(gauge, values=gauge.values[at]) for gauge in other.gauges)
    return Observed(exit_of.at_s, series, providers, gauges)
