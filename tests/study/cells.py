"""Cells of the study: a scenario's stream, a quantity, both resolutions over some seeds; when they agree.

They agree where they differ by at most the greatest of 2 % of the referee's value, 0.05 bin (times) and half
of its own 95 % interval over the seeds. That is Student's; but five seeds that count 0, 0, 0, 0, 0 know more
than 0 +- 0. So what a fate counts agrees as well inside the exact 95 % interval of a binomial count (Clopper
and Pearson 1934): so many of all that the seeds offered. Of rare events it is Garwood's (1936) of a Poisson
mean: 0 to 0.74 for five times none. Of ten thousand messages, or of nearly all, it is narrower than 2 %.
Greatest backlogs are whole messages, drain times whole bins. Where all seeds tell the same one, Student's is
no interval either; the share of seasons that tell another is below 52 % then (the same, none of five), and
the mean may be off by that much of one.
A quantile agrees as well where the shares of messages below the other one differ by at most 0.3 points: on a
flat part of a distribution it may be anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betaincinv, stdtrit

from sim import histogram
from sim.draining import drain_of
from sim.ledger import DELIVERED, EXPIRED, FAILED, OFFERED, REJECTED
from sim.outcome import Outcome

SHARE, BIN_SHARE, POINTS, GROSS = 0.02, 0.05, 0.003, 0.10
ROUNDING = 1e-6
"""What sums of amounts leave over is no message and no second."""
FATES = {"delivered": DELIVERED, "expired": EXPIRED, "rejected": REJECTED, "failed": FAILED}
QUANTILES = {"delay p50": 0.50, "delay p95": 0.95, "delay p99": 0.99}
TIMES = ("delay mean", *QUANTILES, "drain")
WHOLE = ("backlog max", "drain")


@dataclass(frozen=True)
class Cell:
    """Means over the seeds of the message resolution (referee) and of the cohort resolution (found).

    own: half of the referee's 95 % interval. points: by how much the shares below the other's quantile
    differ, infinite where there is none. counted: of a number of messages or bins, the ends of the referee's
    exact interval.
    """

    scenario: str
    stream: str
    quantity: str
    referee: float
    found: float
    own: float
    bin_s: float
    points: float = math.inf
    counted: tuple[float, float] = (math.inf, -math.inf)

    @property
    def off(self) -> float:
        """The difference as a share of the referee's value."""
        if self.found == self.referee:
            return 0.0
        return abs(self.found - self.referee) / abs(self.referee) if self.referee else math.inf

    @property
    def agrees(self) -> bool:
        """See the module's docstring."""
        return self._near or self.agrees_as_a_count

    @property
    def agrees_as_a_count(self) -> bool:
        """Whether it is by the exact interval alone that it agrees."""
        least, most = self.counted
        return least <= self.found <= most and not self._near

    @property
    def _near(self) -> bool:
        floor = BIN_SHARE * self.bin_s if self.quantity in TIMES else ROUNDING
        allowed = max(SHARE * abs(self.referee), floor, self.own)
        return abs(self.found - self.referee) <= allowed or self.points <= POINTS

    @property
    def gross(self) -> bool:
        """Whether it is off by more than anything allows and by more than 10 %."""
        return not self.agrees and self.off > GROSS


def cells(scenario: str, referee: Sequence[Outcome], found: Sequence[Outcome]) -> Iterator[Cell]:
    """Every cell of a scenario; outcome i of both met seed i. Streams that offer nothing have none."""
    for i, stream in enumerate(referee[0].streams):
        if not any(outcome.totals[OFFERED, i] for outcome in referee):
            continue
        own, other = ([_figures(outcome, i) for outcome in side] for side in (referee, found))
        for quantity in own[0]:
            one = np.array([figures[quantity] for figures in own])
            two = np.array([figures[quantity] for figures in other])
            if np.isnan(one).any() or np.isnan(two).any():
                continue  # some seed delivered nothing: no delays to compare
            half = float(stdtrit(len(one) - 1, 0.975)) * float(one.std(ddof=1)) / math.sqrt(len(one))
            cell = Cell(
                scenario, stream.name, quantity, float(one.mean()), float(two.mean()), half, referee[0].bin_s
            )
            if quantity in QUANTILES:
                cell = replace(cell, points=_points(referee, found, i, QUANTILES[quantity]))
            if quantity in FATES:
                offered = sum(float(outcome.totals[OFFERED, i]) for outcome in referee)
                cell = replace(cell, counted=counted(one.sum(), offered, len(one)))
            if quantity in WHOLE and one.min() == one.max():
                unit = cell.bin_s if quantity in TIMES else 1.0
                cell = replace(cell, counted=alike(float(one[0]), unit, len(one)))
            yield cell


def counted(count: float, of: float, seeds: int) -> tuple[float, float]:
    """The ends of the exact 95 % interval of a mean over the seeds, of which so many of all were counted."""
    least = betaincinv(count, of - count + 1.0, 0.025) if count > 0.0 else 0.0
    most = betaincinv(count + 1.0, of - count, 0.975) if count < of else 1.0
    return float(least) * of / seeds, float(most) * of / seeds


def alike(value: float, unit: float, seeds: int) -> tuple[float, float]:
    """The ends of the 95 % interval of the mean of a number of units that was the same in every season: at
    most the share 1 - 0.025^(1 / seeds) of all has another one (Clopper and Pearson's end for none)."""
    other = unit * (1.0 - 0.025 ** (1.0 / seeds))
    return max(0.0, value - other), value + other


def _figures(outcome: Outcome, i: int) -> dict[str, float]:
    counts, backlog = outcome.delay_counts[i], outcome.total("backlog", [i])
    delays = {name: histogram.quantile(counts, q) for name, q in QUANTILES.items()}
    fates = {name: float(outcome.totals[row, i]) for name, row in FATES.items()}
    top, drain = float(backlog.max(initial=0.0)), drain_of(backlog, outcome.bin_s).took_s
    return {"delay mean": histogram.mean(counts), **delays, "backlog max": top, "drain": drain, **fates}


def _points(referee: Sequence[Outcome], found: Sequence[Outcome], i: int, q: float) -> float:
    """The greater of both ways round, over all seeds together."""
    one, two = (np.sum([outcome.delay_counts[i] for outcome in side], axis=0) for side in (referee, found))
    if one.sum() <= 0.0 or two.sum() <= 0.0:
        return math.inf
    return max(
        abs(histogram.share_below(one, histogram.quantile(two, q)) - q),
        abs(histogram.share_below(two, histogram.quantile(one, q)) - q),
    )
