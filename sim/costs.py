"""What the messages of a season cost: providers' prices times what they accepted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from sim.ledger import ATTEMPTS, BY_STANDBY, LIMITED
from sim.pipeline.providers import carriers, standbys
from sim.traffic import Stream

_NOTHING = 1e-4
"""Messages that rounding left."""


def costs(
    scenario: Scenario, streams: Sequence[Stream], totals: npt.NDArray[np.float64]
) -> tuple[float | None, ...]:
    """Of each stream, in the scenario's currency; None where a provider that took some of it tells no price.

    totals: float64 (quantities of sim.ledger, streams). A call that is not refused is a message accepted, and
    charged for whether it arrives or bounces.
    """
    accepted = (totals[ATTEMPTS] - totals[LIMITED] - totals[BY_STANDBY]).tolist()
    diverted = totals[BY_STANDBY].tolist()
    prices = [provider.price for provider in scenario.providers]
    return tuple(
        _added(_bill(prices[first], here), _bill(None if second is None else prices[second], there))
        for first, second, here, there in zip(
            carriers(scenario, streams), standbys(scenario, streams), accepted, diverted, strict=True
        )
    )


def _bill(price: float | None, messages: float) -> float | None:
    """A price that nobody tells matters where messages were taken."""
    if messages <= _NOTHING:
        return 0.0
    return None if price is None else price * messages


def _added(here: float | None, there: float | None) -> float | None:
    return None if here is None or there is None else here + there
