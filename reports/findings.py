"""What a run says, in one frozen value: the report's only input.

Every number is finite or None ("not known", for a ceiling's high end "none broke"), so the JSON needs no NaN.
Rates are messages/s, times seconds, shares 0-1. `reports.find` makes it, pages and exports only read it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from scenarios.problems import user_error
from sim.formats import require

FORMAT = "peakday findings 1"

Verdict = Literal["ready", "at risk", "not ready", "inconclusive"]
Basis = Literal["measured", "projected"]
Label = Literal["SIMULATED", "MEASURED", "SIMULATED AND MEASURED"]
Cell = float | str | None


def finite(value: float | None) -> float | None:
    """The value, or None where it is NaN, infinite or missing."""
    return float(value) if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class Spread:
    """A figure over the replications: median and 90 % quantile."""

    p50: float | None
    p90: float | None


@dataclass(frozen=True)
class Interval:
    """A measured rate: best estimate, highest that held, lowest that broke (None: none did)."""

    point: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ObjectiveFinding:
    """One objective judged. `margin_share` is how much of the bound is left; negative when it is missed."""

    name: str
    label: Label
    unit: Literal["s", "share", "messages"]
    value: float | None
    limit: float
    at_most: bool
    margin_share: float | None
    holds: bool | None
    because: str


@dataclass(frozen=True)
class Resource:
    """One stage of the calibrated simulation: how busy in the peak minute, in its own worst minute, and how
    long it was saturated (busy 99 % or more)."""

    name: str
    busy_share: float
    busy_share_max: float
    saturated_s: float


@dataclass(frozen=True)
class Action:
    """One thing to change: what, with what effect, and the key to try it with, where there is one."""

    text: str
    effect: str
    setting: str = ""


@dataclass(frozen=True)
class Column:
    """A column's name and unit ("" for text)."""

    name: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """The numbers behind one picture; `kind` says which. Rows are as wide as `columns`."""

    kind: str
    title: str
    label: Label
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def column(self, name: str) -> tuple[Cell, ...]:
        """The cells under one header."""
        at = [column.name for column in self.columns].index(name)
        return tuple(row[at] for row in self.rows)

    def floats(self, name: str) -> list[float]:
        """The cells under one header as numbers, NaN where there is none."""
        return [cell if isinstance(cell, float) else math.nan for cell in self.column(name)]


@dataclass(frozen=True)
class StageFinding:
    """One stage of the rehearsal: "done", "running", "interrupted", "failed" or "missing"."""

    name: str
    status: str
    wall_s: float | None = None


@dataclass(frozen=True)
class About:
    """How the run came about: enough to repeat it."""

    run: str
    command: str
    started_at: str
    scenario_sha256: str
    seed: int | None
    target: str
    versions: dict[str, str]
    host: dict[str, str]
    stages: tuple[StageFinding, ...]


@dataclass(frozen=True)
class AssumptionFinding:
    """A figure that the scenario rests on, and who said so."""

    key: str
    text: str
    origin: str


@dataclass(frozen=True)
class Flag:
    """One reason to trust or to doubt the measurement."""

    name: str
    good: bool
    text: str


@dataclass(frozen=True)
class Season:
    """One simulated season: messages by fate, delay from due to delivered, backlog, drain, what it cost."""

    planned: float
    suppressed: float
    offered: float
    accepted: float
    delivered: float
    expired: float
    rejected: float
    failed: float
    in_backlog: float
    delay_s_p50: float | None
    delay_s_p99: float | None
    backlog_max: float | None
    drain_s: float | None
    resolution: str
    seed: int
    replications: int
    scale: float
    cost: float | None = None
    redelivered: float = 0.0
    duplicates: float = 0.0


@dataclass(frozen=True)
class ExitFinding:
    """What the service passed on of the replayed peak, as a provider that peakday played saw it, in messages;
    None: not known, of a delay also infinite. `kept_up`: all that came in; it can do `delivered_per_s`."""

    stand_in: str
    limits: str
    accepted: int
    delivered: int
    lost: int | None
    duplicated: int
    attempts_per_message: float | None
    inversions: int
    delivered_per_s: float | None
    kept_up: bool
    arrival_s_p50: float | None
    arrival_s_p99: float | None
    delivery_s_p50: float | None
    delivery_s_p99: float | None
    valid: bool
    invalid_because: str


@dataclass(frozen=True)
class DeliveryFinding:
    """What was delivered of the replayed peak. Counts are of messages; None: not known, of a delay also
    infinite. `observed`: how: webhook, stand-in or counters. `kept_up`: no backlog grew."""

    observed: str
    accepted: int
    delivered: int
    lost: int | None
    duplicated: int | None
    since_due_s_p50: float | None
    since_due_s_p99: float | None
    since_accepted_s_p50: float | None
    since_accepted_s_p99: float | None
    delivered_per_s: float | None
    kept_up: bool
    backlog_max: float
    valid: bool
    invalid_because: str


@dataclass(frozen=True)
class Findings:
    """The verdict, what it rests on, what binds first, what to do, and the tables behind every picture."""

    run: str
    title: str
    scenario: str
    verdict: Verdict
    why: str
    basis: Basis
    complete: bool
    headroom_share: float | None
    peak_offered_per_s: Spread
    season_peak_per_s: Spread
    ceiling_per_s: Interval
    is_lower_bound: bool
    requests_per_s: float | None
    scale: float
    share: float
    binds_first: str
    binds_first_because: str
    resources: tuple[Resource, ...]
    actions: tuple[Action, ...]
    not_tested: tuple[str, ...]
    objectives: tuple[ObjectiveFinding, ...]
    flags: tuple[Flag, ...]
    season: Season | None
    season_calibrated: Season | None
    tables: tuple[Table, ...]
    assumptions: tuple[AssumptionFinding, ...]
    sources: tuple[str, ...]
    about: About
    report: str = ""
    behind: ExitFinding | None = None
    delivery: DeliveryFinding | None = None
    accept_ceiling_per_s: Interval | None = None
    delivery_ceiling_per_s: Interval | None = None
    ceilings_because: str = ""
    format: str = FORMAT

    def table(self, kind: str) -> Table | None:
        """The table of that kind, or None where the run did not get that far."""
        return next((table for table in self.tables if table.kind == kind), None)


def to_json(findings: Findings) -> bytes:
    """findings.json: CONTRACT's keys of `rehearse` at the top level, the rest beside them."""
    return msgspec.json.format(msgspec.json.encode(findings), indent=1) + b"\n"


def plain(findings: Findings) -> dict[str, Any]:
    """The same as one document of plain values."""
    return dict(msgspec.to_builtins(findings))


def from_json(document: bytes, where: str = "findings.json") -> Findings:
    """The Findings that `to_json` wrote. Raises UserError for anything else."""
    try:
        require(msgspec.json.decode(document, type=_Marked).format, FORMAT, where)
        return msgspec.json.decode(document, type=Findings)
    except msgspec.MsgspecError as error:
        raise user_error(f"is no findings file: {error}", where=where, allowed=FORMAT) from error


class _Marked(msgspec.Struct):
    """Any document by its format alone: another version must be told from a broken file."""

    format: str = ""
