"""What the stages told so far: pure state with the clock passed in; the terminal draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reports import units

LIVE_S = 3.0
"""Figures older than this are no longer live."""
LINE_EVERY_S = 1.0
"""Plain output says at most one line a stage in this time."""
LEFT_SHARE_MIN = 0.05
"""Before so much is done, a start-up that will not come again would be multiplied into days."""


@dataclass
class Stage:
    """One stage: how far, since when, what it is at, its live figures."""

    name: str
    began_s: float
    now_s: float
    done: float = 0.0
    total: float = 0.0
    text: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """0-1; None while the stage does not know how much there is."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0.0 else None

    @property
    def finished(self) -> bool:
        """Whether all of it is done."""
        return self.share == 1.0

    @property
    def took_s(self) -> float:
        """From its first word to its last."""
        return self.now_s - self.began_s

    def left_s(self) -> float | None:
        """Time left at the pace so far; None while nothing can be said."""
        share = self.share
        if not share or share < LEFT_SHARE_MIN or share == 1.0 or self.took_s < LINE_EVERY_S:
            return None
        return self.took_s * (1.0 - share) / share


class Board:
    """The stages in the order in which they are expected, then in which they came."""

    def __init__(self, expected: Sequence[str] = ()) -> None:
        self.expected = tuple(expected)
        self.stages: dict[str, Stage] = {}
        self._said_s: dict[str, float] = {}
        self._ended: set[str] = set()

    def told(
        self,
        name: str,
        done: float,
        total: float,
        text: str,
        figures: Mapping[str, float] | None,
        now_s: float,
    ) -> Stage:
        """Take in one `tell` of a Watcher. A stage that begins again starts its clock again."""
        stage = self.stages.get(name)
        if stage is None or done < stage.done:
            stage = self.stages[name] = Stage(name, began_s=now_s, now_s=now_s)
            self._ended.discard(name)
        stage.done, stage.total, stage.now_s = done, total, now_s
        stage.text = text or stage.text
        if figures is not None:
            stage.figures = dict(figures)
        return stage

    def names(self) -> list[str]:
        """Every stage, expected ones first."""
        return [*self.expected, *(name for name in self.stages if name not in self.expected)]

    def live(self, now_s: float) -> Stage | None:
        """The running stage that shows most figures, if it told them a moment ago."""
        told = [s for s in self.stages.values() if s.figures and not s.finished and now_s - s.now_s < LIVE_S]
        return max(told, key=lambda stage: len(stage.figures), default=None)

    def line(self, stage: Stage) -> str | None:
        """The stage as one plain line; None when it said one a moment ago, unless it has just ended."""
        said_s = self._said_s.get(stage.name)
        ends = stage.finished and stage.name not in self._ended
        if said_s is not None and not ends and (stage.finished or stage.now_s - said_s < LINE_EVERY_S):
            return None
        if ends:
            self._ended.add(stage.name)
        self._said_s[stage.name] = stage.now_s
        return plain(stage)


def plain(stage: Stage) -> str:
    """`ceiling: 40 %, trial 3: 320/s, left 24 s; lateness 1.2 ms`"""
    share = stage.share
    parts = [units.percent(round(share, 2))] if share is not None else []
    parts += [stage.text] if stage.text else []
    if stage.finished:
        parts.append(f"took {units.duration(round(stage.took_s, 1))}")
    elif (left_s := stage.left_s()) is not None:
        parts.append(f"left {units.duration(round(left_s))}")
    line = f"{stage.name}: {', '.join(parts)}"
    return f"{line}; {figures(stage)}" if stage.figures else line


def figures(stage: Stage) -> str:
    """The live figures in one line: name and value in its unit, by the unit at the name's end."""
    return ", ".join(f"{name} {value}" for name, value in named(stage.figures))


def named(values: Mapping[str, float]) -> list[tuple[str, str]]:
    """Figures as pairs of words: `latency_s_p99` is "latency p99" in seconds, `offered_per_s` a rate."""
    return [_named(name, value) for name, value in values.items()]


def _named(name: str, value: float) -> tuple[str, str]:
    words = name.split("_")
    if "per" in words:
        return " ".join(words[: words.index("per")]), units.rate(value)
    if "share" in words:
        return " ".join(w for w in words if w != "share"), units.percent(value)
    if "ms" in words:
        return " ".join(w for w in words if w != "ms"), units.duration(value / 1000.0)
    if "s" in words:
        return " ".join(w for w in words if w != "s"), units.duration(value)
    return " ".join(words), units.count(value)
