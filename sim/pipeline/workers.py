"""The workers: service times, and a replayed schedule through c servers."""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from scenarios.pipeline import VARIATION_MAX, Workers
from sim.seeds import one_by_one

LONG_STALL_BINS = 0.5
"""Stalls of so many bins are known bin by bin at cohort resolution."""

Floats = npt.NDArray[np.float64]


def mean_s(workers: Workers) -> float:
    """Mean seconds for which a service keeps its worker, stalls included."""
    stalls = workers.stalls
    return workers.service_time * (1.0 + stalls.rate * stalls.length if stalls else 1.0)


def spread(workers: Workers) -> float:
    """Standard deviation / mean of how long a service keeps its worker, stalls included: their number is
    Poisson's for the service time, which varies itself."""
    own, stalls = variation(workers), workers.stalls
    if not stalls or workers.service_time == 0.0:
        return own
    longer = 1.0 + stalls.rate * stalls.length
    return math.sqrt(own**2 + stalls.rate * stalls.length**2 / workers.service_time / longer**2)


def plain(workers: Workers) -> Workers:
    """Workers who take one message each and carry as much, without stalls, crashes, measured times or
    autoscaling: a batch is as many workers, and the time that a service keeps them has the same mean and
    spread."""
    told: dict[str, Any] = {"batch": 1, "stalls": None, "crashes": None, "quantiles": ()}
    told |= {"count": workers.count * workers.batch, "service_time": mean_s(workers), "autoscaling": None}
    if workers.stalls or workers.distribution == "empirical":
        told |= {"distribution": "lognormal", "variation": min(spread(workers), VARIATION_MAX)}
    return workers.model_copy(update=told)


def without_long_stalls(workers: Workers, bin_s: float) -> Workers:
    """These workers without stalls of half a bin or more, for whoever counts those bin by bin."""
    stalls = workers.stalls
    if stalls is None or stalls.length < LONG_STALL_BINS * bin_s:
        return workers
    return workers.model_copy(update={"stalls": None})


def variation(workers: Workers) -> float:
    """Standard deviation / mean of a service time."""
    if workers.distribution == "empirical":
        return _empirical_variation(workers)
    return {"deterministic": 0.0, "exponential": 1.0, "lognormal": workers.variation}[workers.distribution]


def _empirical_variation(workers: Workers) -> float:
    """Of times that are even between neighbouring quantiles."""
    times_s = _quantiles_s(workers)
    low, high = times_s[:-1], times_s[1:]
    square = float(((low * low + low * high + high * high) / 3.0).mean())
    return math.sqrt(max(0.0, square / workers.service_time**2 - 1.0))


def _quantiles_s(workers: Workers) -> Floats:
    """The empirical quantiles, scaled to the mean `service_time`."""
    told_s = np.array(workers.quantiles)
    mean_s = float(((told_s[:-1] + told_s[1:]) / 2.0).mean())
    return np.asarray(told_s * (workers.service_time / mean_s))


def _empirical(workers: Workers, chances: Floats) -> Floats:
    times_s = _quantiles_s(workers)
    return np.interp(chances, np.linspace(0.0, 1.0, len(times_s)), times_s)


def draw_services(workers: Workers, size: int, random: np.random.Generator) -> Floats:
    """float64 (size,), seconds.

    The lognormal has the mean `service_time` and the standard deviation / mean `variation`.
    """
    time_s, varying = workers.service_time, variation(workers)
    if varying == 0.0 or time_s == 0.0:
        return np.full(size, time_s)
    if workers.distribution == "exponential":
        return random.exponential(time_s, size)
    if workers.distribution == "empirical":
        return _empirical(workers, random.random(size))
    sigma2 = math.log1p(varying**2)
    return random.lognormal(math.log(time_s) - sigma2 / 2.0, math.sqrt(sigma2), size)


def draw_kept(workers: Workers, size: int, random: np.random.Generator) -> Floats:
    """float64 (size,), seconds that services keep their workers: with stalls."""
    served_s, stalls = draw_services(workers, size, random), workers.stalls
    return served_s if stalls is None else served_s + stalls.length * random.poisson(stalls.rate * served_s)


def service_times(workers: Workers, random: np.random.Generator) -> Iterator[float]:
    """Endless seconds that services keep their workers."""
    return one_by_one(lambda size: draw_kept(workers, size, random))


def served_per_bin(workers: Workers, mean: float, normals: Floats) -> Floats:
    """float64 (n,): how many messages workers that are never idle serve in each of n bins, `mean` on average.

    A renewal process of services: its counts have the variance cv^2 x mean (Cox 1962), so many times as a
    batch holds, here as a gamma variable. Wilson and Hilferty (1931) make it of a normal one, so that under
    the same `normals` more workers serve more.
    """
    spread2 = workers.batch * spread(workers) ** 2
    if spread2 == 0.0:
        return np.full(len(normals), mean)
    ninth = spread2 / (9.0 * mean)
    root = np.maximum(1.0 - ninth + math.sqrt(ninth) * normals, 0.0)
    return np.asarray(mean * root * root * root)


def serve(due_s: Floats, service_s: Floats, servers: int) -> tuple[Floats, Floats]:
    """When each arrival of a G/G/c queue is started and ended, first come first served.

    due_s: float64 (n,), ascending. service_s: float64 (n,). Returns (started_s, ended_s), float64 (n,) each.
    The recursion of Kiefer and Wolfowitz (1955): the next arrival goes to the server that is free first.
    Raises ValueError on fewer than one server.
    """
    if servers < 1:
        raise ValueError(f"{servers} servers; at least 1 is needed")
    free_s = [-math.inf] * min(servers, max(1, len(due_s)))
    started_s: list[float] = []
    for due, service in zip(due_s.tolist(), service_s.tolist(), strict=True):
        start = max(due, free_s[0])
        started_s.append(start)
        heapq.heapreplace(free_s, start + service)
    started = np.array(started_s, dtype=np.float64)
    return started, started + service_s


_EXACT_SERVERS = 1000
_LOOKS = 4000
_STALL_POINTS = 1024


def erlang_c(utilisation: Floats, servers: int) -> Floats:
    """Chance that an arrival of an M/M/c queue finds all servers busy, by utilisation (n,) from 0 to 1.

    Erlang's formula by the recursion for his B; beyond 1000 servers the limit of Halfin and Whitt (1981),
    which is then within 1 % of it.
    """
    rho = np.clip(np.asarray(utilisation, dtype=np.float64), 0.0, 1.0)
    if servers > _EXACT_SERVERS:
        beta = (1.0 - rho) * math.sqrt(servers)
        below = np.array([0.5 * math.erfc(-b / math.sqrt(2.0)) for b in beta])
        density = np.exp(-(np.minimum(beta, 37.0) ** 2) / 2.0) / math.sqrt(2.0 * math.pi)
        return np.asarray(1.0 / (1.0 + beta * below / density))
    blocked = erlang_b(rho * servers, servers)
    return np.asarray(blocked / (1.0 - rho * (1.0 - blocked)))


def erlang_b(load: Floats, servers: int) -> Floats:
    """Chance that a call finds all servers busy where nobody waits, by load (n,) in erlangs."""
    blocked = np.ones_like(load)
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked


def batch_step_s(workers: Workers) -> float:
    """From one worker's end to the next, all busy; scaled as more or less varied services scale waits behind
    batches (1 for exponential ones, see Plan.residual_s)."""
    batch, kept_s = workers.batch, mean_s(workers)
    return kept_s / workers.count * (1.0 + batch * spread(workers) ** 2) / (1.0 + batch)


@functools.lru_cache(maxsize=8)
def next_end_points(workers: Workers, points: int) -> Floats:
    """float64 (points,), ascending: equally probable seconds until the first of all workers ends, all busy,
    from a random moment on.

    What is left of a service in progress exceeds x with the chance E[(S - x)+] / E[S] (renewal theory).
    """
    service_s = service_points(workers, points)
    at_s = np.linspace(0.0, float(service_s[-1]), _LOOKS + 1)
    left = np.maximum(service_s[None, :] - at_s[:, None], 0.0).mean(axis=1) / service_s.mean()
    ended = 1.0 - left**workers.count
    return np.interp((np.arange(points) + 0.5) / points, ended, at_s)


@functools.lru_cache(maxsize=8)
def service_points(workers: Workers, points: int) -> Floats:
    """float64 (points,), ascending: equally probable seconds that services keep their workers, with the exact
    mean; to be read only."""
    served_s = _served_points(workers, points)
    if workers.stalls is None:
        return served_s
    chances = (np.arange(_STALL_POINTS) + 0.5) / _STALL_POINTS
    means = workers.stalls.rate * served_s
    most = int(means[-1] + 8.0 * math.sqrt(means[-1]) + 8.0)
    counts = np.arange(most + 1)
    factorials = np.array([math.lgamma(count + 1.0) for count in counts])
    below = np.cumsum(np.exp(np.outer(np.log(means), counts) - means[:, None] - factorials), axis=1)
    stalled = np.array([np.searchsorted(row, chances) for row in below]) * workers.stalls.length
    kept_s = np.sort(served_s[:, None] + stalled, axis=None).reshape(points, -1).mean(axis=1)
    return np.asarray(kept_s * (mean_s(workers) / kept_s.mean()))


def _served_points(workers: Workers, points: int) -> Floats:
    """As `service_points`, without stalls."""
    if variation(workers) == 0.0:
        return np.full(points, workers.service_time)
    times_s, _ = _shape(workers, (np.arange(points) + 0.5) / points)
    return np.asarray(times_s * (workers.service_time / times_s.mean()))


def served_at(workers: Workers, chances: Floats) -> Floats:
    """Seconds that a service takes at most with these chances (n,), without stalls."""
    if variation(workers) == 0.0:
        return np.full(len(chances), workers.service_time)
    times, mean = _shape(workers, chances)
    return np.asarray(times * (workers.service_time / mean))


def _shape(workers: Workers, chances: Floats) -> tuple[Floats, float]:
    """Service times (n,) with these chances in a unit of their own, and the mean of all in that unit."""
    if workers.distribution == "exponential":
        return -np.log1p(-chances), 1.0
    if workers.distribution == "empirical":
        return _empirical(workers, chances), workers.service_time
    normal, sigma2 = NormalDist(), math.log1p(variation(workers) ** 2)
    times = np.exp(math.sqrt(sigma2) * np.array([normal.inv_cdf(chance) for chance in chances]))
    return times, math.exp(sigma2 / 2.0)
