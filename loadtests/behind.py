"""The provider that peakday plays behind a service, as a rehearsal sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtests.lookout import Exit, Lookout, length_s
from loadtests.passage import Passage, Watch
from loadtests.standin import server
from loadtests.standin.records import Outcome, read_arrivals
from loadtests.standin.server import Running
from loadtests.standin.settings import Settings, settings_of
from loadtests.targets.behind import Behind
from loadtests.tracing import passage_of
from sim.progress import Watcher

FOLDER = "standin"


@contextmanager
def standing_behind(behind: Behind, run_folder: Path, watcher: Watcher) -> Iterator[Running]:
    """The stand-in that a target file asks for, running; gone afterwards. Raises UserError, ChildFailed."""
    watcher.tell("serve", 0, 1, f"starting the stand-in for {behind.stand_in} on port {behind.port}")
    with server.start(settings_of(behind), run_folder / FOLDER) as running:
        watcher.tell("serve", 1, 1, f"{running.base_url} plays {behind.stand_in}")
        yield running


def lookout_of(behind: Behind, running: Running) -> Lookout:
    """A stand-in as one who sees messages again."""
    watch = Watch(
        stand_in=behind.stand_in,
        limits=limit_words(running.settings),
        settled=False,
        quiet_s=behind.quiet,
    )
    return Lookout(watch, behind.settle, lambda: read_arrivals(running.records), running.child.running)


def passage_at(exit_of: Exit) -> Passage | None:
    """What the target passed on of the latest play, seen at a stand-in; None before the first."""
    found = exit_of.traced()
    if found is None:
        return None
    traced, arrivals, played = found
    outcomes = {outcome.name.lower(): arrivals.outcome == outcome for outcome in Outcome}
    return passage_of(traced, arrivals.request, outcomes, length_s(played), exit_of.watch(arrivals))


def limit_words(settings: Settings) -> str:
    """A stand-in's limits in words."""
    told = [f"{limit.kind}, {limit.per_s:.4g}/s" for limit in settings.limits]  # type: ignore[attr-defined]  # every kind of limit names its kind
    return f"{'; '.join(told)} ({settings.counts})" if told else "none"
