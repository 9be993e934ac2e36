"""The cohort's plan in force, bin by bin: faults of providers begin and end, workers come and go."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from scenarios.scenario import Scenario
from sim.pipeline.manning import NOTHING, manned
from sim.pipeline.redelivery import up_share
from sim.pipeline.staffing import Staffing
from sim.pipeline.state import Floats, Plan


class Regimes:
    """Ask `next_change`, go there, call `enter`, run on `plan`, and tell `used` how busy its workers were.

    plans: by the first bin of each era.
    """

    def __init__(self, scenario: Scenario, plans: Mapping[int, Plan], bins: int, bin_s: float) -> None:
        self._workers, self._plans = scenario.pipeline.workers, plans
        self._begins, self._up = sorted(plans), up_share(self._workers)
        self._bins, self._changes_at = bins, 0
        self._staffing = Staffing(scenario, bins, bin_s)
        scaling = self._workers.autoscaling
        self._notes = scaling is not None and scaling.on == "utilisation"
        self._serves_while_busy = self._workers.stalls is None and self._workers.crashes is None
        self._there_bins = self._used_bins = 0.0
        self._era = self.plan = plans[0]

    def next_change(self, bin_: int) -> int:
        """The next bin after `bin_` at whose beginning there may be another plan, or the season's end; before
        it, at multiples of `every`, only if somebody waits then."""
        begins = next((begins for begins in self._begins if begins > bin_), self._bins)
        return min(begins, self._changes_at) if self._staffing.changes else begins

    @property
    def every(self) -> int:
        """Bins from look to look of an autoscaler; 0 = there is none."""
        return self._staffing.every

    def begins_era(self, bin_: int) -> bool:
        """Whether a fault of a provider begins or ends there."""
        return bin_ > 0 and bin_ in self._plans

    def enter(self, bin_: int, waiting: Callable[[], float]) -> bool:
        """The bin begins. waiting: how many messages wait then. Whether `plan` is another one now."""
        changed = self.begins_era(bin_)
        self._era = self._plans.get(bin_, self._era)
        if self._staffing.changes and (bin_ == self._changes_at or self._staffing.looks(bin_)):
            changed |= self._man(bin_, waiting)
        if changed:
            self.plan = manned(self._era, self._workers, self._staffing)
        return changed

    def _man(self, bin_: int, waiting: Callable[[], float]) -> bool:
        """The number of workers, or whether the queue can be reached, may change. Whether it does."""
        staffing, used_share = self._staffing, 0.0
        before = staffing.available, staffing.is_open, staffing.room_share
        if staffing.looks(bin_):
            used_share = min(1.0, self._used_bins / self._there_bins) if self._there_bins else 0.0
            self._there_bins = self._used_bins = 0.0
        staffing.advance(bin_, waiting(), used_share)
        self._changes_at = staffing.next_change_unless_waiting(bin_)
        return before != (staffing.available, staffing.is_open, staffing.room_share)

    def used(self, busy: Floats, capacity: Floats) -> None:
        """What workers served of their capacity, (n,), becomes the share of their time that was used. A batch
        that is not full keeps its worker as long as a full one. Who is away after a crash is no worker.

        capacity: what they could serve in each bin, as drawn. An autoscaler is told services of mean length,
        also in a bin whose services were so long that they took all of it: the others' were shorter, and
        counted at their mean as well. Otherwise two workers of 50 ms with 0.88 to do would seem used to 0.91.
        """
        always = busy >= 1.0
        if self.plan.capacity <= NOTHING:
            busy[:] = 0.0
        else:
            np.minimum(busy * self._workers.batch, 1.0, out=busy)
            if self._up < 1.0:
                busy *= self._up / (1.0 - busy * (1.0 - self._up))
        if self._notes:
            there, used = self._staffing.available, busy
            if self._serves_while_busy and self.plan.capacity > NOTHING:
                used = np.where(always, capacity / self.plan.capacity, busy)
            self._there_bins += there * len(busy)
            self._used_bins += there * float(used.sum())
