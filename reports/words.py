"""Every sentence and number that a reader of page, Markdown or terminal sees."""

from __future__ import annotations

from dataclasses import dataclass

from reports import units
from reports.findings import Cell, Column, Findings, ObjectiveFinding, Season, Table

NONE = "–"
PROJECTED = "PROJECTED"


@dataclass(frozen=True)
class Tile:
    """One figure of page one: what it is, its value, what stands under it, how it was found."""

    label: str
    value: str
    detail: str
    origin: str


@dataclass(frozen=True)
class Section:
    """One section of the page: pictures by name and tables by kind, as far as the run has them."""

    key: str
    title: str
    label: str
    intro: str
    pictures: tuple[str, ...]
    tables: tuple[str, ...]


SECTIONS = (
    Section(
        "demand", "What the season asks", "SIMULATED",
        "Messages due at the send API's door and what becomes of them, by the scenario and, where the run got "
        "that far, with the send path as it was measured. Volumes are the full season's.",
        ("demand", "backlog"), ("streams", "campaigns"),
    ),
    Section(
        "ceiling", "What the send API holds", "MEASURED",
        "Each mark is one rate held for a full trial, open loop: sends start when they are due, whether or not "
        "earlier ones were answered. Trials that are not valid are shown and left out of the ceiling.",
        ("knee",), ("trials",),
    ),
    Section(
        "peak", "The peak, replayed", "MEASURED",
        "The worst part of the season, sent to the target at its own pace. Latency counts from the due time; "
        "service time, from the first byte written, hides the wait and is shown beside it.",
        ("peak", "percentiles"), ("percentiles",),
    ),
    Section(
        "bottleneck", "What binds first", "SIMULATED",
        "How busy each stage of the send path is in the simulated season; 100 % means that a queue grows in "
        "front of it.",
        ("headroom",), ("headroom",),
    ),
    Section(
        "trust", "How far the model can be trusted", "SIMULATED AND MEASURED",
        "The send path was fitted to some trials and then asked to predict a replay that it had not seen.",
        ("predicted",), ("predicted", "fitted"),
    ),
)  # fmt: skip

GLOSSARY = (
    ("offered rate", "messages per second that fall due, carried or not"),
    ("goodput", "messages per second accepted, still fresh, not a duplicate"),
    ("ceiling", "highest offered rate that met every objective for a full trial; an interval"),
    ("headroom", "the ceiling's low end divided by the P90 peak, minus 1"),
    (
        "peak P50, P90",
        "greatest one-minute mean of the offered rate: median and 90 % quantile over the replications",
    ),
    ("latency", "from the moment a send is due to its complete answer"),
    ("service time", "from the first byte written to the complete answer"),
    (
        "lateness",
        "from the due time to the moment the generator reached the send: its own fault, not the target's",
    ),
    ("open loop", "sends start when they are due; a slow target does not slow the load"),
    ("limited", "answered 429: too many requests"),
    ("freshness", "how late a message may still reach the customer"),
    ("backlog, drain time", "messages waiting; how long until none wait"),
    ("utilisation", "share of time that a stage is busy"),
    ("trial", "one rate held and judged"),
    ("replication", "the same season with other random numbers"),
    ("SIMULATED, MEASURED", "computed by the model; seen on the target"),
    (
        PROJECTED,
        "the verdict rests on a part of the season or a scaled-down rehearsal, extended to the whole",
    ),
)

_PICTURES = {
    "gauge": "Ceiling against peak",
    "backlog": "Messages waiting",
}

_PICTURE_TEXTS = {
    "gauge": "What the send API holds beside what the peak asks",
    "knee": "Goodput against offered rate of every trial",
    "demand": "Offered, accepted and delivered messages per minute over the season; the bars below show when each "
    "campaign is released.",
    "backlog": "Messages waiting in the send path over the season.",
    "peak": "Requests due and accepted per second, latency at p50 and p99, and the generator's own lateness.",
    "percentiles": "Latency from the due time beside service time, by percentile, as far as the sample can tell.",
    "headroom": "Utilisation of each stage in its worst minute; the tick marks the peak minute.",
    "predicted": "Predicted against measured for each figure of the held-out replay; the band is 10 %.",
}


def picture_title(name: str, table: Table) -> str:
    """The heading over a picture."""
    return _PICTURES.get(name, table.title)


def picture_text(name: str, findings: Findings) -> str:
    """What a picture shows, for those who do not see it and for those in a hurry."""
    if name in ("gauge", "knee"):
        return _PICTURE_TEXTS[name] + f": {comparison(findings)}."
    return _PICTURE_TEXTS[name]


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
    return f"ceiling {ceiling(findings)} ({interval(findings)}); peak P50 {units.rate(peak.p50)}, P90 {units.rate(peak.p90)}"


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
    delay = f"p50 {units.duration(season.delay_s_p50)}, p99 {units.duration(season.delay_s_p99)}"
    return (
        *lines,
        ("delay, due to delivered", delay),
        ("greatest backlog", units.count(season.backlog_max)),
        ("drain time", units.duration(season.drain_s)),
    )


def method(findings: Findings) -> tuple[tuple[str, str], ...]:
    """Everything one needs to repeat the run and to doubt it."""
    about = findings.about
    trials = findings.table("trials")
    excluded = [f"{row[0]}: {row[-1]}" for row in trials.rows if row[-2] == "invalid"] if trials else []
    simulated = findings.season
    model = f"{simulated.resolution} resolution, seed {simulated.seed}" if simulated else NONE
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


REPORTING = (
    "Reported after STRESS-DES (Monks et al., 2019): purpose, inputs and their origin, the model's resolution, seed and "
    "replications, and the software used stand above; the scenario as resolved lies beside this page as scenario.toml. "
    "Percentiles are taken from histograms whose bins are at most 0.6 % wide. A send that failed, timed out or was "
    "dropped counts as slow in every percentile."
)


def last_lines(findings: Findings) -> tuple[str, ...]:
    """The end of a rehearsal on a terminal: verdict, headroom, ceiling against peak, cause, actions, report."""
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
