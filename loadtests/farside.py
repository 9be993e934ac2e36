"""What the far side of a target did during a replay: totals, rates, which provider fell behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadtests.targets.figure import Meaning
from loadtests.targets.observing import Observed

BACKLOGGED_SHARE = 0.05
"""A provider is behind when this share of what reaches it stays in its backlog."""


@dataclass(frozen=True)
class FarProvider:
    """What one provider behind the target did in the later half; `backlogged`: its backlog grew clearly."""

    name: str
    delivered_per_s: float
    backlog_growth_per_s: float
    backlogged: bool


@dataclass(frozen=True)
class FarFigure:
    """What else was watched: its mean and its greatest value over the play, its mean over the later half."""

    name: str
    unit: str
    meaning: Meaning
    mean: float
    max: float
    late_mean: float


@dataclass(frozen=True)
class FarSide:
    """Totals over the whole play; rates over its second half, when a burst allowance is used up."""

    received: int | None = None
    delivered: int | None = None
    lost: int | None = None
    duplicated: int | None = None
    delivered_per_s: float | None = None
    backlog_growth_per_s: float | None = None
    providers: tuple[FarProvider, ...] = ()
    figures: tuple[FarFigure, ...] = ()


def far_side(
    observed: Observed | None, duration_s: float, accepted: int = 0, ended_s: float = 0.0
) -> FarSide:
    """What was seen of it; every figure None where nothing was.

    accepted: messages that the target said yes to, the last of them at `ended_s`. A target that tells what it
    received has lost the rest, if it was looked at after that moment.
    """
    if observed is None:
        return FarSide()
    received, lost = _total(observed, "received"), _total(observed, "lost")
    if lost is None and received is not None and observed.at_s[-1] > ended_s:
        lost = max(0, accepted - received)
    half_s = duration_s / 2.0
    providers = (_provider(name, of, duration_s) for name, of in observed.by_provider().items())
    return FarSide(
        received=received,
        delivered=_total(observed, "delivered"),
        lost=lost,
        duplicated=_total(observed, "duplicated"),
        delivered_per_s=observed.slope_per_s("delivered", half_s, duration_s),
        backlog_growth_per_s=observed.slope_per_s("backlog", half_s, duration_s),
        providers=tuple(provider for provider in providers if provider is not None),
        figures=_figures(observed, duration_s),
    )


def _total(observed: Observed, meaning: Meaning) -> int | None:
    gained = observed.gained(meaning)
    return None if gained is None else round(gained)


def _provider(name: str, observed: Observed, duration_s: float) -> FarProvider | None:
    delivered = observed.slope_per_s("delivered", duration_s / 2.0, duration_s)
    growth = observed.slope_per_s("backlog", duration_s / 2.0, duration_s)
    if delivered is None or growth is None:
        return None
    return FarProvider(name, delivered, growth, growth > BACKLOGGED_SHARE * (delivered + growth))


def _figures(observed: Observed, duration_s: float) -> tuple[FarFigure, ...]:
    """Of samples within the play; a gauge that was never read is left out."""
    within = (observed.at_s >= 0.0) & (observed.at_s <= duration_s)
    found = []
    for gauge in observed.gauges:
        known = within & np.isfinite(gauge.values)
        late = known & (observed.at_s >= duration_s / 2.0)
        if late.any():
            values = gauge.values[known]
            figures = (float(values.mean()), float(values.max()), float(gauge.values[late].mean()))
            found.append(FarFigure(gauge.name, gauge.unit, gauge.meaning, *figures))
    return tuple(found)
