"""What to change: actions computed from the run's own numbers, the one that moves the verdict most first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtests.farside import FarProvider
from reports import units
from reports.bottleneck import far_words
from reports.capacity import least_draining_rate_per_s, least_rate_per_s
from reports.findings import Action, Resource
from reports.judgement import MARGIN
from scenarios.providers import Provider
from scenarios.scenario import Scenario
from sim.pipeline.redelivery import carried_per_s
from sim.traffic import MINUTE_S, Traffic, peak, window


@dataclass(frozen=True)
class Situation:
    """The numbers that actions are made of. Rates are messages/s at the rehearsed scale and share.

    scenario: as simulated again, at full scale; traffic likewise. `scaling` is scale x share.
    limited_by: what limited the ceiling ("" without one). valid: ceiling and peak replay can be trusted.
    stages: busiest first. season_misses: a season objective is missed in the simulation.
    drain_s_max: the drain time that the season asks for and misses, else None. behind: the provider that
    was measured to hold deliveries back at the lowest rate that broke. unauthorized: the target refused the
    credentials every time.
    """

    scenario: Scenario
    traffic: Traffic
    scaling: float
    ceiling_low_per_s: float | None
    peak_p90_per_s: float | None
    limited_by: str
    valid: bool
    stages: tuple[Resource, ...]
    season_misses: bool
    drain_s_max: float | None = None
    behind: FarProvider | None = None
    unauthorized: bool = False

    @property
    def wanted_per_s(self) -> float:
        """What the target should hold: the P90 peak with its margin."""
        return MARGIN * (self.peak_p90_per_s or 0.0)

    @property
    def short(self) -> bool:
        """Whether the ceiling is below that."""
        return self.ceiling_low_per_s is not None and self.ceiling_low_per_s < self.wanted_per_s


def actions(situation: Situation) -> tuple[Action, ...]:
    """What to change, in the order in which it moves the verdict. Empty when nothing needs to change."""
    rules: tuple[Callable[[Situation], list[Action]], ...] = (
        _measure_again,
        _raise_own_limit,
        _add_workers,
        _raise_behind,
        _ask_provider,
        _stretch_campaign,
        _search_higher,
    )
    return tuple(action for rule in rules for action in rule(situation))


def _measure_again(s: Situation) -> list[Action]:
    if s.unauthorized:
        return [Action("give peakday a key that the target accepts", "it answered nothing but 401 or 403")]
    if s.valid and s.limited_by != "generator":
        return []
    return [
        Action(
            "repeat the measurement on a quieter machine or with a longer --budget",
            "only a valid ceiling can be compared with the peak",
        )
    ]


def _raise_own_limit(s: Situation) -> list[Action]:
    if not (s.short and s.limited_by == "limit" and s.ceiling_low_per_s):
        return []
    text = f"raise the send API's rate limit to {units.rate(units.rounded_up(s.wanted_per_s))} or more"
    today, asked = units.rate(s.ceiling_low_per_s), units.rate(s.peak_p90_per_s)
    effect = f"it refuses above {today} today; the P90 peak asks {asked}"
    return [Action(text, effect)]


def _add_workers(s: Situation) -> list[Action]:
    """Workers in proportion to the missing throughput: a c-server stage carries c / service time."""
    busy = next((stage.busy_share_max for stage in s.stages if stage.name == "workers"), 0.0)
    count = s.scenario.pipeline.workers.count
    if s.short and not s.behind and s.limited_by in ("latency", "backlog", "errors") and s.ceiling_low_per_s:
        needed = math.ceil(count * s.wanted_per_s / s.ceiling_low_per_s)
    elif s.season_misses and busy >= 0.9:
        needed = math.ceil(count * _worker_shortage(s))
    else:
        return []
    if needed <= count:
        return []
    effect = f"SIMULATED: about {units.rate(_carried(s, needed))} at the same work per message"
    scaling, changed = s.scenario.pipeline.workers.autoscaling, f"pipeline.workers.count={needed}"
    if scaling and needed > scaling.most:
        changed = f"pipeline.workers.autoscaling.most={needed}"
        return [Action(f"let workers grow from {scaling.most:,} to {needed:,}", effect, changed)]
    return [Action(f"raise workers from {count:,} to {needed:,}", effect, changed)]


def _worker_shortage(s: Situation) -> float:
    workers = s.scenario.pipeline.workers
    every = range(len(s.traffic.streams))
    return _needed_per_s(s, every) / carried_per_s(workers)


def _needed_per_s(s: Situation, streams: Sequence[int]) -> float:
    """The rate that keeps these streams fresh and, where the drain time is missed, drains them in time."""
    fresh = least_rate_per_s(s.traffic, streams)
    if s.drain_s_max is None:
        return fresh
    return max(fresh, least_draining_rate_per_s(s.traffic, streams, s.drain_s_max))


def _carried(s: Situation, workers: int) -> float:
    if s.short and s.ceiling_low_per_s:
        return s.ceiling_low_per_s * workers / s.scenario.pipeline.workers.count
    today = s.scenario.pipeline.workers
    return carried_per_s(today) * workers / today.count * s.scaling


def _raise_behind(s: Situation) -> list[Action]:
    """The provider whose queue was measured to grow: its rate in proportion to what is missing."""
    if not (s.short and s.ceiling_low_per_s and s.behind):
        return []
    return [_raised(s.behind, s.wanted_per_s / s.ceiling_low_per_s, s.scaling)]


def _raised(far: FarProvider, factor: float, scaling: float) -> Action:
    needed = units.rate(units.rounded_up(far.delivered_per_s * factor))
    full = "" if scaling == 1.0 else f" ({units.rate(far.delivered_per_s * factor / scaling)} at full scale)"
    text = f"raise {far_words(far.name)} from {units.rate(far.delivered_per_s)} to {needed}{full} or more"
    return Action(text, "MEASURED: its queue grew while it delivered all that it could")


def _ask_provider(s: Situation) -> list[Action]:
    """For each saturated provider: the least rate at which every message of its channels goes out fresh."""
    saturated = {stage.name: stage for stage in s.stages if stage.saturated_s > 0.0}
    found = []
    for provider in s.scenario.providers:
        if s.behind and s.short and provider.name == s.behind.name:
            continue
        if f"provider:{provider.name}" in saturated and provider.limits:
            found += _provider_action(s, provider, saturated[f"provider:{provider.name}"])
    return found


def _provider_action(s: Situation, provider: Provider, stage: Resource) -> list[Action]:
    now = min(limit.minute_per_s for limit in provider.limits)
    mine = [i for i, stream in enumerate(s.traffic.streams) if stream.channel in provider.channels]
    needed = units.rounded_up(_needed_per_s(s, mine))
    if needed <= now:
        return []
    effect = (
        f"SIMULATED: it is saturated for {units.duration(stage.saturated_s)}; "
        f"from that rate on every message goes out within its freshness{_drained(s)}"
    )
    return [
        Action(f"ask {provider.name} for {units.rate(needed)} or more instead of {units.rate(now)}", effect)
    ]


def _drained(s: Situation) -> str:
    return "" if s.drain_s_max is None else f" and the backlog drains within {units.duration(s.drain_s_max)}"


def _stretch_campaign(s: Situation) -> list[Action]:
    """The greatest campaign of the peak minute, released slower, so that the peak fits under the ceiling."""
    if not (s.short and s.ceiling_low_per_s and s.peak_p90_per_s and s.scenario.campaigns):
        return []
    minute = window(s.traffic, peak(s.traffic.per_bin(), s.traffic.bin_s).start_s, MINUTE_S)
    by_campaign = _by_campaign(minute)
    name, at_peak = max(by_campaign.items(), key=lambda item: item[1], default=("", 0.0))
    if not name or at_peak <= 0.0:
        return []
    total = float(minute.counts.sum()) / minute.duration_s
    allowed = at_peak - total * (1.0 - s.ceiling_low_per_s / s.wanted_per_s)
    return [_stretched(s, name, at_peak, allowed)] if allowed > 0.05 * at_peak else []


def _stretched(s: Situation, name: str, at_peak: float, allowed: float) -> Action:
    campaign = next(c for c in s.scenario.campaigns if c.name == name)
    sends = float(
        sum(
            s.traffic.counts[i].sum() for i, stream in enumerate(s.traffic.streams) if stream.campaign == name
        )
    )
    lasts_s = sends / campaign.release
    over, today = units.duration(lasts_s * at_peak / allowed), units.duration(lasts_s)
    text = f"release {name} over {over} instead of {today}"
    was, becomes = units.rate_per_min(at_peak), units.rate_per_min(allowed)
    effect = f"SIMULATED: its minute falls from {was} to {becomes} (full season)"
    return Action(text, effect, f"campaign.{name}.release={_setting(campaign.release * allowed / at_peak)}/s")


def _search_higher(s: Situation) -> list[Action]:
    if s.limited_by != "nothing" or not s.valid:
        return []
    text = "search on with a longer --budget to learn where it breaks"
    return [Action(text, f"{units.rate(s.ceiling_low_per_s)} is a lower bound: nothing broke")]


def _by_campaign(minute: Traffic) -> dict[str, float]:
    """Messages/s of each campaign in the minute."""
    found: dict[str, float] = {}
    for stream, counts in zip(minute.streams, minute.counts, strict=True):
        if stream.cause == "campaign":
            found[stream.campaign] = found.get(stream.campaign, 0.0) + float(counts.sum()) / minute.duration_s
    return found


def _setting(value: float) -> str:
    """A figure as one types it: no powers of ten."""
    return f"{value:.0f}" if value >= 1000.0 else f"{value:.4g}"
