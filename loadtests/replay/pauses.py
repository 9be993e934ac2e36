"""When the sends of a schedule leave the most time for something else. No clock, no I/O."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Pauses:
    """The pauses of one schedule: due_s float64 (requests,), ascending, seconds."""

    def __init__(self, due_s: Floats) -> None:
        self._due_s = due_s

    def longest(self, from_s: float, to_s: float) -> float:
        """When the longest time without a send begins, of those that begin from `from_s` to `to_s`: at the
        send before it, or at `from_s`."""
        first, last = np.searchsorted(self._due_s, (from_s, to_s), side="right").tolist()
        after = self._due_s[last] if last < self._due_s.size else np.inf
        edges = np.concatenate(((from_s,), self._due_s[first:last], (after,)))
        return float(edges[np.argmax(np.diff(edges))])
