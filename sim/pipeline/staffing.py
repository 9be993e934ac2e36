"""How many workers there are, and whether the queue can be reached: one law for both resolutions.

Everything changes at the edges of bins: faults begin and end at the nearest, the autoscaler looks every so
many bins, and what it orders serves a start-up later. It wants backlog / target workers, or as many as bring
the utilisation since its last look to its target; it leaves alone what is within a tenth of that (as
Kubernetes does), and orders nothing for the cool-down after an order.
"""

from __future__ import annotations

import math

from scenarios.faults import QueueUnavailable, RegionLoss, WorkerLoss
from scenarios.pipeline import Autoscaling
from scenarios.scenario import Scenario

TOLERANCE = 0.1


class Staffing:
    """From bin to bin: ask `next_change`, go there, call `advance`, read `available`, `is_open` and
    `room_share`, how much of the queue's bound there is."""

    def __init__(self, scenario: Scenario, bins: int, bin_s: float) -> None:
        workers = scenario.pipeline.workers
        self._least, self._scaling = workers.count, workers.autoscaling
        self._lag = round(workers.start_up / bin_s)
        self._every = max(1, round(self._scaling.every / bin_s)) if self._scaling else 0
        self._cool_down = round(self._scaling.cool_down / bin_s) if self._scaling else 0
        spans = [(fault, *fault.bins(scenario.starts_at, bin_s)) for fault in scenario.faults]
        self._losses = [
            (first, last + self._lag, fault.share)
            for fault, first, last in spans
            if isinstance(fault, WorkerLoss | RegionLoss)
        ]
        self._regions = [
            (first, last, fault.share) for fault, first, last in spans if isinstance(fault, RegionLoss)
        ]
        self._closed = [(first, last) for fault, first, last in spans if isinstance(fault, QueueUnavailable)]
        self._edges = {edge for first, last, _ in self._losses for edge in (first, last)}
        self._edges |= {edge for span in self._closed for edge in span}
        self._edges |= {edge for first, last, _ in self._regions for edge in (first, last)}
        self._bins, self._ordered_at = bins, -math.inf
        self._present, self._starting = workers.count, dict[int, int]()
        self._lost = dict[int, int]()
        self.available, self.is_open, self.room_share = workers.count, True, 1.0

    @property
    def lost(self) -> int:
        """Workers that faults have taken."""
        return sum(self._lost.values())

    @property
    def changes(self) -> bool:
        """Whether it is ever otherwise than at the start."""
        return bool(self._scaling or self._edges)

    def next_change(self, bin_: int) -> int:
        """The next bin after `bin_` at whose beginning something may change; at most the season's end."""
        ahead = [edge for edge in (*self._edges, *self._starting, self._bins) if edge > bin_]
        if self._every:
            ahead.append((bin_ // self._every + 1) * self._every)
        return min(ahead, default=self._bins)

    def next_change_unless_waiting(self, bin_: int) -> int:
        """The same as long as nobody waits at any look before: an autoscaler with as few workers as it may
        have, that looks at the backlog, then orders nothing."""
        scaling, most = self._scaling, self._present + sum(self._starting.values())
        if scaling is None or scaling.on != "backlog" or most > self._least:
            return self.next_change(bin_)
        return min((edge for edge in (*self._edges, *self._starting) if edge > bin_), default=self._bins)

    @property
    def every(self) -> int:
        """Bins from look to look of the autoscaler; 0 = there is none."""
        return self._every

    def looks(self, bin_: int) -> bool:
        """Whether the autoscaler looks at the beginning of this bin."""
        return bool(self._every) and bin_ > 0 and bin_ % self._every == 0

    def advance(self, bin_: int, backlog: float, utilisation: float) -> None:
        """The bin begins: `backlog` messages wait, and so much of the workers' time was used since the last
        look."""
        self._present += self._starting.pop(bin_, 0)
        if self._scaling and self.looks(bin_):
            self._scale(self._scaling, bin_, backlog, utilisation)
        for i, (first, last, share) in enumerate(self._losses):
            if bin_ == first:
                self._lost[i] = round(share * self._present)
            elif bin_ == last:
                self._lost.pop(i, None)
        self.available = max(0, self._present - self.lost)
        self.room_share = math.prod(
            1.0 - share for first, last, share in self._regions if first <= bin_ < last
        )
        self.is_open = not any(first <= bin_ < last for first, last in self._closed)

    def _scale(self, scaling: Autoscaling, bin_: int, backlog: float, utilisation: float) -> None:
        ordered = self._present + sum(self._starting.values())
        load = backlog if scaling.on == "backlog" else self.available * utilisation
        ratio = load / scaling.target / ordered
        if abs(ratio - 1.0) <= TOLERANCE or bin_ < self._ordered_at + self._cool_down:
            return
        # what rounding left of a whole number must not order one more
        wanted = min(max(math.ceil(load / scaling.target - 1e-9), self._least), scaling.most)
        if wanted != ordered:
            self._ordered_at = bin_
            self._order(bin_, wanted - ordered)

    def _order(self, bin_: int, more: int) -> None:
        if more > 0 and self._lag:
            self._starting[bin_ + self._lag] = self._starting.get(bin_ + self._lag, 0) + more
            return
        for due in sorted(self._starting, reverse=True):
            stopped = min(self._starting[due], max(0, -more))
            self._starting[due] -= stopped
            more += stopped
        self._present += more
