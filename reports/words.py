"""Every sentence and number that a reader of page, Markdown or terminal sees."""

from __future__ import annotations

from dataclasses import dataclass

from reports import units
from reports.findings import Cell, Column, Findings, ObjectiveFinding, Season, Table
from reports.texts import PICTURE_TEXTS, PICTURE_TITLES, PROJECTED
from sim import wording

NONE = "–"


@dataclass(frozen=True)
class Tile:
    """One figure of page one: what it is, its value, what stands under it, how it was found."""

    label: str
    value: str
    detail: str
    origin: str


def picture_title(name: str, table: Table) -> str:
    """The heading over a picture."""
    return PICTURE_TITLES.get(name, table.title)


def picture_text(name: str, findings: Findings) -> str:
    """What a picture shows, for those who do not see it and for those in a hurry."""
    if name in ("gauge", "knee"):
        return PICTURE_TEXTS[name] + f": {comparison(findings)}."
    return PICTURE_TEXTS[name]


def headline(findings: Findings) -> str:
    """READY, AT RISK …"""
    return findings.verdict.upper()


def sentence(findings: Findings) -> str:
    """Why, as a sentence of its own."""
    return findings.why[:1].upper() + findings.why[1:]


def ceiling(findings: Findings) -> str:
    """The ceiling as one value: "1,234/s", "at least 1,234/s"."""
    interval = findings.ceiling_per_s
    if findings.is_lower_bound:
        return f"at least {units.rate(interval.low)}"
    return units.rate(interval.point)


def interval(findings: Findings) -> str:
    """The ceiling's two ends in words."""
    low, high = findings.ceiling_per_s.low, findings.ceiling_per_s.high
    if low is None:
        return "not found"
    broke = f"broke at {units.rate(high)}" if high is not None else "nothing broke"
    return f"held {units.rate(low)}, {broke}"


def comparison(findings: Findings) -> str:
    """Ceiling against peak in one line."""
    peak = findings.peak_offered_per_s
    asked = f"peak P50 {units.rate(peak.p50)}, P90 {units.rate(peak.p90)}"
    return f"ceiling {ceiling(findings)} ({interval(findings)}); {asked}"


def tiles(findings: Findings) -> tuple[Tile, ...]:
    """Page one's figures, the one that decides first."""
    peak = findings.peak_offered_per_s
    headroom = units.percent(findings.headroom_share, sign=True)
    return (
        Tile("Headroom", headroom, "ceiling held / P90 peak - 1", findings.basis.upper()),
        Tile("Ceiling", ceiling(findings), interval(findings), "MEASURED"),
        Tile("Peak P90", units.rate(peak.p90), f"P50 {units.rate(peak.p50)}{part(findings)}", "SIMULATED"),
        Tile("Binds first", findings.binds_first or "unknown", findings.binds_first_because, ""),
    )


def part(findings: Findings) -> str:
    """Of which whole the peak is a part, "" when it is the whole."""
    if findings.scale == 1.0 and findings.share == 1.0:
        return ""
    return f"; the whole season's is {units.rate_per_min(findings.season_peak_per_s.p90)}"


def basis(findings: Findings) -> str:
    """What a projected verdict rests on; "" for a measured one."""
    if findings.basis == "measured":
        return ""
    return (
        f"{PROJECTED}: rehearsed at scale {units.percent(findings.scale)}"
        f" with {units.percent(findings.share)} of the season; the verdict is extended from there."
    )


def bound(objective: ObjectiveFinding) -> str:
    """at most 250 ms"""
    return (
        f"{'at most' if objective.at_most else 'at least'} {units.by_unit(objective.limit, objective.unit)}"
    )


def reached(objective: ObjectiveFinding) -> str:
    """The value that an objective was judged by; a time that is none is `never`."""
    if objective.value is None and objective.holds is False and objective.unit == "s":
        return wording.NEVER
    return units.against(objective.value, objective.limit, objective.unit)


def state(holds: bool | None) -> str:
    """holds, missed, unknown"""
    return "unknown" if holds is None else "holds" if holds else "missed"


def cell(value: Cell, column: Column) -> str:
    """One cell of a table; its unit stands in the header only where the value does not carry it."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if column.name == "quantile":
        return f"p{value * 100:g}"
    if column.unit in ("s", "share"):
        return units.by_unit(value, column.unit)
    return units.count(value)


def header(column: Column) -> str:
    """A column's name with its unit."""
    carried = column.unit in ("", "s", "share")
    return column.name if carried else f"{column.name}, {column.unit}"


def season_lines(season: Season) -> tuple[tuple[str, str], ...]:
    """One simulated season as pairs of name and value."""
    of = season.offered or 1.0
    lines = [
        ("planned", units.count(season.planned)),
        ("suppressed (consent, caps, hygiene)", units.count(season.suppressed)),
        ("offered", units.count(season.offered)),
    ]
    for name in ("delivered", "expired", "rejected", "failed", "in_backlog"):
        value = float(getattr(season, name))
        lines.append((name.replace("_", " "), f"{units.count(value)} ({units.percent(value / of)})"))
    again = (("taken again", season.redelivered), ("duplicates (sent once more)", season.duplicates))
    lines += [(name, f"{units.count(value)} ({units.percent(value / of)})") for name, value in again if value]
    delay = f"p50 {units.duration(season.delay_s_p50)}, p99 {units.duration(season.delay_s_p99)}"
    lines += [
        ("delay, due to delivered", delay),
        ("greatest backlog", units.count(season.backlog_max)),
        ("drain time", units.duration(season.drain_s)),
    ]
    if season.cost is not None:
        lines.append(("cost, at the providers' prices", units.count(season.cost)))
    return tuple(lines)


def method(findings: Findings) -> tuple[tuple[str, str], ...]:
    """Everything one needs to repeat the run and to doubt it."""
    about = findings.about
    trials = findings.table("trials")
    excluded = [f"{row[0]}: {row[-1]}" for row in trials.rows if row[-2] == "invalid"] if trials else []
    simulated = findings.season
    model = NONE
    if simulated:
        model = (
            f"{simulated.resolution} resolution, seed {simulated.seed}, {simulated.replications} replications"
        )
    return (
        ("command", about.command or NONE),
        ("run", findings.run),
        ("started", about.started_at or NONE),
        ("target", about.target or NONE),
        ("scenario", f"{findings.scenario} (sha256 {about.scenario_sha256[:16] or NONE})"),
        ("seed", NONE if about.seed is None else str(about.seed)),
        ("scale and share", f"{units.percent(findings.scale)} and {units.percent(findings.share)}"),
        ("model", model),
        ("excluded trials", "; ".join(excluded) or "none"),
        ("stages", ", ".join(f"{s.name} {s.status}{_took(s.wall_s)}" for s in about.stages)),
        ("host", ", ".join(f"{name} {value}" for name, value in about.host.items()) or NONE),
        ("versions", ", ".join(f"{name} {value}" for name, value in about.versions.items()) or NONE),
    )


def _took(wall_s: float | None) -> str:
    return "" if wall_s is None else f" ({units.duration(wall_s)})"


def no_action(findings: Findings) -> str:
    """What to say where no action follows from the numbers."""
    if findings.verdict in ("ready", "at risk"):
        return "Nothing follows from the numbers: the send path carries the peak."
    return "Nothing can be computed from what the run has; see what is missing beside."


def last_lines(findings: Findings) -> tuple[str, ...]:
    """The end of a rehearsal on a terminal: verdict, headroom, ceiling, peak, cause, actions, report."""
    flags = [
        tag
        for tag, on in ((PROJECTED, findings.basis == "projected"), ("INCOMPLETE", not findings.complete))
        if on
    ]
    tags = f" ({', '.join(flags)})" if flags else ""
    lines = [f"{headline(findings)}{tags}: {sentence(findings)}", ""]
    lines.append(f"  headroom     {units.percent(findings.headroom_share, sign=True)}")
    lines.append(f"  ceiling      {ceiling(findings)} ({interval(findings)})")
    peak = findings.peak_offered_per_s
    lines.append(f"  peak         P50 {units.rate(peak.p50)}, P90 {units.rate(peak.p90)}{part(findings)}")
    if findings.binds_first:
        lines.append(f"  binds first  {findings.binds_first}")
    for at, action in enumerate(findings.actions[:3]):
        lines.append(f"  {'do' if at == 0 else '  '}           {at + 1}. {action.text}")
    if findings.report:
        lines.append(f"  report       {findings.report}")
    return tuple(lines)
