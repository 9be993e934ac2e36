"""`make study`: both resolutions on drawn scenarios, every cell judged; the table goes into sim/README.md.

    python -m tests.study.agreement --seed 20261122

The seed must be one that was not used while either resolution was developed: what was fitted proves nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sim import cohort, message
from sim.experiments.executors import processes
from sim.outcome import Outcome
from sim.progress import SILENT
from sim.season.demand import base_traffic
from sim.seeds import derive
from sim.traffic import Traffic
from tests.study.cells import cells
from tests.study.drawing import Drawn, draw
from tests.study.telling import SEEDS_IF_GROSS, Studied, between_marks, table

README = Path(__file__).parents[2] / "sim" / "README.md"
SCENARIOS, SEEDS = 20, 5
HALVED_BINS = cohort.WINDOW_BINS // 2
EPSILON = 1e-9
"""Of its greatest value, that any number may change by with half the window."""


def study(asked: tuple[int, int, int]) -> Studied:
    """One drawn scenario over so many seeds."""
    seed, number, seeds = asked
    drawn = draw(seed, number)
    demands = _demands(drawn, seed, number, range(seeds))
    referee, found = _seasons(drawn, demands)
    again = cohort.run(drawn.loaded, *demands[-1], SILENT, window_bins=HALVED_BINS)[1]
    others = [
        message.run(drawn.loaded, traffic, derive(seed, "again", number, i), SILENT)[1]
        for i, (traffic, _) in enumerate(demands)
    ]
    own_cells, itself = (tuple(cells(drawn.name, referee, each)) for each in (found, others))
    studied = Studied(drawn, own_cells, itself, 0, changed(found[-1], again))
    if not any(cell.gross for cell in own_cells):
        return studied
    more = _seasons(drawn, _demands(drawn, seed, number, range(seeds, SEEDS_IF_GROSS)))
    lasting = cells(drawn.name, referee + more[0], found + more[1])
    names = {(cell.stream, cell.quantity) for cell in own_cells if cell.gross}
    return replace(studied, lasting=sum(c.gross and (c.stream, c.quantity) in names for c in lasting))


def _demands(drawn: Drawn, seed: int, number: int, which: range) -> list[tuple[Traffic, int]]:
    """What is due, and the seed of all else, for each of these."""
    own = [derive(seed, "study", number, i) for i in which]
    return [(base_traffic(drawn.loaded, each), each) for each in own]


def _seasons(drawn: Drawn, demands: Sequence[tuple[Traffic, int]]) -> tuple[list[Outcome], list[Outcome]]:
    """Message by message and as cohorts, with the same demand of every seed."""
    referee, found = (
        [engine.run(drawn.loaded, traffic, own, SILENT)[1] for traffic, own in demands]
        for engine in (message, cohort)
    )
    return referee, found


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
    told: list[Studied] = []
    with processes() as pool:
        items = [(asked.seed, number, asked.seeds) for number in range(asked.scenarios)]
        for season in pool.map(study, items):
            told.append(season)
            agree = sum(cell.agrees for cell in season.cells)
            sys.stdout.write(f"{season.drawn.name}: {agree} of {len(season.cells)} cells agree\n")
            sys.stdout.flush()
    text = table(asked.seed, asked.seeds, told)
    sys.stdout.write(text + "\n")
    if asked.write:
        README.write_text(between_marks(README.read_text("utf-8"), text), "utf-8")
    found = [cell for season in told for cell in season.cells]
    good = sum(cell.agrees for cell in found) >= 0.95 * len(found) and not any(cell.gross for cell in found)
    return 0 if good and all(season.halved <= EPSILON for season in told) else 1


if __name__ == "__main__":
    sys.exit(main())
