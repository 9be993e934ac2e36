"""Experiments on the model in words for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from reports import units
from reports.sketch import columns
from sim.experiments.document import objectives, verdict
from sim.experiments.find import CONFIDENCE, Found
from sim.experiments.sensitivity import Sensitivity
from sim.experiments.sobol import Index
from sim.experiments.vary import Row


def grid(rows: Sequence[Row], probability: float) -> str:
    """One line a combination: what was set, in how many replications all and each of the objectives hold."""
    names = list(rows[0].each_met_share)
    head = (*rows[0].settings, "verdict", "all met", *names)
    lines = [
        (
            *row.settings.values(),
            verdict(row.met_share, probability),
            units.percent(row.met_share),
            *(units.percent(row.each_met_share[name]) for name in names),
        )
        for row in rows
    ]
    return "\n".join(columns([head, *lines]))


def found(answer: Found, replications: int, probability: float) -> str:
    """The least value, what it rests on, and what less of it does."""
    if answer.value is None:
        tried = f"up to {answer.misses_at} " if answer.misses_at else ""
        return f"no {answer.key} {tried}meets every objective ({answer.simulated} seasons simulated)"
    less = f"{answer.misses_at} misses" if answer.misses_at else "even the least tried meets them"
    lines = [
        f"{answer.key} = {answer.value}",
        f"meets every objective in {units.percent(answer.met_share)} of {replications} replications; {less}",
        sureness(answer.confidence, probability),
        f"{answer.simulated} seasons simulated",
        "",
    ]
    told = [(units.percent(o["met_share"]), o["name"]) for o in objectives(answer.trials)]
    return "\n".join([*lines, *columns(told)])


def sureness(confidence: float, probability: float) -> str:
    """How sure it is that other seasons meet them too, and what would make it surer than it is."""
    if probability >= 1.0:
        return "no number of replications can be sure of every season"
    told = f"{units.percent(confidence)} sure that at least {units.percent(probability)} of other seasons do"
    return told if confidence >= CONFIDENCE else f"only {told}; more --replications make it surer"


def sensitivity(found: Sensitivity) -> str:
    """For each figure that varies: which share of that each input explains, alone and with others."""
    lines: list[tuple[str, ...]] = [("figure", "input", "alone", "95 %", "in all", "95 %")]
    steady = []
    for name, figure in found.figures.items():
        if figure.indices is None:
            steady.append(name)
            continue
        ranked = sorted(figure.indices.items(), key=lambda item: -item[1].total.value)
        for at, (key, each) in enumerate(ranked):
            lines.append((name if at == 0 else "", key, *_index(each.first), *_index(each.total)))
    head = f"{found.simulated} seasons simulated, {found.points} points; shares of the variance"
    rest = [f"does not vary, or cannot be told: {', '.join(steady)}"] if steady else []
    return "\n".join([head, "", *columns(lines), *rest])


def _index(index: Index) -> tuple[str, str]:
    return f"{index.value:.2f}", f"{index.low:.2f} to {index.high:.2f}"
