"""Cut a part out of a season for the replay."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.replay.schedule import Schedule, from_traffic
from loadtests.stages import Part
from sim.traffic import Traffic, worst_start


@dataclass(frozen=True)
class Cut:
    """Which part of a season is replayed: from `start_s` (None: its worst part) for `duration_s`."""

    start_s: float | None
    duration_s: float
    part: Part
    seed: int


def cut_out(traffic: Traffic, cut: Cut) -> Schedule:
    """The requests of one part of a season, at its scale and share."""
    part = cut.part
    return from_traffic(
        traffic,
        start_s=worst_start(traffic, cut.duration_s) if cut.start_s is None else cut.start_s,
        duration_s=cut.duration_s,
        scale=part.scale,
        share=part.share,
        batch=part.batch,
        seed=cut.seed,
        compress=part.compress,
    )
