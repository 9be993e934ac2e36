"""Who carries which second of a replay: each is handed out once, to those who are there then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SLICE_S = 1.0


@dataclass(frozen=True)
class Share:
    """What one worker carries of one slice: int64 indices of requests, ascending; `until_s`: its end."""

    worker: str
    requests: npt.NDArray[np.int64]
    until_s: float


class Shares:
    """Deals the slices of SLICE_S of a schedule in turn. What was handed out is never handed out again."""

    def __init__(self, due_s: npt.NDArray[np.float64], duration_s: float) -> None:
        slices = max(1, int(np.ceil(duration_s / SLICE_S)))
        self._cuts = [*np.searchsorted(due_s, np.arange(slices) * SLICE_S).tolist(), due_s.size]
        self._slices = slices
        self._next = 0

    @property
    def over(self) -> bool:
        """Whether everything was handed out."""
        return self._next == self._slices

    def hand_out(self, up_to_s: float, workers: Sequence[str]) -> list[Share]:
        """All slices that begin before `up_to_s` and nobody has yet, every k-th request to each of k workers.

        Without workers nothing is handed out: the slices wait for one.
        """
        shares: list[Share] = []
        while workers and not self.over and self._next * SLICE_S < up_to_s:
            first, end = self._cuts[self._next], self._cuts[self._next + 1]
            until_s = (self._next + 1) * SLICE_S
            for place, worker in enumerate(workers):
                # The first request of each slice goes to another one: what is left over is spread evenly.
                begin = first + (place + self._next) % len(workers)
                shares.append(Share(worker, np.arange(begin, end, len(workers), dtype=np.int64), until_s))
            self._next += 1
        return shares
