"""How far a higher class is ahead at a limit that opens little by little, before workers who are all busy.

Of all that asks the share `passes` passes; of the higher class (1 + lead) times as much. In tables, so that
the kernel need but look: figures of the crew alone, by the class's share of what asks and by `passes`.

- A batch asks the higher class first. Who waits is taken in batches of up to n at random moments, so k of a
  batch are of that class with the chances of a geometric number cut off at n (as in M/M^[1,n]/1); of the
  tokens that opened since the last batch it finds as many as asks before it left.
- Services that vary forget how the moments came to be spaced: token gaps are random, even to one worker's
  regularity, and independent of k. Equal services keep each gap: what came in a long one asks after as long.
- Of a long gap's tokens some are there when those ask who came in it: more before fewer workers and after
  more varied services (one by one sim.pipeline.leadsvaried, in batches by trial, within 0.05).
- Workers of equal services who take one message each have laws of their own: sim.pipeline.rhythmlaws.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from scenarios.pipeline import Workers
from sim.pipeline.columns import REGULAR
from sim.pipeline.leadsvaried import varied_lead
from sim.pipeline.workers import spread

POINTS = 17
"""Of the class's share, and of what passes, from 0 to 1."""
_MANY_WORKERS, _MANY_MESSAGES = 32, 64
"""More would lead as these do, but for the workers of varied services, of whom more lead less."""
_NO_LEAD_WORKERS = 160
_NOTHING = 0.005
"""A lead that is not worth a look."""
_GAPS = 16
_HALVES = 40

Floats = npt.NDArray[np.float64]


def leads_of(workers: Workers, count: int) -> Floats:
    """float64 (1 or 2, POINTS, POINTS): leads by the class's share and by what passes, of asks one by one and
    of the workers' whole batches. Empty where none is worth a look."""
    exponential = workers.distribution == "exponential" and workers.stalls is None
    crew = min(count, _NO_LEAD_WORKERS), round(spread(workers), 2), exponential
    return _leads(min(workers.batch, _MANY_MESSAGES), *crew)


@functools.lru_cache(maxsize=64)
def _leads(batch: int, workers: int, varying: float, exponential: bool) -> Floats:
    even = np.linspace(0.0, 1.0, POINTS)
    share, passes = np.maximum(even, 1e-3)[:, None], np.maximum(even, 0.02)[None, :]
    sizes = (1,) if batch == 1 else (1, batch)
    tables = np.array([_lead(n, workers, varying, exponential, share, passes) for n in sizes])
    # no more of a class than all of it, nor more than passes in all
    tables = np.minimum(tables, 1.0 / np.maximum(share, passes) - 1.0)
    return tables if tables.max() > _NOTHING else np.zeros((0, POINTS, POINTS))


def _lead(
    batch: int, workers: int, varying: float, exponential: bool, share: Floats, passes: Floats
) -> Floats:
    """float64 (shares, passes): of one size of batches."""
    if batch == 1 and varying >= REGULAR:
        return varied_lead(workers, varying, exponential, share, passes)
    workers = min(workers, _MANY_WORKERS)
    if varying < REGULAR:
        return _regular(batch, workers, share, passes) if batch > 1 else np.zeros_like(share * passes)
    regained = 1.05 - 0.59 / batch
    power = 1.0 + 1.0 / batch
    left = regained * varying**power * (1.0 - share**2) * (1.0 - passes) * passes
    kept = np.asarray(left / (workers * (1.0 - passes) + passes))
    return np.asarray(kept + _varied(batch, workers, varying, share, passes))


def _varied(batch: int, workers: int, varying: float, share: Floats, passes: Floats) -> Floats:
    """Of batches whose services vary."""
    own = min(1.0, varying**2)
    gaps2 = own + (1.0 - own) * (workers - 1.0) / (workers + 1.0)
    opened = passes * batch
    least = opened * (1.0 - math.sqrt(gaps2))

    def found(asks: int) -> Floats:
        """Of `opened` tokens on average, as varied as the gaps and never fewer than `least`, up to `asks`."""
        beyond = np.maximum(asks - least, 0.0)
        return np.asarray(np.minimum(asks, least) - (opened - least) * np.expm1(-beyond / (opened - least)))

    likelier = _root(lambda w: _sum(w**k for k in range(1, batch + 1)), share * batch, 1.0)
    first = _sum(likelier**k * (found(k) - found(k - 1)) for k in range(1, batch + 1))
    return _with_left_over(first / (share * batch), found(batch) / batch, share, passes)


def _regular(batch: int, workers: int, share: Floats, passes: Floats) -> Floats:
    """Of batches whose services are equally long: of c workers' moments a gap exceeds x of its mean with the
    chance (1 - x / c)^(c - 1), and what comes in it is Poisson's."""
    chances = (np.arange(_GAPS) + 0.5) / _GAPS
    gaps = workers * (1.0 - (1.0 - chances) ** (1.0 / (workers - 1.0))) if workers > 1 else np.ones(1)
    gaps = (gaps / gaps.mean())[:, None, None]

    def reach(mean: Floats) -> list[Floats]:
        """By k: the chance that k or more of a batch are of the class, of `mean` that come in a mean gap."""
        term = np.exp(-mean * gaps)
        below, tails = term, []
        for k in range(1, batch + 1):
            tails.append(1.0 - below)
            term = term * mean * gaps / k
            below = below + term
        return tails

    mean = _root(lambda each: _sum(reach(each)).mean(axis=0), share * batch, 20.0 * batch)
    opened = passes * batch * gaps
    first = _sum(tail * np.clip(opened - k, 0.0, 1.0) for k, tail in enumerate(reach(mean))).mean(axis=0)
    of_all = np.minimum(opened, batch).mean(axis=0) / batch
    return _with_left_over(first / (share * batch), of_all, share, passes)


def _with_left_over(first: Floats, of_all: Floats, share: Floats, passes: Floats) -> Floats:
    """Leads where so much of the class, and of all, finds what opened since the last batch; what batches left
    over passes as much more as makes all that pass."""
    saved = np.maximum(0.0, (passes - of_all) / (1.0 - of_all + 1e-12))
    passed = np.minimum(saved + (1.0 - saved) * first, np.minimum(1.0, passes / share))
    return np.maximum(passed / passes - 1.0, 0.0)


def _sum(terms: Iterable[Floats]) -> Floats:
    return np.asarray(np.sum(list(terms), axis=0))


def _root(rising: Callable[[Floats], Floats], wanted: Floats, most: float) -> Floats:
    """Where `rising` is what is wanted, from 0 to `most`, by halves."""
    low, high = np.zeros_like(wanted), np.full_like(wanted, most)
    for _ in range(_HALVES):
        middle = (low + high) / 2.0
        above = rising(middle) > wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2.0
