"""Draws a table by its kind: SVG that is byte for byte the same for the same numbers."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports import units, words
from reports.axes import clock_ticks, legend, named
from reports.findings import Findings, Table
from reports.svg import BLUE, GREEN, GRID, INK, ORANGE, PURPLE, RED, Picture

STYLE: dict[str, object] = {
    "svg.hashsalt": "peakday", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9.0,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID,
    "grid.linewidth": 0.5, "axes.axisbelow": True, "legend.frameon": False, "legend.fontsize": 8.0,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "lines.linewidth": 1.4,
}  # fmt: skip
MARKS = {"holds": ("o", GREEN), "breaks": ("X", RED), "invalid": ("s", GRID)}
WIDE_IN = 7.6


@dataclass(frozen=True)
class Sheet:
    """What a drawer needs: an empty figure, the table to draw, the findings around it."""

    figure: Figure
    table: Table
    findings: Findings


Drawer = Callable[[Sheet], None]


def pictures(findings: Findings) -> dict[str, Picture]:
    """Every picture that the findings have a table for, by name."""
    found = {}
    for name, (kind, height_in, drawer) in DRAWERS.items():
        table = findings.table(kind)
        if table is not None:
            found[name] = _draw(name, table, findings, height_in, drawer)
    return found


def _draw(name: str, table: Table, findings: Findings, height_in: float, drawer: Drawer) -> Picture:
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]  # keys are checked when they are set
        figure = Figure(figsize=(WIDE_IN, height_in), layout="constrained")
        drawer(Sheet(figure, table, findings))
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(
        name, table, words.picture_title(name, table), words.picture_text(name, findings), out.getvalue()
    )


def _gauge(sheet: Sheet) -> None:
    """One line: the peak's two quantiles and the ceiling's interval on the same axis."""
    axes = sheet.figure.add_subplot()
    peak, ceiling = sheet.findings.peak_offered_per_s, sheet.findings.ceiling_per_s
    known = [v for v in (peak.p50, peak.p90, ceiling.low, ceiling.high) if v is not None]
    right = 1.15 * max(known, default=1.0)
    _peak_band(axes, sheet.findings)
    if ceiling.low is not None:
        end = ceiling.high if ceiling.high is not None else right
        axes.barh(0.0, ceiling.low, height=0.5, color=GREEN, alpha=0.85, label="held")
        axes.barh(
            0.0, end - ceiling.low, left=ceiling.low, height=0.5, color=GREEN, alpha=0.3, label="not known"
        )
    axes.set(xlim=(0.0, right), ylim=(-0.6, 0.6), yticks=[])
    axes.spines["left"].set_visible(False)
    named(axes, x="messages/s", x_format=units.count)
    legend(axes, columns=4)


def _knee(sheet: Sheet) -> None:
    """Goodput against offered rate with the 45-degree line, the ceiling's interval and the peak's band."""
    axes = sheet.figure.add_subplot()
    offered, goodput = sheet.table.floats("offered"), sheet.table.floats("goodput")
    highest = max([*(v for v in offered if not math.isnan(v)), sheet.findings.peak_offered_per_s.p90 or 0.0])
    axes.plot(
        [0.0, highest * 1.05], [0.0, highest * 1.05], color=GRID, linewidth=1.0, label="goodput = offered"
    )
    _peak_band(axes, sheet.findings)
    ceiling = sheet.findings.ceiling_per_s
    if ceiling.low is not None:
        axes.axvspan(ceiling.low, ceiling.high or ceiling.low, color=PURPLE, alpha=0.25, lw=0)
        axes.axvline(ceiling.low, color=PURPLE, label="ceiling, interval")
    for verdict, (mark, colour) in MARKS.items():
        at = [i for i, v in enumerate(sheet.table.column("verdict")) if v == verdict]
        if at:
            xs, ys = [offered[i] for i in at], [goodput[i] for i in at]
            axes.scatter(xs, ys, marker=mark, color=colour, s=34, zorder=3, label=f"trial {verdict}")
    delivered = sheet.table.floats("delivered")
    if not all(math.isnan(rate) for rate in delivered):
        axes.scatter(offered, delivered, marker="_", color=INK, s=60, zorder=2, label="delivered")
    axes.set(xlim=(0.0, highest * 1.05), ylim=(0.0, None))
    named(axes, x="offered, messages/s", y="goodput, messages/s", x_format=units.count, y_format=units.count)
    legend(axes)


def _watched(sheet: Sheet) -> None:
    """A plot a figure: the later half's mean of each play against its rate, a bar up to the greatest."""
    names = list(dict.fromkeys(sheet.table.column("figure")))
    lines = -(-len(names) // 2)
    sheet.figure.set_figheight(0.6 + 1.9 * lines)
    grid = list(sheet.figure.subplots(lines, min(2, len(names)), squeeze=False).flat)
    for axes, name in zip(grid, names, strict=False):
        rows = [i for i, of in enumerate(sheet.table.column("figure")) if of == name]
        at, mean, most = (
            [sheet.table.floats(column)[i] for i in rows]
            for column in ("offered", "mean of the later half", "greatest")
        )
        axes.vlines(at, mean, most, color=GRID)
        axes.scatter(at, mean, color=BLUE, s=22, zorder=3)
        axes.set(ylim=(0.0, None))
        unit = sheet.table.column("unit")[rows[0]]
        named(axes, x="offered, messages/s", y=f"{name}, {unit}" if unit else str(name), x_format=units.count)
    for axes in grid[len(names) :]:
        axes.remove()


def _demand(sheet: Sheet) -> None:
    """Offered, accepted and delivered per minute, and under them when each campaign is released."""
    gantt = sheet.findings.table("campaigns")
    rows = len(gantt.rows) if gantt else 0
    top, *rest = sheet.figure.subplots(
        2 if rows else 1, 1, sharex=True, squeeze=False, height_ratios=[8, rows] if rows else [1]
    )[:, 0]
    hours = [s / 3600.0 for s in sheet.table.floats("since start")]
    top.fill_between(hours, sheet.table.floats("offered"), color=BLUE, alpha=0.2, lw=0)
    for name, colour, dashes in (
        ("offered", BLUE, "-"),
        ("accepted", ORANGE, "--"),
        ("delivered", GREEN, "-"),
    ):
        top.plot(hours, sheet.table.floats(name), color=colour, linestyle=dashes, linewidth=1.1, label=name)
    top.set_ylim(0.0, None)
    named(top, y="messages/min", y_format=units.count)
    legend(top)
    if gantt and rest:
        _gantt(rest[0], gantt)
    clock_ticks((rest or [top])[-1], sheet.table)


def _gantt(axes: Axes, gantt: Table) -> None:
    begins, ends = gantt.floats("begins"), gantt.floats("ends")
    names = [str(name) for name in gantt.column("campaign")]
    widths = [max(end - begin, 120.0) / 3600.0 for begin, end in zip(begins, ends, strict=True)]
    axes.barh(range(len(names)), widths, left=[b / 3600.0 for b in begins], height=0.6, color=BLUE)
    axes.set_yticks(range(len(names)), names, fontsize=7.5)
    axes.invert_yaxis()


def _backlog(sheet: Sheet) -> None:
    """Messages waiting over the season; the greatest backlog is named."""
    axes = sheet.figure.add_subplot()
    hours, waiting = [s / 3600.0 for s in sheet.table.floats("since start")], sheet.table.floats("backlog")
    axes.fill_between(hours, waiting, color=ORANGE, alpha=0.3, lw=0)
    axes.plot(hours, waiting, color=ORANGE, linewidth=1.1)
    most = max(range(len(waiting)), key=waiting.__getitem__)
    if waiting[most] > 0.0:
        axes.annotate(
            f"{units.count(waiting[most])} waiting at {str(sheet.table.column('local time')[most])[11:16]}",
            (hours[most], waiting[most]), xytext=(6, 0), textcoords="offset points", va="top",
        )  # fmt: skip
    axes.set_ylim(0.0, None)
    named(axes, y="messages waiting", y_format=units.count)
    clock_ticks(axes, sheet.table)


def _peak(sheet: Sheet) -> None:
    """Due and accepted per second, latency under it, and the generator's lateness as proof at the bottom."""
    rate, latency, late = sheet.figure.subplots(3, 1, sharex=True, height_ratios=[4, 4, 1.6])
    at = sheet.table.floats("since start")
    rate.plot(at, sheet.table.floats("due"), color=BLUE, label="due")
    rate.plot(at, sheet.table.floats("accepted"), color=GREEN, linestyle="--", label="accepted")
    rate.set_ylim(0.0, None)
    for name, colour in (("latency p50", BLUE), ("latency p99", RED)):
        latency.plot(at, sheet.table.floats(name), color=colour, label=name)
    late.fill_between(at, sheet.table.floats("lateness p99"), color=PURPLE, alpha=0.5, lw=0, step="mid")
    for axes, unit in ((latency, "latency"), (late, "lateness")):
        axes.set_ylim(0.0, None)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        named(axes, y=unit, y_format=units.duration)
    named(rate, y="requests/s", y_format=units.count)
    named(late, x="seconds since the replay began")
    for axes in (rate, latency):
        legend(axes)


def _delivery(sheet: Sheet) -> None:
    """Accepted and delivered per second; under them what waits between the two."""
    rate, waiting = sheet.figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    at = sheet.table.floats("since start")
    for name, colour, dashes in (("accepted", ORANGE, "--"), ("delivered", GREEN, "-")):
        rate.step(at, sheet.table.floats(name), where="post", color=colour, linestyle=dashes, label=name)
    waiting.fill_between(at, sheet.table.floats("waiting"), color=ORANGE, alpha=0.3, lw=0, step="post")
    for axes in (rate, waiting):
        axes.set_ylim(0.0, None)
    named(rate, y="messages/s", y_format=units.count)
    named(waiting, x="seconds since the replay began", y="messages waiting", y_format=units.count)
    legend(rate)


def _percentiles(sheet: Sheet) -> None:
    """Latency and service time against the share of requests that were slower, to the sample's end."""
    axes = sheet.figure.add_subplot()
    quantiles = sheet.table.floats("quantile")
    nines = [-math.log10(1.0 - q) for q in quantiles]
    for name, colour, dashes in (("latency", RED, "-"), ("service time", BLUE, "--")):
        axes.plot(nines, sheet.table.floats(name), color=colour, linestyle=dashes, marker=".", label=name)
    shown = [q for q in (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999) if q <= quantiles[-1]]
    axes.set_xticks([-math.log10(1.0 - q) for q in shown], [f"p{q * 100:g}" for q in shown])
    axes.set_ylim(0.0, None)
    named(axes, x="percentile", y="from due time / from first byte", y_format=units.duration)
    legend(axes)


def _headroom(sheet: Sheet) -> None:
    """Utilisation per stage in its worst minute, and in the peak minute as a mark."""
    axes = sheet.figure.add_subplot()
    names = [str(name) for name in sheet.table.column("stage")]
    worst = sheet.table.floats("busy in its worst minute")
    at_peak = sheet.table.floats("busy in the peak minute")
    colours = [RED if busy >= 0.99 else ORANGE if busy >= 0.8 else GREEN for busy in worst]
    axes.barh(names, worst, color=colours, height=0.55, alpha=0.85)
    axes.plot(at_peak, names, linestyle="", marker="|", markersize=14, color=INK, label="in the peak minute")
    axes.axvline(1.0, color=INK, linewidth=0.8)
    axes.set_xlim(0.0, 1.1)
    axes.invert_yaxis()
    named(axes, x="busy in its worst minute", x_format=units.percent)
    legend(axes)


def _predicted(sheet: Sheet) -> None:
    """Error of each held-out figure, predicted against measured; the band is 10 %."""
    axes = sheet.figure.add_subplot()
    names, errors = [str(n) for n in sheet.table.column("figure")], sheet.table.floats("error")
    axes.axvspan(-0.1, 0.1, color=GREEN, alpha=0.12, lw=0)
    axes.barh(names, errors, color=[GREEN if abs(e) <= 0.1 else ORANGE for e in errors], height=0.55)
    pairs = zip(sheet.table.floats("predicted"), sheet.table.floats("measured"), strict=True)
    for i, (was, is_) in enumerate(pairs):
        unit = str(sheet.table.column("unit")[i])
        text = f"{units.by_unit(was, unit)} predicted, {units.by_unit(is_, unit)} measured"
        axes.annotate(text, (0.0, i), xytext=(3, 14), textcoords="offset points", fontsize=7.5, va="center")
    axes.axvline(0.0, color=INK, linewidth=0.8)
    reach = max([0.15, *(abs(e) * 1.2 for e in errors if not math.isnan(e))])
    axes.set_xlim(-reach, reach)
    axes.set_ylim(len(names) - 0.5, -0.8)
    named(axes, x="predicted / measured - 1", x_format=lambda v: units.percent(v, sign=True))


def _peak_band(axes: Axes, findings: Findings) -> None:
    peak = findings.peak_offered_per_s
    if peak.p50 is None or peak.p90 is None:
        return
    axes.axvspan(peak.p50, peak.p90, color=BLUE, alpha=0.15, lw=0)
    axes.axvline(peak.p50, color=BLUE, linestyle=":", label="peak P50")
    axes.axvline(peak.p90, color=BLUE, linestyle="-", label="peak P90")


DRAWERS: dict[str, tuple[str, float, Drawer]] = {
    "gauge": ("gauge", 1.3, _gauge),
    "knee": ("trials", 3.6, _knee),
    "watched": ("watched", 3.2, _watched),
    "demand": ("demand", 4.0, _demand),
    "backlog": ("demand", 2.2, _backlog),
    "peak": ("peak", 4.2, _peak),
    "delivery": ("delivery", 3.4, _delivery),
    "percentiles": ("percentiles", 2.8, _percentiles),
    "headroom": ("headroom", 2.2, _headroom),
    "predicted": ("predicted", 2.4, _predicted),
}
