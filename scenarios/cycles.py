"""Triggered sends that cause each other: allowed while each causes less than one on average."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from scenarios.complaints import Complaint
from scenarios.scenario import Scenario
from scenarios.season import Answer, Response, Trigger


def gains(scenario: Scenario) -> npt.NDArray[np.float64]:
    """float64 (triggers, triggers): sends of row's trigger expected per delivered send of column's trigger.

    An upper bound: everybody may be written to and every message arrives in time.
    """
    return np.array(
        [[_gain(scenario, caused, by) for by in scenario.triggers] for caused in scenario.triggers],
        dtype=np.float64,
    ).reshape(len(scenario.triggers), len(scenario.triggers))


def cycle_complaints(scenario: Scenario) -> Iterator[Complaint]:
    """One complaint for each trigger in a circle that grows without end.

    A branching process dies out if and only if the largest absolute eigenvalue of its matrix of mean
    offspring is below 1, or 1 with no spread (Harris, The Theory of Branching Processes, 1963, ch. II).
    """
    gain = gains(scenario)
    for circle in _circles(gain > 0):
        growth = float(np.max(np.abs(np.linalg.eigvals(gain[np.ix_(circle, circle)]))))
        if growth >= 1.0 - 1e-12:
            names = ", ".join(scenario.triggers[i].name for i in circle)
            for index in circle:
                yield Complaint(
                    ("trigger", index, "to"),
                    f"these sends cause each other without end ({names}): each causes {growth:.3g} more",
                    "fewer than 1 on average: a smaller share, or a `to` without them",
                )


def _gain(scenario: Scenario, caused: Trigger, by: Trigger) -> float:
    if by.name not in caused.to or by.channel not in scenario.responses:
        return 0.0
    return caused.share * _answer_share(scenario.responses[by.channel], caused.after)


def _answer_share(response: Response, answer: Answer) -> float:
    shares = {
        "delivered": 1.0,
        "open": response.open_share,
        "click": response.click_share,
        "purchase": response.purchase_share,
    }
    return shares[answer]


def _circles(causes: npt.NDArray[np.bool_]) -> Iterator[list[int]]:
    """The groups of triggers that lead to each other, each group once."""
    reach = causes.copy()
    for middle in range(len(reach)):
        reach |= np.outer(reach[:, middle], reach[middle])
    seen: set[int] = set()
    for index in range(len(reach)):
        if reach[index, index] and index not in seen:
            circle = [other for other in range(len(reach)) if reach[index, other] and reach[other, index]]
            seen.update(circle)
            yield circle
