"""The least value of a key with which every objective is met with a stated probability.

More is taken to be better (workers, rates, a later start), or the search says that it found none: a seed that
meets the objectives with less is taken to meet them with more, until all seeds are asked at the answer. All
values meet the same seeds. Two seeds lead the search to where it matters; there the others join in, those
first that missed with most. How many may miss there is a tolerance bound: `may_miss`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scenarios.catalogue import Loaded
from scenarios.problems import UserError
from sim.experiments.axis import Axis, with_settings
from sim.experiments.trials import Laboratory, Trial

STEP_SHARE = 0.005
"""The search ends this close to a value that misses, or at the next whole number or minute."""
DOUBLINGS = 12
MOMENTS = 24
"""Moments tried across the season before the first that holds is narrowed down."""
LEADERS = 2
CONFIDENCE = 0.95
"""How sure an answer is to be enough with the probability asked for, where there are seeds enough."""


@dataclass(frozen=True)
class Found:
    """value: as text for `--set`, None where no value tried meets the objectives; place: on the axis.

    met_share: of all replications, at `value`; confidence: how sure it is, then, that other seasons meet the
    objectives with the probability asked for. misses_at: the greatest value known to miss, None where even
    the least tried meets. trials: of `value`. simulated: how many seasons were simulated.
    """

    key: str
    value: str | None
    place: float
    met_share: float
    confidence: float
    misses_at: str | None
    trials: tuple[Trial, ...]
    simulated: int


class _Search:
    """What is known by place and seed. `missing`: how many seeds may miss."""

    def __init__(
        self, loaded: Loaded, axis: Axis, seeds: Sequence[int], missing: int, laboratory: Laboratory
    ) -> None:
        self._loaded, self._seeds, self._laboratory = loaded, tuple(seeds), laboratory
        self.axis, self._missing = axis, missing
        self._scenarios: dict[float, Loaded] = {}
        self.known: dict[float, dict[int, Trial]] = {}

    def leads(self, place: float) -> bool:
        """Whether the leading seeds meet the objectives."""
        seeds = self._seeds[:LEADERS]
        if self._fits(place):
            self._ask(place, [seed for seed in seeds if self._known(place, seed) is None])
        return self._fits(place) and all(self._known(place, seed) for seed in seeds)

    def holds(self, place: float) -> bool:
        """Whether no more seeds miss than may, as far as they must be asked to know."""
        if not self._fits(place):
            return False
        told = {seed: self._known(place, seed) for seed in self._seeds}
        ask = sorted((s for s in self._seeds if told[s] is None), key=self._missed_at, reverse=True)
        missed = sum(known is False for known in told.values())
        while missed <= self._missing < missed + len(ask):
            batch, ask = ask[: self._laboratory.width], ask[self._laboratory.width :]
            self._ask(place, batch)
            missed += sum(not self.known[place][seed].meets for seed in batch)
        return missed <= self._missing

    def confirmed(self, place: float) -> bool:
        """The same with every seed asked at this very place."""
        self._ask(place, [seed for seed in self._seeds if seed not in self.known[place]])
        return sum(not trial.meets for trial in self.known[place].values()) <= self._missing

    def _known(self, place: float, seed: int) -> bool | None:
        if seed in self.known.get(place, {}):
            return self.known[place][seed].meets
        told = [(at, trials[seed].meets) for at, trials in self.known.items() if seed in trials]
        if any(at <= place and meets for at, meets in told) and not self.axis.moment:
            return True
        return (
            False if any(at >= place and not meets for at, meets in told) and not self.axis.moment else None
        )

    def _missed_at(self, seed: int) -> float:
        places = (at for at, trials in self.known.items() if seed in trials and not trials[seed].meets)
        return max(places, default=-math.inf)

    def _ask(self, place: float, seeds: Sequence[int]) -> None:
        trials = self._laboratory.trials([(self._scenario(place), seed) for seed in seeds])
        self.known.setdefault(place, {}).update(zip(seeds, trials, strict=True))

    def _fits(self, place: float) -> bool:
        """Whether the scenario's words allow the place; where the scenario stands they do."""
        try:
            self._scenario(place)
        except UserError:
            if place == self.axis.at:
                raise
            return False
        return True

    def _scenario(self, place: float) -> Loaded:
        if place not in self._scenarios:
            self._scenarios[place] = with_settings(self._loaded, [self.axis.setting(place)])
        return self._scenarios[place]


def find(
    loaded: Loaded, axis: Axis, seeds: Sequence[int], probability: float, laboratory: Laboratory
) -> Found:
    """The least place on the axis at which a season meets every objective with this probability."""
    missing = may_miss(probability, len(seeds))
    search = _Search(loaded, axis, seeds, missing, laboratory)
    low, high = _moments(search) if axis.moment else _bracket(search)
    if high is not None:
        low, high = _narrowed(search.leads, axis, low, high, laboratory)
        low, high = _around(search, low, high)
    while high is not None:
        low, high = _narrowed(search.holds, axis, low, high, laboratory)
        if search.confirmed(high):
            break
        low, high = high, _up(search, high)
    return _found(search, low, high, confidence(probability, len(seeds), missing))


def may_miss(probability: float, seeds: int) -> int:
    """How many of the seeds may miss, for CONFIDENCE that other seasons meet with this probability.

    Where so few seeds cannot make that sure, none may miss, and `confidence` says what is left.
    """
    missing = 0
    while confidence(probability, seeds, missing + 1) >= CONFIDENCE:
        missing += 1
    return missing


def confidence(probability: float, seeds: int, missing: int) -> float:
    """How sure it is that the least value with which so many seeds miss is enough with this probability.

    That value is what one of the seeds needs, by its place in their order; the share of all seasons that need
    no more is beta distributed, whatever seasons need (Wilks, Ann. Math. Stat. 12, 1941), as long as more is
    never worse. 29 seeds of which none misses are 95 % sure of 90 %.
    """
    missed = 1.0 - probability
    fewer = (math.comb(seeds, k) * missed**k * probability ** (seeds - k) for k in range(missing + 1))
    return max(0.0, 1.0 - sum(fewer))


def _narrowed(
    holds: Callable[[float], bool], axis: Axis, low: float | None, high: float, laboratory: Laboratory
) -> tuple[float | None, float]:
    """A place that misses and one that holds, a step apart."""
    if low is None:
        return None, high
    wide = high - low
    while high - low > _step(axis, high):
        steps = math.log2(max(1.0, wide / _step(axis, high)))
        laboratory.watcher.tell("plan", math.log2(wide / (high - low)), steps, axis.text(high))
        middle = axis.snapped((low + high) / 2.0)
        if not low < middle < high:
            break
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low, high


def _bracket(search: _Search) -> tuple[float | None, float | None]:
    """A place that misses and a greater one that holds: from where the scenario stands, doubled or halved."""
    axis, place = search.axis, search.axis.at
    if not search.leads(place):
        return _doubled(search, place)
    for _ in range(DOUBLINGS):
        lower = axis.snapped(max(place / 2.0, axis.step))
        if lower >= place:
            return None, place
        if not search.leads(lower):
            return lower, place
        place = lower
    return None, place


def _doubled(search: _Search, place: float) -> tuple[float, float | None]:
    for _ in range(DOUBLINGS):
        before, place = place, search.axis.snapped(place * 2.0)
        if search.leads(place):
            return before, place
    return place, None


def _around(search: _Search, low: float | None, high: float) -> tuple[float | None, float | None]:
    """The same bracket for all seeds in the place of those that led to it."""
    if not search.holds(high):
        return high, _up(search, high)
    if search.axis.moment:
        return low, high
    while low is not None and search.holds(low):
        low, high = search.axis.snapped(low - 2.0 * _step(search.axis, low)), low
        if low <= 0.0:
            return None, high
    return low, high


def _up(search: _Search, place: float) -> float | None:
    """A greater place that holds, the steps growing."""
    axis, step = search.axis, _step(search.axis, place)
    for _ in range(2 * DOUBLINGS):
        place, step = axis.snapped(place + step), 2.0 * step
        if axis.moment and place > axis.most:
            return None
        if search.holds(place):
            return place
    return None


def _moments(search: _Search) -> tuple[float | None, float | None]:
    before = None
    for k in range(MOMENTS + 1):
        place = search.axis.snapped(search.axis.most * k / MOMENTS)
        if search.leads(place):
            return before, place
        before = place
    return before, None


def _step(axis: Axis, place: float) -> float:
    return max(axis.step, 0.0 if axis.moment else STEP_SHARE * place)


def _found(search: _Search, low: float | None, high: float | None, sure: float) -> Found:
    axis, simulated = search.axis, sum(len(trials) for trials in search.known.values())
    misses_at = None if low is None else axis.text(low)
    if high is None:
        return Found(axis.key, None, math.nan, 0.0, 0.0, misses_at, (), simulated)
    trials = tuple(search.known[high].values())
    met = sum(trial.meets for trial in trials) / len(trials)
    return Found(axis.key, axis.text(high), high, met, sure, misses_at, trials, simulated)
