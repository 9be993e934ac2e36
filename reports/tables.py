"""One small table per picture, made from a stage's own result: drawn, printed and offered as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from loadtests.calibration import Calibration
from loadtests.ceiling.ceiling import Ceiling, Trial
from loadtests.measurement import AtAddress, Measurement
from reports.bottleneck import room_left
from reports.findings import Cell, Column, Interval, Resource, Spread, Table, finite
from sim import histogram
from sim.outcome import Outcome
from sim.summary import by_group, by_stream
from sim.traffic import Stream

QUANTILES = (
    0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999,
)  # fmt: skip
_FATE_COLUMNS = (
    Column("offered", "messages"),
    Column("delivered", "messages"),
    Column("expired", "messages"),
    Column("rejected or failed", "messages"),
    Column("fresh", "share"),
    Column("delay p50", "s"),
    Column("delay p99", "s"),
)
"""What `_fate` and `_lateness` tell."""


def gauge(peak: Spread, ceiling: Interval) -> Table:
    """The three figures that decide, on one axis."""
    columns = (Column("figure"), Column("low", "messages/s"), Column("high", "messages/s"))
    found = (("peak, P50 to P90", peak.p50, peak.p90), ("ceiling, held to broken", ceiling.low, ceiling.high))
    rows: tuple[tuple[Cell, ...], ...] = tuple(row for row in found if row[1] is not None)
    return Table("gauge", "Ceiling against peak", "SIMULATED AND MEASURED", columns, rows)


def trials(ceiling: Ceiling) -> Table:
    """Every trial of the search in the order in which it was made; excluded ones say why."""
    columns = (
        Column("trial"),
        Column("offered", "messages/s"),
        Column("goodput", "messages/s"),
        Column("delivered", "messages/s"),
        Column("lasted", "s"),
        Column("latency p50", "s"),
        Column("latency p99", "s"),
        Column("bad", "share"),
        Column("429s", "requests"),
        Column("errors", "requests"),
        Column("lateness p99", "s"),
        Column("verdict"),
        Column("because"),
    )
    rows = tuple(_trial(trial) for trial in ceiling.trials)
    return Table("trials", "Goodput against offered rate, trial by trial", "MEASURED", columns, rows)


def _trial(trial: Trial) -> tuple[Cell, ...]:
    return (
        trial.name,
        finite(trial.offered_per_s),
        finite(trial.goodput_per_s),
        finite(trial.delivered_per_s),
        finite(trial.duration_s),
        finite(trial.latency_s.p50),
        finite(trial.latency_s.p99),
        finite(trial.bad_share),
        float(trial.limited),
        float(trial.errors),
        finite(trial.lateness_s.p99),
        trial.verdict,
        trial.because,
    )


def streams(outcome: Outcome) -> Table:
    """Every stream's fate and how fresh its messages arrived."""
    columns: tuple[Column, ...] = (
        Column("stream"),
        Column("channel"),
        Column("priority"),
        Column("cause"),
        *_FATE_COLUMNS,
        Column("drain", "s"),
        Column("cost"),
    )
    told = by_stream(outcome)
    rows = tuple(_stream(stream, figures) for stream, figures in zip(outcome.streams, told, strict=True))
    again = [float(round(figures["messages"]["duplicates"])) for figures in told]
    if any(again):
        columns = (*columns, Column("duplicates", "messages"))
        rows = tuple((*row, duplicates) for row, duplicates in zip(rows, again, strict=True))
    return Table("streams", "Streams", "SIMULATED", columns, rows)


def tenants(outcome: Outcome) -> Table:
    """Every group of tenants: its messages' fate and how late they arrived; no rows in a season without."""
    columns = (Column("tenants"), *_FATE_COLUMNS)
    rows = tuple((told["name"], *_fate(told), *_lateness(told)) for told in by_group(outcome))
    return Table("tenants", "Tenants, by rank", "SIMULATED", columns, rows)


def _stream(stream: Stream, figures: Mapping[str, Any]) -> tuple[Cell, ...]:
    cause = (stream.name, stream.channel, stream.priority, stream.cause)
    ends = finite(figures["drain_s"]), finite(figures["cost"])
    return (*cause, *_fate(figures), *_lateness(figures), *ends)


def _fate(figures: Mapping[str, Any]) -> tuple[Cell, ...]:
    messages = figures["messages"]
    lost = messages["failed"] + messages["rejected"]
    return _rounded(messages["offered"], messages["delivered"], messages["expired"], lost)


def _lateness(figures: Mapping[str, Any]) -> tuple[Cell, ...]:
    delay = figures["delay_s"]
    return finite(figures["fresh_share"]), finite(delay["p50"]), finite(delay["p99"])


def peak(measurement: Measurement) -> Table:
    """The peak replayed, second by second, with the generator's own lateness beside it."""
    columns = (
        Column("since start", "s"),
        Column("due", "requests/s"),
        Column("accepted", "requests/s"),
        Column("latency p50", "s"),
        Column("latency p99", "s"),
        Column("lateness p99", "s"),
    )
    rows = tuple(
        (
            float(w.at_s), float(w.due), float(w.accepted),
            finite(w.p50_s), finite(w.p99_s), finite(w.lateness_s_p99),
        )
        for w in measurement.windows
    )  # fmt: skip
    return Table("peak", "The peak, replayed", "MEASURED", columns, rows, measurement.origin)


def addresses(measurement: Measurement) -> Table:
    """The replayed peak by the address that requests went to; empty where there was but one."""
    columns = (
        Column("address"),
        Column("due", "requests"),
        Column("started", "requests"),
        Column("dropped", "requests"),
        Column("accepted", "requests"),
        Column("limited", "requests"),
        Column("accepted", "messages"),
        Column("latency p50", "s"),
        Column("latency p99", "s"),
        Column("what went wrong"),
    )
    rows = tuple(map(_address, measurement.addresses))
    return Table("addresses", "The peak by address", "MEASURED", columns, rows)


def _address(of: AtAddress) -> tuple[Cell, ...]:
    counts = (of.due, of.started, of.dropped, of.accepted, of.limited, of.messages_accepted)
    wrong = ", ".join(f"{words}: {times:,}" for words, times in of.errors_by_kind.items())
    times = finite(of.latency_s.p50), finite(of.latency_s.p99)
    where = of.base_url.partition("://")[2]
    return (where, *map(float, counts), *times, wrong or "nothing")


def percentiles(measurement: Measurement) -> Table:
    """Latency from the due time beside service time from the actual start, up to what the sample can tell."""
    seen = float(measurement.service_counts.sum())
    told = [q for q in QUANTILES if q == 0.0 or seen * (1.0 - q) >= 1.0]
    columns = (Column("quantile", "share"), Column("latency", "s"), Column("service time", "s"))
    rows = tuple(
        (
            q,
            finite(histogram.quantile(measurement.latency_counts, q)),
            finite(histogram.quantile(measurement.service_counts, q)),
        )
        for q in (told if seen else ())
    )
    return Table("percentiles", "Latency and service time by percentile", "MEASURED", columns, rows)


def headroom(stages: Sequence[Resource]) -> Table:
    """Utilisation per stage of the calibrated season and how many times more it could carry."""
    columns = (
        Column("stage"),
        Column("busy in the peak minute", "share"),
        Column("busy in its worst minute", "share"),
        Column("saturated", "s"),
        Column("could carry", "times as much"),
    )
    rows = tuple(
        (r.name, r.busy_share, r.busy_share_max, r.saturated_s, finite(room_left(r.busy_share_max)))
        for r in stages
    )
    return Table("headroom", "Utilisation per stage", "SIMULATED", columns, rows)


def predicted(calibration: Calibration) -> Table:
    """The held-out replay as the calibrated model predicts it and as it was measured."""
    columns = (
        Column("figure"),
        Column("unit"),
        Column("predicted"),
        Column("measured"),
        Column("error", "share"),
    )
    rows = tuple(
        (p.name, p.unit, finite(p.predicted), finite(p.measured), finite(p.error))
        for p in calibration.held_out
    )
    title = "Predicted against measured, on a replay that was not fitted"
    return Table("predicted", title, "SIMULATED AND MEASURED", columns, rows, calibration.held_out_on)


def fitted(calibration: Calibration) -> Table:
    """What the measurement changed in the model; what it could not say stands below with what is missing."""
    columns = (
        Column("parameter"),
        Column("unit"),
        Column("assumed"),
        Column("fitted"),
        Column("low"),
        Column("high"),
        Column("missing"),
    )
    rows: list[tuple[Cell, ...]] = [
        (f.name, f.unit, finite(f.before), finite(f.after), finite(f.low), finite(f.high), None)
        for f in calibration.fitted
    ]
    rows += [(r.name, "", None, None, None, None, r.missing) for r in calibration.refused]
    note = "fitted on " + ", ".join(calibration.fitted_on) if calibration.fitted_on else ""
    return Table(
        "fitted",
        "What the measurement changed in the model",
        "SIMULATED AND MEASURED",
        columns,
        tuple(rows),
        note,
    )


def as_csv(table: Table) -> str:
    """The table as CSV, units in the header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(f"{c.name} [{c.unit}]" if c.unit else c.name for c in table.columns)
    writer.writerows(["" if cell is None else _exact(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _exact(cell: float | str) -> str:
    return cell if isinstance(cell, str) else f"{cell:.9g}"


def _rounded(*values: float) -> tuple[float, ...]:
    return tuple(round(float(value), 3) for value in values)
