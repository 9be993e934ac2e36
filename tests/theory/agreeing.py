"""The two resolutions held against each other, by the rule that sim/README.md states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from scenarios.catalogue import Loaded
from sim import cohort, histogram, message
from sim.outcome import Outcome
from sim.progress import SILENT
from sim.summary import summary
from sim.traffic import Traffic

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
T_95 = {3: 4.303, 5: 2.776}
"""Student's t, two-sided 95 %, by the number of seeds."""


def disagreements(loaded: Loaded, due: Traffic, seeds: Sequence[int]) -> list[str]:
    """Every quantity in whose mean over the seeds the resolutions differ by more than 2 %, 0.05 bin or the
    message resolution's own interval.

    A quantile may differ more if the share of messages below it differs by 0.3 points at most. Counts and the
    greatest backlog may differ by 3 messages, the drain time by a bin.
    """
    referees, found = (
        [engine.run(loaded, due, seed, SILENT)[1] for seed in seeds] for engine in (message, cohort)
    )
    exact, told = ([dict(_told(outcome)) for outcome in side] for side in (referees, found))
    complaints = []
    for key in told[0]:
        values = np.array([each[key] for each in exact])
        value = float(np.mean([each[key] for each in told]))
        allowed = _allowed(key[1], values, due.bin_s)
        if abs(value - values.mean()) > allowed and not _same_share(key, found, referees):
            complaints.append(f"{key}: {value:.6g} against {values.mean():.6g} +- {allowed:.3g}")
    return complaints


def _told(outcome: Outcome) -> Iterator[tuple[tuple[int, str], float]]:
    told: dict[str, Any] = summary(outcome)
    for i, stream in enumerate(told["streams"]):
        figures = stream["delay_s"] | stream["messages"]
        yield from (((i, name), float(value)) for name, value in figures.items() if value is not None)
    for name in ("backlog_max", "drain_s"):
        yield (-1, name), float(told[name])


def _allowed(name: str, values: np.ndarray[Any, np.dtype[np.float64]], bin_s: float) -> float:
    least = {"drain_s": bin_s} | dict.fromkeys(("mean", *QUANTILES), 0.05 * bin_s)
    interval = T_95[len(values)] * float(values.std(ddof=1))
    return max(0.02 * abs(float(values.mean())), least.get(name, 3.0), interval)


def _same_share(key: tuple[int, str], found: Sequence[Outcome], referees: Sequence[Outcome]) -> bool:
    stream, name = key
    if name not in QUANTILES:
        return False
    mixed, own = (np.sum([each.delay_counts[stream] for each in side], axis=0) for side in (referees, found))
    quantile_s = histogram.quantile(own, QUANTILES[name])
    return abs(histogram.share_below(mixed, quantile_s) - QUANTILES[name]) <= 0.003
