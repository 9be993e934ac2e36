"""The study as a table of Markdown, and its place in sim/README.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.study.cells import Cell
from tests.study.drawing import Drawn

BEGIN, END = "<!-- study: written by make study -->", "<!-- end of study -->"
WORST = 12
SEEDS_IF_GROSS = 25
"""By which a scenario with a cell that is off by more than 10 % is looked at again: five have chances."""


@dataclass(frozen=True)
class Studied:
    """One scenario: both resolutions cell by cell, the message resolution against itself likewise, how many
    cells that are off by more than 10 % are so with more seeds, what half the window changes at most."""

    drawn: Drawn
    cells: tuple[Cell, ...]
    itself: tuple[Cell, ...]
    lasting: int
    halved: float


def table(seed: int, seeds: int, told: Sequence[Studied]) -> str:
    """Agreement by quantity and in all, every scenario with what it has, the worst cells by name."""
    found = [cell for each in told for cell in each.cells]
    itself = [cell for each in told for cell in each.itself]
    good, gross = sum(cell.agrees for cell in found), [cell for cell in found if cell.gross]
    counted = sum(cell.agrees_as_a_count for cell in found)
    bar = f"{good} of {len(found)} cells agree ({good / len(found):.1%}, stated >= 95 %)"
    floor, lasting = sum(cell.gross for cell in itself), sum(each.lasting for each in told)
    halved = max(each.halved for each in told)
    same = sum(cell.agrees for cell in itself) / len(itself)
    lines = [
        f"{len(told)} drawn scenarios x {seeds} seeds, drawn from seed {seed}: {bar}.",
        f"{counted} of these by the exact interval of a whole number alone.",
        f"{len(gross)} are off by more than 10 % and by more than is allowed (stated: none),",
        f"{lasting} of them still with {SEEDS_IF_GROSS} seeds.",
        "The message resolution against itself, with the same demand and other chance: "
        f"{same:.1%} agree, {floor} off by more than 10 %.",
        f"Half the window changes no number by more than {halved:.1g} of the greatest.",
        "",
        "| quantity | cells | agree | median difference | gross |",
        "|---|---|---|---|---|",
    ]
    for quantity in dict.fromkeys(cell.quantity for cell in found):
        own = [cell for cell in found if cell.quantity == quantity]
        agree = sum(cell.agrees for cell in own) / len(own)
        off = sorted(cell.off for cell in own)[len(own) // 2]
        lines.append(f"| {quantity} | {len(own)} | {agree:.0%} | {off:.1%} | {sum(c.gross for c in own)} |")
    return "\n".join([*lines, "", *_scenarios(told), "", *_worst(found)])


def _scenarios(told: Sequence[Studied]) -> list[str]:
    lines = ["| scenario | workers | limits | has | cells | agree |", "|---|---|---|---|---|---|"]
    for each in told:
        season, own = each.drawn, each.cells
        crew = season.loaded.scenario.pipeline.workers
        limits = {each.kind for p in season.loaded.scenario.providers for each in p.limits}
        lines.append(
            f"| {season.name} | {crew.count} x {crew.service_time * 1000:.0f} ms {crew.distribution} | "
            f"{', '.join(sorted(limits))} | {', '.join(season.extras) or '-'} | {len(own)} | "
            f"{sum(cell.agrees for cell in own)} |"
        )
    return lines


def _worst(found: Sequence[Cell]) -> list[str]:
    missed = sorted((cell for cell in found if not cell.agrees), key=lambda cell: -cell.off)[:WORST]
    lines = [
        "| farthest off | stream | quantity | messages | cohort | own interval |",
        "|---|---|---|---|---|---|",
    ]
    for cell in missed:
        figures = f"{cell.referee:.4g} | {cell.found:.4g} | {cell.own:.2g}"
        lines.append(f"| {cell.scenario} | {cell.stream} | {cell.quantity} | {figures} |")
    return lines if missed else ["Every cell agrees."]


def between_marks(text: str, told: str) -> str:
    """The text with what stands between the marks replaced. Raises ValueError where they are missing."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the marks {BEGIN} and {END} are missing")
    return f"{head}{BEGIN}\n{told}\n{END}{tail}"
