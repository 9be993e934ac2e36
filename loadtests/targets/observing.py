"""The far side's counters, read while load runs: what arrived, what went out, what waits.

An API that answers 202 can hide overload in its queue; only these figures show it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from loadtests.evidence import DeliveryDelays
from loadtests.targets import safety
from loadtests.targets.addresses import place
from loadtests.targets.far_reader import READ_TIMEOUT_S, FigureReader
from loadtests.targets.figure import MESSAGE_MEANINGS, Meaning, Observe
from loadtests.targets.safety import Address
from loadtests.targets.target import Target

INTERVAL_S = 0.05
ALL = "all"
"""The name of a far side that does not tell its providers apart."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gauge:
    """A figure that is no count of messages. values: float64 (samples,), NaN where it could not be read."""

    name: str
    unit: str
    meaning: Meaning
    values: Floats


@dataclass(frozen=True)
class Observed:
    """Samples of the far side, from shortly before a play to shortly after it.

    at_s: float64 (samples,), seconds from the play's start, ascending. series: float64 (samples,) by meaning,
    NaN where a sample could not be read; a meaning that the target does not offer is absent. providers: the
    same by the provider's name, for a target that tells them apart. gauges: what else is watched.
    """

    at_s: Floats
    series: dict[Meaning, Floats] = field(default_factory=dict)
    providers: dict[str, dict[Meaning, Floats]] = field(default_factory=dict)
    gauges: tuple[Gauge, ...] = ()

    def by_provider(self) -> dict[str, Observed]:
        """What each provider shows; one called ALL where the target does not tell them apart."""
        found = {name: Observed(self.at_s, series) for name, series in self.providers.items()}
        return found or {ALL: self}

    def gained(self, meaning: Meaning) -> float | None:
        """Last value minus first; None where it was not observed twice."""
        values = self.series.get(meaning)
        known = values[np.isfinite(values)] if values is not None else np.empty(0)
        return float(known[-1] - known[0]) if len(known) >= 2 else None

    def slope_per_s(self, meaning: Meaning, from_s: float, to_s: float) -> float | None:
        """Least-squares slope of a series over [from_s, to_s]; None with fewer than 4 samples."""
        values = self.series.get(meaning)
        if values is None:
            return None
        chosen = (self.at_s >= from_s) & (self.at_s <= to_s) & np.isfinite(values)
        if int(chosen.sum()) < 4:
            return None
        at, seen = self.at_s[chosen], values[chosen]
        centred = at - at.mean()
        return float(centred @ (seen - seen.mean()) / (centred @ centred))


class Observer:
    """Reads every `[[observe]]` of a target from threads of its own; a context manager.

    The target's own figures are read each `interval_s`; those of another address each at their own pace, and
    their latest reading stands in every sample until the next. Raises UserError (exit 4) for an address that
    the target's file does not allow.
    """

    def __init__(self, target: Target, address: Address, interval_s: float = INTERVAL_S) -> None:
        self._target = target
        self._interval_s = interval_s
        own = [figure for figure in target.observe if figure.is_own]
        base_path = urlsplit(target.base_url).path.rstrip("/")
        self._own = FigureReader(own, address, base_path, target.ca_file)
        self._foreign = [_Source(*found) for found in _elsewhere(target)]
        self._samples: list[tuple[float, dict[str, float]]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def __enter__(self) -> Observer:
        if self._target.observe:
            for source in self._foreign:
                source.start()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for source in self._foreign:
            source.stop()
        if self._thread.is_alive():
            self._thread.join(2 * READ_TIMEOUT_S)

    def watches(self, meaning: Meaning) -> bool:
        """Whether the target offers this figure at all."""
        return any(observe.meaning == meaning for observe in self._target.observe)

    def latest(self, meaning: Meaning) -> float | None:
        """The newest reading of a figure; None before the first or when it could not be read."""
        of = [observe for observe in self._target.observe if observe.meaning == meaning]
        names = [observe.name for observe in of if not observe.provider] or [observe.name for observe in of]
        newest = self.newest()
        return sum(newest[name] for name in names) if names and all(n in newest for n in names) else None

    def newest(self) -> dict[str, float]:
        """The newest sample, by the figures' names."""
        return self._samples[-1][1] if self._samples else {}

    @property
    def sees_each(self) -> bool:
        """Whether each message's delivery is seen, not only how many there were."""
        return False

    def delays(self) -> DeliveryDelays | None:
        """From due to delivered, message by message, of the latest play; None where that is not seen."""
        return None

    def settle(self, backlog_before: float, longest_s: float) -> bool:
        """Wait until the backlog is back where it was, `longest_s` at most. False when it is not."""
        ends_s = time.monotonic() + longest_s
        seen = len(self._samples)
        while time.monotonic() < ends_s and not self._ended.is_set():
            backlog = self.latest("backlog")
            if len(self._samples) > seen and backlog is not None and backlog <= backlog_before:
                return True
            self._ended.wait(self._interval_s / 2)
        return False

    def refresh(self, longest_s: float = READ_TIMEOUT_S) -> None:
        """Wait for a sample that was begun after now, so that all that was accepted until now is in it."""
        seen, ends_s = len(self._samples), time.monotonic() + longest_s
        while self._target.observe and len(self._samples) < seen + 2 and time.monotonic() < ends_s:
            self._ended.wait(self._interval_s / 4)

    def since(self, started_at: float) -> Observed:
        """Every sample from just before `started_at` (seconds since 1970) on, as seconds from that moment."""
        samples = [s for s in self._samples if s[0] >= started_at - 2 * self._interval_s]
        at_s = np.array([at - started_at for at, _ in samples], dtype=np.float64)
        found: dict[str, dict[Meaning, Floats]] = {}
        gauges: list[Gauge] = []
        for figure in self._target.observe:
            values = np.array([sample.get(figure.name, math.nan) for _, sample in samples], dtype=np.float64)
            if figure.meaning in MESSAGE_MEANINGS:
                of = found.setdefault(figure.provider, {})
                of[figure.meaning] = of[figure.meaning] + values if figure.meaning in of else values
            else:
                gauges.append(Gauge(figure.name, figure.unit, figure.meaning, values))
        whole = found.pop("", None)
        return Observed(at_s, _added_up(found) if whole is None else whole, found, tuple(gauges))

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._ended.is_set():
            asked_at = time.time()
            values = self._own.read()
            # the figure is from between question and answer
            at = (asked_at + time.time()) / 2
            for source in self._foreign:
                values |= source.latest
            self._samples.append((at, values))
            due_s = max(due_s + self._interval_s, time.monotonic())
            self._ended.wait(due_s - time.monotonic())
        self._own.close()


class _Source:
    """Figures of another address, read at their own pace. `latest`: the last reading."""

    def __init__(self, figures: list[Observe], address: Address) -> None:
        self.latest: dict[str, float] = {}
        self._reader = FigureReader(figures, address)
        self._every_s = min(figure.every_s for figure in figures)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(2 * READ_TIMEOUT_S)

    def _run(self) -> None:
        while not self._ended.is_set():
            self.latest = self._reader.read()
            self._ended.wait(self._every_s)
        self._reader.close()


def _elsewhere(target: Target) -> Iterator[tuple[list[Observe], Address]]:
    """Figures that are read from other addresses than the target's, with each address checked."""
    found: dict[tuple[str, str, int], list[Observe]] = {}
    for figure in target.observe:
        if not figure.is_own:
            found.setdefault(place(figure.url), []).append(figure)
    for figures in found.values():
        elsewhere = target.model_copy(update={"base_url": figures[0].url.partition("?")[0]})
        yield figures, safety.permitted(elsewhere)[0]


def _added_up(providers: dict[str, dict[Meaning, Floats]]) -> dict[Meaning, Floats]:
    """The whole, of a target that tells only its parts."""
    whole: dict[Meaning, Floats] = {}
    for series in providers.values():
        for meaning, values in series.items():
            whole[meaning] = whole[meaning] + values if meaning in whole else values
    return whole
