"""What the season asks for before any customer answers: campaigns, backgrounds, last year's sends.

Every stream draws from random streams of its own name, so that adding one changes no other's numbers.
Totals do not depend on the bins: they are drawn by the minute, or counted, and then laid on the bins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from scenarios.catalogue import Loaded
from scenarios.scenario import Scenario
from scenarios.season import Background, Campaign, Growth, Trigger
from sim.season.audience import recipients
from sim.season.noise import scattered, wander
from sim.season.timetable import Timetable, timetable
from sim.seeds import stream as random_stream
from sim.traffic import EVERY_TENANT, Cause, Stream, Traffic

_P90 = NormalDist().inv_cdf(0.9)

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Row:
    """One stream's messages per bin, and how many more were suppressed."""

    stream: Stream
    counts: Whole
    suppressed: int = 0


def base_traffic(loaded: Loaded, seed: int) -> Traffic:
    """The season's traffic without triggered sends, whose streams are there with counts of 0."""
    scenario, clock = loaded.scenario, timetable(loaded.scenario)
    rows = [
        *(_campaign(scenario, clock, campaign, seed) for campaign in scenario.campaigns),
        *(_background(scenario, clock, background, seed) for background in scenario.backgrounds),
        *_history(loaded, clock, seed),
        *_triggered(scenario, clock),
    ]
    counts = np.array([row.counts for row in rows], dtype=np.int64).reshape(len(rows), clock.bins)
    suppressed = np.array([row.suppressed for row in rows], dtype=np.int64)
    return Traffic(
        streams=tuple(row.stream for row in rows),
        starts_at=clock.starts_at,
        bin_s=clock.bin_s,
        counts=counts,
        planned=counts.sum(axis=1) + suppressed,
        suppressed=suppressed,
        seed=seed,
        scenario=loaded.name,
    )


def growth_factor(growth: Growth | float, seed: int) -> float:
    """This season's factor on last year's volume: a number as it is, a `Growth` drawn from its lognormal."""
    if isinstance(growth, Growth):
        sigma = math.log(growth.p90 / growth.p50) / _P90
        return growth.p50 * math.exp(sigma * random_stream(seed, "demand", "growth").standard_normal())
    return growth


def _wander(scenario: Scenario, clock: Timetable, name: str, seed: int, noise: float | None = None) -> Floats:
    """float64 (minutes,): how far a stream strays, by `noise` or as the season's demand does."""
    demand, minutes = scenario.demand, len(clock.minute_edges_s) - 1
    rng = random_stream(seed, "demand", name, "noise")
    return wander(rng, minutes, demand.noise if noise is None else noise, demand.noise_correlation)


def _on_bins(clock: Timetable, per_minute: Floats) -> Whole:
    """Messages per minute laid evenly on the bins; rounded where cumulated, so the total is right to 0.5."""
    cumulated = np.concatenate(([0.0], np.cumsum(per_minute)))
    at_edges = np.rint(np.interp(clock.edges_s, clock.minute_edges_s, cumulated)).astype(np.int64)
    return np.asarray(np.diff(at_edges), dtype=np.int64)


def _campaign(scenario: Scenario, clock: Timetable, campaign: Campaign, seed: int) -> _Row:
    """Released from its start at its rate, the pace straying with the noise, until all are out.

    What would be due before the season or after it is left out, its share of the suppressed with it.
    """
    to = recipients(scenario.audience, campaign)
    pace = _wander(scenario, clock, campaign.name, seed, scenario.demand.release_noise)
    since_s = _since(clock, clock.seconds_to(campaign.start), pace)
    released = np.rint(np.clip(campaign.release * since_s, 0.0, to.offered)).astype(np.int64)
    counts = np.diff(released)
    inside = float(counts.sum()) / to.offered if to.offered else 1.0
    return _Row(_stream(campaign, "campaign"), counts, round(to.suppressed * inside))


def _stream(told: Campaign | Background | Trigger, cause: Cause) -> Stream:
    """Messages that the scenario's own file asks for."""
    tenant = EVERY_TENANT if told.tenant is None else str(told.tenant)
    return Stream(told.name, told.channel, told.name, told.priority, told.freshness, cause, tenant=tenant)


def _since(clock: Timetable, start_s: float, pace: Floats) -> Floats:
    """Seconds of release at full rate from `start_s` to each bin's edge; `pace` (minutes,) stretches time."""
    minutes_s = clock.minute_edges_s
    paced_s = np.concatenate(([0.0], np.cumsum(pace * np.diff(minutes_s))))
    if start_s < 0.0 or start_s > minutes_s[-1]:
        return np.interp(clock.edges_s, minutes_s, paced_s) - start_s
    return np.interp(clock.edges_s, minutes_s, paced_s) - np.interp(start_s, minutes_s, paced_s)


def _background(scenario: Scenario, clock: Timetable, background: Background, seed: int) -> _Row:
    """Independent messages whose rate follows the local clock and the noise."""
    by_minute = _shape(clock, background)
    pace = _wander(scenario, clock, background.name, seed)
    per_s = background.rate * (by_minute * pace)
    expected = per_s[clock.minute_of_second] * clock.second_lengths_s
    rng = random_stream(seed, "demand", background.name, "messages")
    counts = scattered(rng, expected, clock.second_edges_s, clock.edges_s)
    return _Row(_stream(background, "background"), counts)


def _shape(clock: Timetable, background: Background) -> Floats:
    """float64 (minutes,): the rate of each minute, relative to the mean."""
    shape = np.ones(clock.local.shape[1])
    for at, weights in zip(
        clock.local, (background.daily, background.hourly, background.minutely), strict=True
    ):
        if weights:
            shape *= (np.array(weights) / np.mean(weights))[at % len(weights)]
    return shape


def _history(loaded: Loaded, clock: Timetable, seed: int) -> Iterator[_Row]:
    """Last year's minutes times growth and noise, spread evenly over their bins."""
    if loaded.history is None:
        return
    factor = growth_factor(loaded.scenario.demand.growth, seed)
    minutes = len(clock.minute_edges_s) - 1
    for known, last_year in zip(loaded.history.streams, loaded.history.minutes, strict=True):
        pace = _wander(loaded.scenario, clock, known.name, seed)
        covered = np.zeros(minutes)
        covered[: len(last_year)] = last_year[:minutes]
        stream = Stream(
            known.name, known.channel, known.campaign, known.priority, known.freshness_s, "history"
        )
        yield _Row(stream, _on_bins(clock, covered * factor * pace))


def _triggered(scenario: Scenario, clock: Timetable) -> Iterator[_Row]:
    for trigger in scenario.triggers:
        yield _Row(_stream(trigger, "trigger"), np.zeros(clock.bins, dtype=np.int64))
