"""What a cohort plan says of the number of its workers."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from scenarios.pipeline import Workers
from sim.pipeline.columns import REJECT, TRANSIENT
from sim.pipeline.leads import leads_of
from sim.pipeline.redelivery import away_for_bins, occupied
from sim.pipeline.staffing import Staffing
from sim.pipeline.state import Floats, Plan
from sim.pipeline.workers import erlang_b, erlang_c, mean_s, spread, without_long_stalls

_UTILISATIONS = 513
_HALVES = 50
_MANY = 1000
"""So many workers are either all busy or not, as more would be."""
NOTHING = 1e-6
"""Messages a bin that a pipeline without workers serves: nothing, but not zero."""


def manned(plan: Plan, workers: Workers, staffing: Staffing) -> Plan:
    """The plan with the workers there are now, and with a queue that has so much room, if any."""
    plan = plan._replace(bound=plan.bound * staffing.room_share if staffing.room_share else 0.0)
    if staffing.is_open and staffing.available:
        return plan._replace(**figures_of(workers, staffing.available, plan.bin_s))
    if staffing.is_open:
        return plan._replace(capacity=NOTHING, workers=0.0)
    return plan._replace(capacity=NOTHING, workers=0.0, bound=0.0, overflow=REJECT)


@functools.lru_cache(maxsize=256)
def figures_of(workers: Workers, count: int, bin_s: float) -> Mapping[str, Any]:
    """What a plan says of `count` workers; to be read only."""
    batch, own = workers.batch, without_long_stalls(workers, bin_s)
    kept_s, _ = occupied(workers.model_copy(update={"count": count}))
    met = own.model_copy(update={"crashes": None}) if away_for_bins(workers, bin_s) else own
    own_s, varying = occupied(met.model_copy(update={"count": count}))
    cv2 = varying**2
    capacity = min(count * batch * bin_s / kept_s, 1e18) if kept_s else 1e18
    return {
        "capacity": capacity,
        "workers": float(count),
        "stalls": _stalls(workers, count, bin_s) if own is not workers else np.zeros(0),
        "residual_s": own_s * (1.0 + batch * cv2) / 2.0 / count / batch,
        "unevenness": (1.0 + batch * cv2) / (TRANSIENT * capacity),
        "asking_spread": batch * spread(own) ** 2,
        "busy_chance": _waiting(batch, count),
        "leads": leads_of(own, count),
    }


def _stalls(workers: Workers, count: int, bin_s: float) -> Floats:
    """As Plan.stalls. A stall begins evenly within its bin."""
    assert workers.stalls is not None
    long = workers.stalls.length / bin_s
    serving = count * workers.service_time / mean_s(workers)

    def until(bins: Floats) -> Floats:
        """How much of a stall has passed `bins` after the beginning of its bin, if it began there, summed."""
        return np.where(bins < long, bins**2 / 2.0, long * (bins - long / 2.0))

    passed = until(np.arange(math.ceil(long) + 2.0))
    in_bins = np.diff(np.diff(passed, prepend=0.0), prepend=0.0)[1:]
    return np.array([count, workers.stalls.rate * bin_s, serving, *in_bins])


@functools.lru_cache(maxsize=256)
def _waiting(batch: int, count: int) -> Floats:
    """As Plan.busy_chance.

    Exponential services decide on the chances: with a message that waits w times as likely as one less, w the
    root of n x (1 - w) = w (1 - w^n), all workers are busy as in M/M^[1,n]/c (Medhi 2003, ch. 4), and whoever
    waits then waits behind others with the chance w^n.
    """
    x = np.linspace(0.0, 1.0, _UTILISATIONS)
    if batch == 1:
        return np.array([erlang_c(x, count), np.ones_like(x)])
    w = _likelier(x, batch)
    few = min(count, _MANY)
    full = erlang_b(x * batch * few, few - 1) * x * batch / np.maximum(1.0 - w, 1e-12)
    ahead = w**batch
    behind = 2.0 * batch / (batch + 1.0) * ahead * (1.0 - x) / np.maximum(1.0 - ahead, 1e-12)
    behind[-1] = 1.0
    return np.array([full / (full + 1.0), behind])


def _likelier(x: Floats, batch: int) -> Floats:
    """The root w of n x (1 - w) = w (1 - w^n) from 0 to 1 that is not 1 itself, by halves; 1 at x = 1."""
    low, high = np.zeros_like(x), np.ones_like(x)
    for _ in range(_HALVES):
        w = (low + high) / 2.0
        # divided by 1 - w, which both sides have: n x = w + w^2 + ... + w^n
        above = sum(w**k for k in range(1, batch + 1)) > batch * x
        low, high = np.where(above, low, w), np.where(above, w, high)
    return np.asarray((low + high) / 2.0)
