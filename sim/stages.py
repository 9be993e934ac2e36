"""How busy the stages of a send path are: workers, and every provider with limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from sim.pipeline.providers import carriers, open_per
from sim.traffic import Stream

Floats = npt.NDArray[np.float64]


class Stages:
    """The stages of one scenario, for its streams; `names` in the order of the rows of `busy_share`."""

    def __init__(self, scenario: Scenario, streams: Sequence[Stream], bin_s: float) -> None:
        carrier = np.array(carriers(scenario, streams), dtype=np.int64)
        names, carried, open_ = ["workers"], [], []
        for index, provider in enumerate(scenario.providers):
            open_per_bin = open_per(provider, bin_s)
            if np.isfinite(open_per_bin):
                names.append(f"provider:{provider.name}")
                carried.append(np.flatnonzero(carrier == index))
                open_.append(open_per_bin)
        self.names = tuple(names)
        self._carried, self._open = carried, np.array(open_)[:, None]

    def busy_share(self, asked: Floats, refused: Floats | None, worker_share: Floats) -> Floats:
        """float64 (stages, n) in 0-1. asked, refused: attempts and those limited, (streams, n); None = none.
        worker_share: (n,).

        A provider is as busy as it admitted of what its limits let pass in a bin, or as the share of what was
        asked that it refused, if that is greater. A burst can admit more than the rate for a while; the share
        stays at 1 then.
        """
        shares = np.zeros((len(self.names), len(worker_share)))
        shares[0] = worker_share
        asked = self._by_provider(asked)
        if refused is None:
            np.divide(asked, self._open, out=shares[1:])
        else:
            refused = self._by_provider(refused)
            np.divide(asked - refused, self._open, out=shares[1:])
            np.maximum(shares[1:], refused / np.maximum(asked, 1e-9), out=shares[1:])
        return np.clip(shares, 0.0, 1.0, out=shares)

    def _by_provider(self, amounts: Floats) -> Floats:
        """float64 (providers, n): of (streams, n)."""
        found = np.empty((len(self._carried), amounts.shape[1]))
        for own, rows in zip(found, self._carried, strict=True):
            own[:] = amounts[rows[0]] if len(rows) else 0.0
            for row in rows[1:]:  # in half of the time that a copy of them all takes
                own += amounts[row]
        return found
