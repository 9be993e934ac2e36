"""What was watched of the target under load: a table by trial, what it says of the limit's cause."""

from __future__ import annotations

from collections.abc import Iterator

from loadtests.ceiling.ceiling import Ceiling
from loadtests.ceiling.trial import Trial
from loadtests.farside import FarFigure
from loadtests.measurement import Measurement
from reports import units
from reports.findings import Cell, Column, Table, finite

BUSY_SHARE = 0.9
"""A processor that is busier than this explains a limit."""
GROWN = 2.0
"""What has become this many times as much as in the quietest trial explains a limit."""
NOT_OBSERVED = (
    "the limit's cause was not observed: [[observe]] in the target file watches CPU, queues, connections"
)

_CEILINGS = {"%": 100.0, "percent": 100.0, "share": 1.0, "": 1.0}
"""By a CPU figure's unit, what is all of it; other units have no top that is known here."""


def watched(ceiling: Ceiling | None, peak: Measurement | None) -> Table:
    """Every observed figure of every trial, the replayed peak last."""
    columns = (
        Column("figure"),
        Column("unit"),
        Column("in"),
        Column("offered", "messages/s"),
        Column("mean"),
        Column("greatest"),
        Column("mean of the later half"),
    )
    plays = [(t.name, t.offered_per_s, t.measurement) for t in (ceiling.trials if ceiling else ())]
    plays += [("peak", peak.offered_per_s, peak)] if peak is not None else []
    rows = [
        (figure.name, (figure.unit, name, finite(offered_per_s), *_values(figure)))
        for name, offered_per_s, measured in plays
        for figure in measured.figures
    ]
    order = {name: i for i, name in enumerate(dict.fromkeys(name for name, _ in rows))}
    rows.sort(key=lambda row: order[row[0]])
    return Table(
        "watched", "What was watched of the target", "MEASURED", columns, tuple((n, *row) for n, row in rows)
    )


def cause(ceiling: Ceiling | None) -> str:
    """What the figures of the lowest trial that broke say of the limit's cause; "" where nothing limited."""
    breaks = [trial for trial in ceiling.trials if trial.verdict == "breaks"] if ceiling else []
    if not breaks or ceiling is None or not ceiling.valid:
        return ""
    lowest = min(breaks, key=lambda trial: trial.offered_per_s)
    seen = lowest.measurement.figures
    if not seen:
        return "" if lowest.measurement.providers else NOT_OBSERVED
    found = list(_telling(lowest, ceiling.trials))
    if found:
        return "observed there: " + ", ".join(found)
    named = ", ".join(figure.name for figure in seen)
    return f"observed there: nothing of {named} stands out, so the limit's cause is elsewhere"


def _telling(lowest: Trial, trials: tuple[Trial, ...]) -> Iterator[str]:
    """The figures that stand out in a trial, in words."""
    quietest = min(trials, key=lambda trial: trial.offered_per_s)
    before = {figure.name: figure.late_mean for figure in quietest.measurement.figures}
    for figure in lowest.measurement.figures:
        value = finite(figure.late_mean)
        if value is None:
            continue
        if figure.meaning == "cpu":
            top = _CEILINGS.get(figure.unit)
            if top is not None and value >= BUSY_SHARE * top:
                yield f"{figure.name} at {units.percent(value / top)}"
        elif value > GROWN * max(before.get(figure.name, value), 0.0) and value > 0.0:
            was = units.by_unit(before[figure.name], figure.unit)
            yield f"{figure.name} at {units.by_unit(value, figure.unit)}, up from {was}"


def _values(figure: FarFigure) -> tuple[Cell, ...]:
    return finite(figure.mean), finite(figure.max), finite(figure.late_mean)
