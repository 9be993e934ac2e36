"""Closed forms of queueing theory, written as their authors did and apart from the code that they judge.

Rates per second, times in seconds; `load` is arrival rate x mean service time, in erlangs.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def erlang_b(servers: int, load: float) -> float:
    """Chance that a call is lost where nobody waits (Erlang 1917)."""
    terms = [load**k / math.factorial(k) for k in range(servers + 1)]
    return terms[-1] / sum(terms)


def erlang_c(servers: int, load: float) -> float:
    """Chance that a call must wait where everybody does (Erlang 1917)."""
    waiting = load**servers / math.factorial(servers) * servers / (servers - load)
    return waiting / (sum(load**k / math.factorial(k) for k in range(servers)) + waiting)


def mmc_wait_s(servers: int, load: float, service_s: float) -> float:
    """Mean wait of M/M/c: Erlang's C times the mean wait of those who wait."""
    return erlang_c(servers, load) * service_s / (servers - load)


def mg1_wait_s(load: float, service_s: float, variation: float) -> float:
    """Mean wait of M/G/1 (Pollaczek 1930, Khinchine 1932).

    variation: standard deviation / mean of the service.
    """
    return load * service_s * (1.0 + variation**2) / (2.0 * (1.0 - load))


def kingman_wait_s(load: float, service_s: float, dispersion: float, variation: float) -> float:
    """Mean wait of G/G/1 in heavy traffic (Kingman 1961).

    dispersion: variance / mean of the arrivals' counts; variation: standard deviation / mean of the service.
    """
    return load / (1.0 - load) * (dispersion + variation**2) / 2.0 * service_s


def mmck(servers: int, places: int, load: float) -> list[float]:
    """Shares of time with 0, 1, ... `places` in an M/M/c/K system, K = places."""
    terms = [
        load**n / (math.factorial(min(n, servers)) * servers ** max(0, n - servers))
        for n in range(places + 1)
    ]
    return [term / sum(terms) for term in terms]


def mmck_sojourn_s(servers: int, places: int, load: float, rate_per_s: float) -> float:
    """Mean time in M/M/c/K of those who are let in: Little's law on the shares of time."""
    shares = mmck(servers, places, load)
    inside = sum(n * share for n, share in enumerate(shares))
    return inside / (rate_per_s * (1.0 - shares[-1]))


def impatient_loss(load: float, patience_in_services: float) -> float:
    """Share lost of M/M/1 whose customers leave unserved after so many mean services (Barrer 1957)."""
    passed = math.exp(-(1.0 - load) * patience_in_services)
    return (1.0 - load) * load * passed / (1.0 - load**2 * passed)


def bulk_wait_s(load: float, service_s: float, batch: int) -> float:
    """Mean wait of M/D^[1,n]/1, which serves up to n = `batch` that are there, as a chain at services' ends.

    From q left behind: an empty system waits for one arrival and serves it; else min(q, n) are served (Bailey
    1954). Rewards: the area under the queue from end to end; Little's law makes a wait of it.
    """
    states, rate_per_s = 400, load / service_s
    arrivals = np.array([math.exp(k * math.log(load) - load - math.lgamma(k + 1)) for k in range(states)])
    chain: npt.NDArray[np.float64] = np.zeros((states, states))
    for q in range(states):
        left = max(q - batch, 0)
        chain[q, left:] = arrivals[: states - left]
    chain /= chain.sum(axis=1, keepdims=True)
    share = np.linalg.matrix_power(chain, 4096)[0]
    left_behind = np.maximum(np.arange(states) - batch, 0)
    area = float(share @ (service_s * left_behind)) + load * service_s / 2.0
    return area / (service_s + float(share[0]) / rate_per_s) / rate_per_s
