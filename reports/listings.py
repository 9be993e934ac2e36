"""Seasons and simulations in words for a terminal: scenarios in a list, one season shown, one simulated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from textwrap import wrap
from zoneinfo import ZoneInfo

import numpy as np

from reports import units, words
from reports.findings import Cell, ObjectiveFinding, Season, Table
from reports.limitwords import limit_in_words
from reports.pathwords import fault_in_words, path_in_words, tenants_in_words
from reports.sketch import columns, plot
from scenarios.catalogue import Loaded, Summary
from scenarios.scenario import Scenario
from sim.traffic import MINUTE_S, Stream, Traffic, peak, window

PLOT_ROWS = 8
PEAK_STREAMS = 4
"""How many streams of the peak minute are named."""
_TENANTS = ("tenants, by rank", "offered", "fresh", "delay p50", "delay p99")


def scenario_list(summaries: Iterable[Summary]) -> str:
    """One line a scenario: name and title."""
    return "\n".join(columns([(s.name, s.title) for s in summaries]))


def season(loaded: Loaded, traffic: Traffic, width: int = 80) -> str:
    """A season in words: volume, plot, peak and its causes, streams, send path, limits, objectives.

    `traffic` is what campaigns, backgrounds and history offer; triggered sends are known once simulated.
    """
    parts = [
        _heading(loaded, traffic),
        _plot(loaded.scenario, traffic, width),
        _peak(loaded.scenario, traffic),
        _titled("Streams", _streams(traffic)),
        _titled("Send path", _send_path(loaded.scenario)),
        _titled("Objectives", _objectives(loaded.scenario)),
        _titled("Assumptions", _assumptions(loaded.scenario, width)),
    ]
    return "\n\n".join(part for part in parts if part)


def simulated(season_: Season, objectives: Sequence[ObjectiveFinding], tenants: Table | None = None) -> str:
    """A simulated season: fates, delay, backlog, drain, how each group of tenants fares, its objectives."""
    lines = columns(words.season_lines(season_))
    if tenants is not None:
        lines += ["", *columns([_TENANTS, *map(_tenant, tenants.rows)], right=(1, 2, 3, 4))]
    found = [
        (words.state(o.holds), o.name, words.reached(o), o.because if o.holds is None else "")
        for o in objectives
    ]
    return "\n".join([*lines, "", *columns(found)]).rstrip()


def _tenant(row: Sequence[Cell]) -> tuple[str, ...]:
    """A row of the table of tenants, as far as a terminal has room."""
    name, offered, *_, fresh, p50, p99 = row
    offered, fresh, p50, p99 = (
        None if isinstance(cell, str) else cell for cell in (offered, fresh, p50, p99)
    )
    return str(name), units.count(offered), units.percent(fresh), units.duration(p50), units.duration(p99)


def _heading(loaded: Loaded, traffic: Traffic) -> str:
    scenario = loaded.scenario
    local = traffic.starts_at.astimezone(ZoneInfo(scenario.timezone))
    planned, suppressed = int(traffic.planned.sum()), int(traffic.suppressed.sum())
    offered = int(traffic.counts.sum())
    lines = [
        scenario.title,
        scenario.description,
        "",
        f"{local:%a %Y-%m-%d %H:%M} {scenario.timezone}, {units.duration(traffic.duration_s)}; "
        f"audience {units.count(scenario.audience.size)}",
        f"{units.count(planned)} messages planned, {units.count(suppressed)} suppressed "
        f"(consent, caps, hygiene), {units.count(offered)} offered",
    ]
    return "\n".join(lines)


def _plot(scenario: Scenario, traffic: Traffic, width: int) -> str:
    step_bins = max(1, round(60.0 / traffic.bin_s)) if traffic.duration_s > 3600.0 else 1
    per_bin = traffic.per_bin().astype(np.float64)
    starts = np.arange(0, len(per_bin), step_bins)
    minutes = np.add.reduceat(per_bin, starts) * 60.0 / (step_bins * traffic.bin_s)
    local = traffic.starts_at.astimezone(ZoneInfo(scenario.timezone))
    lines = plot(minutes, width=width, height=PLOT_ROWS, starts_at=local, step_s=step_bins * traffic.bin_s)
    return "\n".join(["messages/min", *lines])


def _peak(scenario: Scenario, traffic: Traffic) -> str:
    """When the greatest minute is, how great, and who causes it."""
    found = peak(traffic.per_bin(), traffic.bin_s)
    if found.per_min <= 0.0:
        return "Nothing is offered."
    at = traffic.starts_at.astimezone(ZoneInfo(scenario.timezone)) + timedelta(seconds=found.start_s)
    minute = window(traffic, found.start_s, MINUTE_S).counts.sum(axis=1)
    total = max(1, int(minute.sum()))
    order = np.argsort(-minute, kind="stable")[:PEAK_STREAMS]
    causes = [
        f"{traffic.streams[i].name} {units.percent(round(minute[i] / total, 3))}" for i in order if minute[i]
    ]
    rate = f"{units.count(found.per_min)}/min ({units.rate(found.per_min / 60.0)})"
    return f"Peak {rate} at {at:%H:%M:%S}: {', '.join(causes)}"


def _streams(traffic: Traffic) -> list[str]:
    head = ("stream", "channel", "cause", "priority", "fresh for", "offered", "peak/min")
    rows = [_stream(stream, traffic, i) for i, stream in enumerate(traffic.streams)]
    return columns([head, *rows], right=(4, 5, 6))


def _stream(stream: Stream, traffic: Traffic, i: int) -> tuple[str, ...]:
    offered = int(traffic.counts[i].sum())
    greatest = peak(traffic.counts[i], traffic.bin_s).per_min
    told = (units.count(offered), units.count(round(greatest)))
    if stream.cause == "trigger" and not offered:
        told = ("as answered", "")
    return (
        stream.name,
        stream.channel,
        stream.cause,
        stream.priority,
        units.duration(stream.freshness_s),
        *told,
    )


def _send_path(scenario: Scenario) -> list[str]:
    lines = [*tenants_in_words(scenario), *path_in_words(scenario.pipeline)]
    for provider in scenario.providers:
        limits = ", ".join(limit_in_words(limit) for limit in provider.limits)
        told = f"{limits or 'no limit'}{f' (profile {provider.profile})' if provider.profile else ''}"
        lines.append(f"{provider.name} ({', '.join(provider.channels)}): {told}")
    return [*lines, *map(fault_in_words, scenario.faults)]


def _objectives(scenario: Scenario) -> list[str]:
    named = (("send API", scenario.objectives.send_api), ("season", scenario.objectives.season))
    return columns([(subject, text) for subject, texts in named for text in texts])


def _assumptions(scenario: Scenario, width: int) -> list[str]:
    told = [f"{a.key}: {a.text} ({a.origin})" for a in scenario.assumptions]
    return [line for text in told for line in wrap(text, max(20, width - 2), subsequent_indent="  ")]


def _titled(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {line}" for line in lines)]) if lines else ""
