"""What a simulation costs along one axis of its size, and the picture of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from reports.pictures import STYLE

FLAT = ("messages",)


@dataclass(frozen=True)
class Cost:
    """CPU seconds by size; cells: streams x bins of each."""

    axis: str
    sizes: tuple[float, ...]
    cpu_s: tuple[float, ...]
    cells: tuple[int, ...]

    @property
    def power(self) -> float:
        """Of the size, that the cost grows with: 0 is flat, 1 linear. By least squares on logarithms."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.cpu_s), 1)[0])

    @property
    def flat(self) -> bool:
        """Whether the cost must not depend on this axis."""
        return self.axis in FLAT


def draw(costs: Sequence[Cost], path: Path) -> None:
    """A panel for each axis, with a line through the origin where the cost should be linear, as SVG."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]  # keys are checked when they are set
        figure = Figure(figsize=(7.6, 5.0), layout="constrained")
        panels = figure.subplots(2, 2).ravel()
        for axes, cost in zip(panels, costs, strict=True):
            sizes, cpu_s = np.array(cost.sizes), np.array(cost.cpu_s)
            if cost.flat:
                axes.set_xscale("log")
                axes.axhline(float(np.median(cpu_s)), linewidth=0.8, linestyle="--")
            else:
                slope = float(sizes @ cpu_s / (sizes @ sizes))
                axes.plot([0.0, sizes[-1]], [0.0, slope * sizes[-1]], linewidth=0.8, linestyle="--")
            axes.plot(sizes, cpu_s, "o")
            axes.set(xlabel=cost.axis, ylabel="CPU seconds", ylim=(0.0, 1.15 * float(cpu_s.max())))
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
