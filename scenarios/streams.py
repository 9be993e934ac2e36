"""What a scenario sends, stream by stream: names, references, channels, who can be reached."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from scenarios.complaints import Complaint
from scenarios.positions import KeyPath
from scenarios.problems import listed, nearest
from scenarios.salvage import held
from scenarios.scenario import Scenario
from scenarios.season import Background, Campaign, Trigger
from scenarios.words import Channel

EVERYONE = "everyone"
NAME_LENGTH_MAX = 80
NAME_ALLOWED = f"1 to {NAME_LENGTH_MAX} characters without brackets, commas or quotes"

_NAME = re.compile(r"[^\s\[\],\"'\x00-\x1f]([^\[\],\"'\x00-\x1f]*[^\s\[\],\"'\x00-\x1f])?")

_LENGTHS = {
    "hourly": ("24, from hour 0 to hour 23, or none", 24),
    "minutely": ("60, from minute 0 to minute 59, or none", 60),
}
"""How many weights shape a background; any number of days."""

AnyStream = Campaign | Background | Trigger


def stream_name(text: str) -> str:
    """A team's own name as a stream's: what objectives and `--set` use to take names apart is replaced."""
    cleaned = re.sub(r"[\[\],\"'\x00-\x1f]+", "-", text).strip(" -")[: NAME_LENGTH_MAX - 12]
    return cleaned or "unnamed"


def streams_of(scenario: Scenario) -> list[tuple[KeyPath, AnyStream]]:
    """Every stream that the scenario's file names, with its path in the file."""
    found: list[tuple[KeyPath, AnyStream]] = []
    found += [(("campaign", i), stream) for i, stream in enumerate(held(lambda: scenario.campaigns))]
    found += [(("background", i), stream) for i, stream in enumerate(held(lambda: scenario.backgrounds))]
    found += [(("trigger", i), stream) for i, stream in enumerate(held(lambda: scenario.triggers))]
    return found


def stream_names(scenario: Scenario) -> list[str]:
    """The names of all streams of the file, without those of single streams that could not be read."""
    tables: tuple[Sequence[AnyStream], ...] = (scenario.campaigns, scenario.backgrounds, scenario.triggers)
    return [name for table in tables for stream in table for name in held(lambda s: [s.name], stream)]


def segment_names(scenario: Scenario) -> list[str]:
    """The names that a campaign's `segment` may have."""
    return [EVERYONE, *(segment.name for segment in scenario.audience.segments)]


def stream_complaints(scenario: Scenario, elsewhere: Mapping[str, Channel] | None) -> list[Complaint]:
    """What is wrong with the streams, each against the rest of the scenario.

    `elsewhere`: the channels of the streams of history and calendar, by name; None = not known.
    """
    found: list[Complaint] = []
    seen: dict[str, KeyPath] = dict.fromkeys(elsewhere or (), ())
    for path, stream in streams_of(scenario):
        found += held(_name, path, stream, seen)
        for channel in held(lambda s: [s.channel], stream):
            found += channel_complaints(scenario, (*path, "channel"), channel)
        if isinstance(stream, Campaign):
            found += campaign_complaints(scenario, path, stream)
        if isinstance(stream, Background):
            for key in ("daily", *_LENGTHS):
                found += held(_weights, path, stream, key)
        if isinstance(stream, Trigger):
            found += held(_trigger_is_allowed, scenario, path, stream)
            found += held(_causes_exist, scenario, path, stream, elsewhere)
    return found


def campaign_complaints(scenario: Scenario, path: KeyPath, campaign: Campaign) -> list[Complaint]:
    """What is wrong with one campaign against the season and its audience; a calendar's rows use it too."""
    found = held(_starts_inside, scenario, path, campaign)
    segment = held(_segment_exists, scenario, path, campaign)
    return found + segment + ([] if segment else held(_reaches_somebody, scenario, path, campaign))


def name_complaints(path: KeyPath, name: str) -> Iterator[Complaint]:
    """What is wrong with a name by itself."""
    if len(name) > NAME_LENGTH_MAX or not _NAME.fullmatch(name):
        yield Complaint((*path, "name"), "is not a name", NAME_ALLOWED)


def _name(path: KeyPath, stream: AnyStream, seen: dict[str, KeyPath]) -> Iterator[Complaint]:
    yield from name_complaints(path, stream.name)
    if stream.name in seen:
        other = seen[stream.name]
        where = (
            f"{other[0]} number {int(other[1]) + 1}" if other else "a stream of the history or the calendar"
        )
        yield Complaint(
            (*path, "name"),
            f"is the name of {where} already",
            "campaigns, backgrounds and triggers share one set of names",
        )
    seen.setdefault(stream.name, path)


def channel_complaints(scenario: Scenario, path: KeyPath, channel: Channel) -> list[Complaint]:
    """What a channel in use lacks: a provider, a word on how customers answer."""
    return held(_carried, scenario, path, channel) + held(_answered, scenario, path, channel)


def _carried(scenario: Scenario, path: KeyPath, channel: Channel) -> Iterator[Complaint]:
    carried = sorted({known for provider in scenario.providers for known in provider.channels})
    if channel not in carried:
        yield Complaint(
            path, f"no provider carries {channel}", f"a [[provider]] for it, or {', '.join(carried)}"
        )


def _answered(scenario: Scenario, path: KeyPath, channel: Channel) -> Iterator[Complaint]:
    if channel not in scenario.responses:
        reason = f"how customers answer on {channel} is not said"
        yield Complaint(path, reason, f"a table [response.{channel}]")


def _starts_inside(scenario: Scenario, path: KeyPath, campaign: Campaign) -> Iterator[Complaint]:
    return begins_inside(scenario, (*path, "start"), campaign.start)


def begins_inside(scenario: Scenario, path: KeyPath, moment: datetime) -> Iterator[Complaint]:
    """A campaign, or a fault, that begins before the season or after it."""
    if scenario.starts_at.tzinfo is None or moment.tzinfo is None:
        return  # the missing offset or the unknown time zone is complained of itself
    after_s = (moment - scenario.starts_at).total_seconds()
    if not 0 <= after_s < scenario.duration:
        side = "before the season begins" if after_s < 0 else "after the season has ended"
        yield Complaint(
            path,
            f"is {side}",
            f"from {scenario.starts_at.isoformat()} on, within the season's {scenario.duration / 3600:g} h",
        )


def _segment_exists(scenario: Scenario, path: KeyPath, campaign: Campaign) -> Iterator[Complaint]:
    known = segment_names(scenario)
    if campaign.segment not in known:
        yield Complaint(
            (*path, "segment"), "unknown segment", listed(known), nearest(campaign.segment, known)
        )


def _reaches_somebody(scenario: Scenario, path: KeyPath, campaign: Campaign) -> Iterator[Complaint]:
    audience = scenario.audience
    if not audience.reach.get(campaign.channel):
        yield _unreached(path, campaign.channel)
        return
    share = {EVERYONE: 1.0} | {segment.name: segment.share for segment in audience.segments}
    receivers = audience.size * audience.reach[campaign.channel] * share[campaign.segment] * campaign.share
    if receivers < 0.5:
        yield Complaint(
            (*path, "share" if campaign.share == 0 else "segment"),
            "writes to nobody",
            "at least one customer",
        )


def _trigger_is_allowed(scenario: Scenario, path: KeyPath, trigger: Trigger) -> Iterator[Complaint]:
    if not scenario.audience.reach.get(trigger.channel):
        yield _unreached(path, trigger.channel)


def _unreached(path: KeyPath, channel: str) -> Complaint:
    return Complaint(
        (*path, "channel"),
        f"nobody may be written to on {channel}",
        f"a share above 0 for {channel} in [audience] reach",
    )


def _weights(path: KeyPath, background: Background, key: str) -> Iterator[Complaint]:
    weights: tuple[float, ...] = getattr(background, key)
    asked, length = _LENGTHS.get(key, ("", len(weights)))
    if weights and len(weights) != length:
        yield Complaint((*path, key), f"has {len(weights)} weights", asked)
    for at, weight in enumerate(weights):
        if weight < 0:
            yield Complaint((*path, key, at), "a weight is below 0", "0 or more")
    if weights and not any(weight > 0 for weight in weights):
        yield Complaint((*path, key), "all weights are 0", "at least one above 0")


def _causes_exist(
    scenario: Scenario, path: KeyPath, trigger: Trigger, elsewhere: Mapping[str, Channel] | None
) -> Iterator[Complaint]:
    if elsewhere is None:
        return
    known = [*stream_names(scenario), *elsewhere]
    for position, name in enumerate(trigger.to):
        if name not in known:
            yield Complaint((*path, "to", position), "unknown stream", listed(known), nearest(name, known))
