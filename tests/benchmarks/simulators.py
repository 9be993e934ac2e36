"""The model of bench_simulation in other simulators' own words: SimPy, Ciw, salabim.

Poisson arrivals to workers with exponential service, then a token bucket; who is refused backs off, doubling
each time with jitter of a half, and needs a worker again; after the last attempt it is lost.
"""

from __future__ import annotations

import importlib.util
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy


@dataclass(frozen=True)
class Model:
    """Rates per second, times in seconds."""

    offered_per_s: float
    workers: int
    service_s: float
    limit_per_s: float
    attempts: int
    backoff_s: float
    season_s: float


class Bucket:
    """A token bucket that starts full, as everybody would write it."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._updated_s = burst, 0.0

    def admits(self, now_s: float) -> bool:
        """Take a token if there is one."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._updated_s) * self._rate)
        self._updated_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def simpy_per_cpu_s(model: Model) -> float:
    """SimPy as its tutorials have it: a process a message, a Resource of workers. Messages per CPU second."""
    env, draws, delays_s, sent = simpy.Environment(), np.random.default_rng(1), [], 0
    workers, bucket = simpy.Resource(env, model.workers), Bucket(model.limit_per_s, model.limit_per_s)

    def source() -> Generator[simpy.Event, Any, None]:
        nonlocal sent
        while True:
            yield env.timeout(draws.exponential(1.0 / model.offered_per_s))
            sent += 1
            env.process(message())

    def message() -> Generator[simpy.Event, Any, None]:
        due_s, backoff_s = env.now, model.backoff_s
        for _ in range(model.attempts):
            with workers.request() as worker:
                yield worker
                yield env.timeout(draws.exponential(model.service_s))
            if bucket.admits(env.now):
                delays_s.append(env.now - due_s)
                return
            yield env.timeout(backoff_s * draws.uniform(0.5, 1.5))
            backoff_s *= 2.0

    env.process(source())
    began_s = time.process_time()
    env.run(model.season_s)
    return sent / (time.process_time() - began_s)


def ciw_per_cpu_s(model: Model) -> float:
    """Ciw: workers and backoffs are two nodes, the bucket decides where to go. Messages per CPU second."""
    import ciw

    bucket = Bucket(model.limit_per_s, model.limit_per_s)

    class Backoff(ciw.dists.Distribution):  # type: ignore[misc]  # Ciw is untyped
        def sample(self, t: float | None = None, ind: Any = None) -> float:
            return model.backoff_s * 2.0 ** (ind.attempts - 1) * random.uniform(0.5, 1.5)

    class Asking(ciw.routing.NodeRouting):  # type: ignore[misc]  # Ciw is untyped
        def next_node(self, ind: Any) -> Any:
            if bucket.admits(self.simulation.current_time):
                return self.simulation.nodes[-1]
            ind.attempts = getattr(ind, "attempts", 0) + 1
            return self.simulation.nodes[-1 if ind.attempts == model.attempts else 2]

    ciw.seed(1)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=model.offered_per_s), None],
        service_distributions=[ciw.dists.Exponential(rate=1.0 / model.service_s), Backoff()],
        number_of_servers=[model.workers, float("inf")],
        routing=ciw.routing.NetworkRouting(routers=[Asking(), ciw.routing.Direct(to=1)]),
    )
    simulation = ciw.Simulation(network)
    began_s = time.process_time()
    simulation.simulate_until_max_time(model.season_s)
    used_s = time.process_time() - began_s
    return float(simulation.nodes[0].number_of_individuals) / used_s


def salabim_per_cpu_s(model: Model) -> float:
    """Salabim without yields: a component a message, a Resource of workers. Messages per CPU second."""
    import salabim

    env = salabim.Environment(trace=False, random_seed=1, yieldless=True)
    workers = salabim.Resource("workers", capacity=model.workers, env=env)
    bucket = Bucket(model.limit_per_s, model.limit_per_s)

    sent: list[float] = []

    class Message(salabim.Component):  # type: ignore[misc]  # salabim is untyped
        def process(self) -> None:
            sent.append(env.now())
            backoff_s = model.backoff_s
            for _ in range(model.attempts):
                self.request(workers)
                self.hold(random.expovariate(1.0 / model.service_s))
                self.release(workers)
                if bucket.admits(env.now()):
                    return
                self.hold(backoff_s * random.uniform(0.5, 1.5))
                backoff_s *= 2.0

    between_s = salabim.Exponential(1.0 / model.offered_per_s, env=env)
    salabim.ComponentGenerator(Message, iat=between_s, env=env)
    began_s = time.process_time()
    env.run(till=model.season_s)
    return len(sent) / (time.process_time() - began_s)


OTHERS: dict[str, tuple[str, Callable[[Model], float]]] = {
    "Ciw": ("ciw", ciw_per_cpu_s),
    "salabim": ("salabim", salabim_per_cpu_s),
}
"""Name to (module, messages per CPU second)."""


def present(name: str) -> bool:
    """Whether it is installed here."""
    return importlib.util.find_spec(OTHERS[name][0]) is not None
