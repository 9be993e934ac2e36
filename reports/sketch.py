"""A series drawn with block characters, and columns that line up: pictures for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reports import units
from reports.clock import ticks

BLOCKS = " ▁▂▃▄▅▆▇█"
GAP = "  "


def plot(
    values: npt.NDArray[np.float64],
    *,
    width: int,
    height: int,
    show: Callable[[float], str] = units.count,
    starts_at: datetime | None = None,
    step_s: float = 60.0,
) -> list[str]:
    """Lines of a plot of (steps,) values from 0 up: the greatest of each column, the axis at the left.

    With `starts_at` a line of local clock times stands below.
    """
    top = float(values.max(initial=0.0))
    labels = [show(top), show(top / 2.0), "0"]
    margin = max(len(label) for label in labels)
    columns = _greatest(values, max(1, min(width - margin - 2, len(values))))
    eighths = np.ceil(columns / top * height * 8.0 - 1e-9) if top > 0.0 else np.zeros(len(columns))
    at = {0: labels[0], height // 2: labels[1]} if top > 0.0 else {}
    lines = []
    for row in range(height):
        filled = np.clip(eighths - (height - 1 - row) * 8.0, 0.0, 8.0).astype(int)
        lines.append(f"{at.get(row, ''):>{margin}} ┤" + "".join(BLOCKS[n] for n in filled))
    lines.append(f"{labels[2]:>{margin}} ┼" + "─" * len(columns))
    if starts_at is not None:
        lasts_s = len(values) * step_s
        lines.append(" " * (margin + 2) + _clock_line(starts_at, lasts_s, len(columns)))
    return lines


def columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Rows as lines whose columns line up; those in `right` are aligned to the right."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    aligned = [
        [
            cell.rjust(w) if i in right else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    return [GAP.join(row).rstrip() for row in aligned]


def _greatest(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """The greatest value in each of `width` equal parts, so that no peak is lost."""
    edges = np.linspace(0, len(values), width + 1).astype(int)
    return np.array([values[a : max(b, a + 1)].max(initial=0.0) for a, b in pairwise(edges)])


def _clock_line(starts_at: datetime, lasts_s: float, width: int) -> str:
    """Local times under the columns where they fall, as many as fit."""
    line = ""
    for tick in ticks(starts_at, lasts_s, max(1, width // 8)):
        at = int(tick.at_s / lasts_s * width)
        if at + len(tick.text) <= width:
            line = line.ljust(at) + tick.text
    return line
