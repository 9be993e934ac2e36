"""What every plot's axes have alike: names, numbers as readers write them, a legend, the local clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from reports.clock import ticks
from reports.findings import Table


def named(
    axes: Axes, *, x: str = "", y: str = "",
    x_format: Callable[[float], str] | None = None, y_format: Callable[[float], str] | None = None,
) -> None:  # fmt: skip
    """Name the axes and show their numbers as a reader writes them."""
    for axis, label, show in ((axes.xaxis, x, x_format), (axes.yaxis, y, y_format)):
        if label:
            axis.set_label_text(label)
        if show is not None:
            axis.set_major_formatter(FuncFormatter(lambda value, _, show=show: show(value)))


def legend(axes: Axes, columns: int = 3) -> None:
    """The legend above the plot, where it hides nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.2)


def clock_ticks(axes: Axes, table: Table) -> None:
    """Ticks at whole steps of the local clock."""
    clocks, since_s = table.column("local time"), table.floats("since start")
    starts_at = datetime.fromisoformat(str(clocks[0]))
    found = ticks(starts_at, since_s[-1], 8)
    axes.set_xticks([tick.at_s / 3600.0 for tick in found], [tick.text for tick in found])
    axes.set_xlabel(f"local time, from {starts_at:%Y-%m-%d}")
