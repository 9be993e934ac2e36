"""Checks that span several values of a scenario: times, shares, references, objectives.

Each check is a small function that yields complaints and is skipped alone where a value that it needs
could not be read; so one mistake never hides another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from zoneinfo import available_timezones

from scenarios.carrying import behind_complaints, carried_by, carrying_complaints, fault_complaints
from scenarios.complaints import Complaint
from scenarios.cycles import cycle_complaints
from scenarios.faults import FaultWord
from scenarios.limits import DailyCap
from scenarios.objectives import Subject, judged_names, parse_objective
from scenarios.positions import KeyPath
from scenarios.problems import BadValueError, listed, nearest
from scenarios.profiles import profile_names
from scenarios.providers import Provider
from scenarios.salvage import held
from scenarios.scenario import Scenario, zone_of
from scenarios.season import Growth, Response, Segment
from scenarios.streams import (
    EVERYONE,
    begins_inside,
    channel_complaints,
    name_complaints,
    stream_complaints,
    stream_names,
    streams_of,
)
from scenarios.tenants import are_tenants, tenant_complaints
from scenarios.upstream import Stage
from scenarios.words import Channel

BINS_MAX = 5_000_000
"""Two months of 1 s bins: beyond it the columns outgrow a laptop's memory."""


def cross_checks(scenario: Scenario, elsewhere: Mapping[str, Channel] | None) -> list[Complaint]:
    """Everything wrong with a scenario that its values do not show one by one.

    `elsewhere`: the channels of the streams of history and calendar, by name; None = one of the files could
    not be read, and references to streams are not judged.
    """
    found: list[Complaint] = []
    for check in (
        _time_zone,
        _starts_at,
        _bins,
        _growth,
        _demand_files,
        _retries,
        _service_times,
        _visibility,
        _autoscaling,
        _rehearsal,
        _asks_for_messages,
    ):
        found += held(check, scenario)
    found += _list_complaints(scenario)
    for channel in held(lambda: list(scenario.responses)):
        found += held(_funnel, channel, scenario.responses[channel])
    found += stream_complaints(scenario, elsewhere)
    found += held(tenant_complaints, scenario, streams_of(scenario))
    found += held(_stages, scenario, held(_known_streams, scenario, elsewhere))
    found += held(cycle_complaints, scenario)
    for channel in sorted(set((elsewhere or {}).values())):
        found += channel_complaints(scenario, ("demand", "history"), channel)
    known = held(_known_streams, scenario, elsewhere) or None
    found += held(_objective_lines, held(lambda: scenario.objectives.send_api), "send api", None)
    if known is not None:
        known += held(_tenants_judged, scenario)
    found += held(_objective_lines, held(lambda: scenario.objectives.season), "season", known)
    return found


def _tenants_judged(scenario: Scenario) -> list[str]:
    """What objectives call the tenants that there are."""
    return [name for name in judged_names(scenario.objectives.season) if are_tenants(scenario, name)]


def _known_streams(scenario: Scenario, elsewhere: Mapping[str, Channel] | None) -> list[str]:
    return [] if elsewhere is None else [*stream_names(scenario), *elsewhere]


def _time_zone(scenario: Scenario) -> Iterator[Complaint]:
    yield from _is_zone(("timezone",), scenario.timezone)


def _is_zone(path: KeyPath, name: str) -> Iterator[Complaint]:
    if zone_of(name) is None:
        near = nearest(name, sorted(available_timezones()))
        yield Complaint(path, "unknown time zone", 'an IANA name such as "Asia/Shanghai"', near)


def _starts_at(scenario: Scenario) -> Iterator[Complaint]:
    if scenario.starts_at.tzinfo is None:
        yield Complaint(
            ("starts_at",), "has no offset from UTC", f"{scenario.starts_at.isoformat()}+08:00, or Z for UTC"
        )


def _bins(scenario: Scenario) -> Iterator[Complaint]:
    bins = scenario.duration / scenario.bin
    if bins > BINS_MAX:
        yield Complaint(("bin",), f"makes {bins:.3g} bins of the season", f"at most {BINS_MAX:,} bins")
    elif abs(bins - round(bins)) > 1e-9 * bins or round(bins) < 1:
        yield Complaint(
            ("duration",), f"is not a whole number of bins of {scenario.bin:g} s", "a multiple of `bin`"
        )


def _growth(scenario: Scenario) -> Iterator[Complaint]:
    growth = scenario.demand.growth
    if isinstance(growth, Growth) and growth.p90 < growth.p50:
        yield Complaint(
            ("demand", "growth", "p90"),
            "is below p50",
            f"{growth.p50:g} or more: nine of ten outcomes lie below p90",
        )
    if growth != 1.0 and scenario.demand.history is None:
        yield Complaint(
            ("demand", "growth"),
            "has nothing to multiply: there is no history",
            '`history = "sends-2025.csv"`, or no growth',
        )


def _demand_files(scenario: Scenario) -> Iterator[Complaint]:
    if scenario.demand.history is None and scenario.demand.history_starts_at is not None:
        yield Complaint(
            ("demand", "history_starts_at"), "there is no history", '`history = "sends-2025.csv"`'
        )


def _retries(scenario: Scenario) -> Iterator[Complaint]:
    retries = scenario.pipeline.retries
    if retries.cap < retries.backoff:
        yield Complaint(
            ("pipeline", "retries", "cap"),
            "is shorter than the first wait",
            f"{retries.backoff:g} s (`backoff`) or longer",
        )


def _service_times(scenario: Scenario) -> Iterator[Complaint]:
    workers = scenario.pipeline.workers
    path = ("pipeline", "workers", "quantiles")
    empirical = workers.distribution == "empirical"
    if empirical and (len(workers.quantiles) < 2 or workers.quantiles[-1] == 0.0):
        yield Complaint(path, "an empirical service time needs them", "two or more, or a file of `samples`")
    if workers.quantiles and not empirical:
        yield Complaint(path, f"{workers.distribution} needs none", 'distribution = "empirical"')
    if any(later < earlier for earlier, later in pairwise(workers.quantiles)):
        yield Complaint(path, "do not ascend", "from the least service time to the greatest")


def _visibility(scenario: Scenario) -> Iterator[Complaint]:
    workers, timeout_s = scenario.pipeline.workers, scenario.pipeline.queue.visibility_timeout
    if timeout_s is not None and workers.distribution == "deterministic" and workers.service_time > timeout_s:
        yield Complaint(
            ("pipeline", "queue", "visibility_timeout"),
            "is shorter than every service: no message would ever be acknowledged",
            f"{workers.service_time:g} s (`service_time` of [pipeline.workers]) or longer",
        )


def _autoscaling(scenario: Scenario) -> Iterator[Complaint]:
    workers, path = scenario.pipeline.workers, ("pipeline", "workers", "autoscaling")
    scaling = workers.autoscaling
    if scaling is None:
        return
    if scaling.most < workers.count:
        yield Complaint((*path, "most"), "is below `count`, the least", f"{workers.count} or more")
    if scaling.on == "utilisation" and scaling.target > 1.0:
        yield Complaint((*path, "target"), "is no share of the workers' time", "above 0 to 1")


def _rehearsal(scenario: Scenario) -> Iterator[Complaint]:
    workers, scale = scenario.pipeline.workers.count, scenario.rehearsal.scale
    if workers * scale < 1.0:
        yield Complaint(
            ("rehearsal", "scale"),
            f"leaves {workers * scale:.2g} of {workers} workers",
            f"{1.0 / workers:.3g} or more, so that one is left",
        )
    if scenario.rehearsal.share == 0.0:
        yield Complaint(("rehearsal", "share"), "leaves nothing to rehearse", "above 0")


def _asks_for_messages(scenario: Scenario) -> Iterator[Complaint]:
    demand = scenario.demand
    if not (scenario.campaigns or scenario.backgrounds or demand.history or demand.calendar):
        yield Complaint(
            (), "the season asks for no message", "a [[campaign]], a [[background]] or [demand] history"
        )


def _list_complaints(scenario: Scenario) -> list[Complaint]:
    """What is wrong with segments and providers as lists."""
    found: list[Complaint] = []
    segments: dict[str, int] = {EVERYONE: -1}
    for index, segment in enumerate(held(lambda: scenario.audience.segments)):
        found += held(_is_new, ("audience", "segments", index), segment, segments)
    names: dict[str, int] = {}
    providers = held(lambda: scenario.providers)
    carried = carried_by(providers)
    for index, provider in enumerate(providers):
        found += held(_is_new, ("provider", index), provider, names)
        found += held(carrying_complaints, ("provider", index), provider, carried)
        found += held(behind_complaints, ("provider", index), provider)
        found += held(_has_profile, ("provider", index), provider)
        found += held(_limit_zones, ("provider", index), provider)
    for index, fault in enumerate(held(lambda: scenario.faults)):
        found += held(fault_complaints, ("fault", index), fault, list(names))
        found += held(_fault_inside, scenario, ("fault", index, "from"), fault)
    return found


def _fault_inside(scenario: Scenario, path: KeyPath, fault: FaultWord) -> Iterator[Complaint]:
    return begins_inside(scenario, path, fault.from_)


def _stages(scenario: Scenario, streams: Sequence[str]) -> Iterator[Complaint]:
    names: dict[str, int] = {}
    for index, stage in enumerate(scenario.upstream):
        yield from _is_new(("upstream", index), stage, names)
        for position, name in enumerate(stage.to):
            if streams and name not in streams:
                path = ("upstream", index, "to", position)
                yield Complaint(path, "unknown stream", listed(streams), nearest(name, streams))


def _has_profile(path: KeyPath, provider: Provider) -> Iterator[Complaint]:
    known = profile_names()
    if provider.profile and provider.profile not in known:
        near = nearest(provider.profile, known)
        yield Complaint((*path, "profile"), "there is no profile of that name", listed(known), near)


def _limit_zones(path: KeyPath, provider: Provider) -> Iterator[Complaint]:
    for position, limit in enumerate(provider.limits):
        if isinstance(limit, DailyCap):
            yield from _is_zone((*path, "limits", position, "timezone"), limit.timezone)


def _is_new(path: KeyPath, item: Segment | Provider | Stage, seen: dict[str, int]) -> Iterator[Complaint]:
    yield from name_complaints(path, item.name)
    if item.name in seen:
        yield Complaint((*path, "name"), "is a name that is taken already", "a name of its own")
    seen.setdefault(item.name, len(seen))


def _funnel(channel: Channel, response: Response) -> Iterator[Complaint]:
    """Who clicks has opened, who buys has clicked; a stage of 0 is not told on this channel."""
    stages = [(name, getattr(response, name)) for name in ("open_share", "click_share", "purchase_share")]
    told = [(name, share) for name, share in stages if share > 0.0]
    for (wider, more), (name, share) in pairwise(told):
        if share > more:
            yield Complaint(("response", channel, name), f"is above {wider}", f"at most {more:g}")


def _objective_lines(
    lines: Sequence[str], subject: Subject, streams: Sequence[str] | None
) -> Iterator[Complaint]:
    key = subject.replace(" ", "_")
    for position, line in enumerate(lines):
        path = ("objectives", key, position)
        try:
            stream = parse_objective(line, subject).stream
        except BadValueError as error:
            yield Complaint(path, error.message, error.allowed, error.nearest)
            continue
        if stream and streams is not None and stream not in streams:
            yield Complaint(path, f'unknown stream "{stream}"', listed(streams), nearest(stream, streams))
