"""`make study`: both resolutions on drawn scenarios, every cell judged; the table goes into sim/README.md.

    python -m tests.study.agreement --seed 20261122

The seed must be one that was not used while either resolution was developed: what was fitted proves nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim import cohort, message
from sim.experiments.executors import processes
from sim.outcome import Outcome
from sim.progress import SILENT
from sim.season.demand import base_traffic
from sim.seeds import derive
from tests.study.cells import Cell, cells
from tests.study.drawing import Drawn, draw
from tests.study.telling import between_marks, table

README = Path(__file__).parents[2] / "sim" / "README.md"
SCENARIOS, SEEDS = 20, 5
HALVED_BINS = cohort.WINDOW_BINS // 2
EPSILON = 1e-9
"""Of its greatest value, that any number may change by with half the window."""


def study(asked: tuple[int, int, int]) -> tuple[Drawn, tuple[Cell, ...], float]:
    """One drawn scenario over so many seeds: its cells, and what half the window changes at most."""
    seed, number, seeds = asked
    drawn = draw(seed, number)
    referee, found = [], []
    for i in range(seeds):
        own = derive(seed, "study", number, i)
        traffic = base_traffic(drawn.loaded, own)
        referee.append(message.run(drawn.loaded, traffic, own, SILENT)[1])
        found.append(cohort.run(drawn.loaded, traffic, own, SILENT)[1])
    traffic = base_traffic(drawn.loaded, own)
    again = cohort.run(drawn.loaded, traffic, own, SILENT, window_bins=HALVED_BINS)[1]
    return drawn, tuple(cells(drawn.name, referee, found)), changed(found[-1], again)


def changed(one: Outcome, other: Outcome) -> float:
    """The greatest difference of totals and of delay counts, as a share of each one's greatest value."""
    pairs = ((one.totals, other.totals), (one.delay_counts, other.delay_counts))
    return max(float(np.abs(a - b).max() / max(1.0, float(np.abs(a).max()))) for a, b in pairs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run, tell, write; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--scenarios", type=int, default=SCENARIOS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--write", action="store_true", help="into sim/README.md")
    asked = parser.parse_args(argv)
    found: list[Cell] = []
    drawn, halved = [], 0.0
    with processes() as pool:
        items = [(asked.seed, number, asked.seeds) for number in range(asked.scenarios)]
        for season, own, change in pool.map(study, items):
            drawn.append(season)
            found += own
            halved = max(halved, change)
            missed = [cell for cell in own if not cell.agrees]
            sys.stdout.write(f"{season.name}: {len(own) - len(missed)} of {len(own)} cells agree\n")
            sys.stdout.flush()
    text = table(asked.seed, asked.seeds, drawn, found, halved)
    sys.stdout.write(text + "\n")
    if asked.write:
        README.write_text(between_marks(README.read_text("utf-8"), text), "utf-8")
    good = sum(cell.agrees for cell in found) >= 0.95 * len(found) and not any(cell.gross for cell in found)
    return 0 if good and halved <= EPSILON else 1


if __name__ == "__main__":
    sys.exit(main())
